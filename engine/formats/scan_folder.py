"""A folder of scans with poses in SCANimate's layout: what an avatar is trained from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .npz import write_npz
from .ply import PlyMesh, write_ply

LICENCE = """\
These scans were made by Layfigure itself: its own body, dressed in clothes that its own script
makes and that Blender's cloth simulation drapes, seen by virtual cameras. No person was scanned.

Creative Commons CC0 1.0 Universal: to the extent possible under law, all copyright and related
rights are waived. https://creativecommons.org/publicdomain/zero/1.0/
"""


@dataclass
class PosedScan:
    """A raw scan in world space (metres, y up) and the pose of the body inside it.

    The body is the minimal body skinned to `pose`, its root turned about its own joint, and then
    moved by `transl`.
    """

    name: str
    mesh: PlyMesh
    pose: np.ndarray  # (72,) axis-angle, radians, SMPL's order of joints
    transl: np.ndarray  # (3,) metres


def smpl_pose(pose: np.ndarray) -> np.ndarray:
    """(72,) of a pose (J, 3) whose first 22 joints are those of SMPL: the hands stay flat."""
    return np.concatenate([pose[:22].ravel(), np.zeros(6)]).astype(np.float32)


def write_scan_folder(
    folder: str | os.PathLike, name: str, minimal: PlyMesh, scans: Iterable[PosedScan]
) -> None:
    """Write minimal.ply (T-pose, body without clothes), LICENSE.txt and the scans below `name`."""
    folder = Path(folder)
    (folder / name).mkdir(parents=True, exist_ok=True)
    write_ply(folder / "minimal.ply", minimal)
    (folder / "LICENSE.txt").write_text(LICENCE, encoding="utf-8")
    for scan in scans:
        write_ply(folder / name / f"{scan.name}.ply", scan.mesh)
        write_npz(
            folder / name / f"{scan.name}.npz",
            pose=scan.pose.astype(np.float32),
            transl=scan.transl.astype(np.float32),
        )
