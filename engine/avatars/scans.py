"""What an avatar is trained from: posed scans and the body inside them, in SCANimate's layout."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..bodies.pose_files import MINIMAL, find_pose, read_pose, with_minimal
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..geometry.mesh_file import Scan, list_scans, read_scan
from ..progress import Progress

_MILLIMETRES = 10.0  # a person higher than this many metres is measured in millimetres
_REGISTER = "Register the scans first: layfigure register SCANS -o FOLDER, then train on FOLDER."
_AWAY = 0.35  # metres between the middle of a scan and of its body: the pose is another scan's


@dataclass
class Scans:
    """Scans in world space (metres, y up) and their poses. S scans, J joints."""

    names: list[str]
    poses: np.ndarray  # (S, J, 3) axis-angle, radians
    transl: np.ndarray  # (S, 3) metres
    meshes: list[Scan]
    body: BodyData  # the person without clothes, shape baked in
    notes: list[str] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        """What these poses are, to know them again."""
        return sha256(self.poses.tobytes() + self.transl.tobytes()).hexdigest()

    def centred(self, row: int) -> np.ndarray:
        """Vertices (V, 3) of a scan, moved so that the body in it has no translation."""
        return self.meshes[row].vertices - self.transl[row]


def load_scans(folder: str | os.PathLike, body: BodyData, progress: Progress) -> Scans:
    """The scans in `folder`: minimal.ply beside one folder of NAME.ply with NAME.npz or .pkl.

    `body` must have the vertices of minimal.ply. Begins a part of `progress`. Raises InputError for
    a folder that is not one of these or whose scans and poses do not belong together.
    """
    folder = Path(folder)
    files = _scan_files(folder)
    minimal = folder / MINIMAL
    if not minimal.is_file():
        raise InputError(f"{folder}: there is no {MINIMAL}, the body without clothes.", _REGISTER)
    person = with_minimal(body, minimal)
    progress.begin(len(files), "Reading the scans")
    scans = Scans([], np.zeros(0), np.zeros(0), [], person)
    poses, places = [], []
    for file in files:
        pose_file = find_pose(file.parent, file.stem)
        if pose_file is None:
            raise InputError(f"{file}: no pose beside it ({file.stem}.npz or .pkl).", _REGISTER)
        given = read_pose(pose_file, person)
        scan = read_scan(file)
        if np.ptp(scan.vertices[:, 1]) > _MILLIMETRES:
            scan.vertices = scan.vertices / 1000
        _check_place(file, scan, given.transl + person.joints(person.v_template)[0])
        scans.names.append(file.stem)
        scans.meshes.append(scan)
        scans.notes += [f"{file.name}: {note}" for note in scan.notes]
        poses.append(given.pose)
        places.append(given.transl)
        progress.tick()
    scans.poses, scans.transl = np.stack(poses), np.stack(places)
    if len(files) == 1:
        scans.notes.append(
            "One scan only: the clothes will follow the body stiffly, without folds of their own."
        )
    return scans


def _scan_files(folder: Path) -> list[Path]:
    """The scans of the one folder in `folder` that has some, or of itself."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder.", "Give the folder that holds minimal.ply.")
    inner = [p for p in sorted(folder.iterdir()) if p.is_dir() and "textured" not in p.name]
    found = [files for files in map(list_scans, inner) if files]
    if len(found) > 1:
        names = ", ".join(files[0].parent.name for files in found)
        raise InputError(
            f"{folder}: it holds several folders of scans ({names}); an avatar is of one outfit.",
            "Give each outfit a folder of its own, with its minimal.ply.",
        )
    own = [file for file in list_scans(folder) if file.name != MINIMAL]
    files = found[0] if found else own
    if not files:
        raise InputError(f"{folder}: there are no scans in it.", "Give a folder of scans.")
    return files


def _check_place(file: Path, scan: Scan, pelvis: np.ndarray) -> None:
    least, most = scan.vertices.min(0), scan.vertices.max(0)
    outside = np.maximum(least - pelvis, pelvis - most).max()
    if outside > _AWAY:
        raise InputError(
            f"{file}: its pose puts the body {outside:.1f} m beside the scan.",
            "Check its transl, the unit (metres) and the axes (y up), or register the scans.",
        )
