"""SMALify's own output for the scripts of its users: a folder a frame with picture, pickle, mesh.

Its world is y-up with x to the right, and its camera stands at z = 2.7 and looks back along z: our
camera space turned half round x and moved. Its lens sees 60 degrees and ours is the footage's.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from ..capture.overlay import BodyPainter
from ..formats.ply import PlyMesh, write_ply
from ..progress import Progress
from .animal_fitted import FittedAnimal

_STEM = "st10_ep0"  # SMALify's name for what it ends with
_FLIP = np.diag([1.0, -1.0, -1.0])
_CAMERA = np.array([0.0, 0.0, 2.7])


def write_smalify(folder: Path, fitted: FittedAnimal, progress: Progress) -> None:
    """Write NNNN/st10_ep0.png, .pkl and .ply for each frame of the footage into `folder`."""
    painter = BodyPainter(fitted.body.faces, fitted.camera)
    values = _parameters(fitted)
    meshes = (mesh for part, _ in fitted.posed() for mesh in part)
    for number, picture, mesh in zip(fitted.clip.frame_ids, fitted.excerpt, meshes, strict=False):
        place = folder / f"{number:04d}"
        place.mkdir(parents=True)
        Image.fromarray(painter.paint(picture, [mesh])).save(place / f"{_STEM}.png")
        (place / f"{_STEM}.pkl").write_bytes(pickle.dumps(next(values), protocol=2))
        moved = (mesh @ _FLIP + _CAMERA).astype(np.float32)
        write_ply(place / f"{_STEM}.ply", PlyMesh(moved, fitted.body.faces))
        progress.tick()


def _parameters(fitted: FittedAnimal) -> Iterator[dict[str, np.ndarray]]:
    """SMALify's variables of each frame, float32, by its names."""
    fit, root = fitted.fit, fitted.root
    turns = Rotation.from_matrix(_FLIP) * Rotation.from_rotvec(fit.pose[:, 0])
    places = (root + fit.transl) @ _FLIP + _CAMERA - root
    for turn, pose, place in zip(turns.as_rotvec(), fit.pose, places, strict=True):
        found = {
            "global_rotation": turn[None],
            "joint_rotations": pose[None, 1:],
            "betas": fit.betas,
            "log_betascale": fit.limb_logscale,
            "trans": place[None],
        }
        yield {name: np.asarray(value, np.float32) for name, value in found.items()}
