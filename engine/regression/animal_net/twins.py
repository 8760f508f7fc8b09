"""Mirror images of animals: what is left becomes right, and the body stays a proper one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...formats.animal_file import AnimalData

_ACROSS = (-1.0, 1.0, -1.0)  # what becomes of an axis-angle in the mirror y = 0


def twin_joints(data: AnimalData) -> np.ndarray:
    """(J,) each joint's counterpart across y = 0; itself in the middle."""
    return _nearest(data.J_regressor @ data.v_template)


def twin_keypoints(data: AnimalData) -> np.ndarray:
    """(K,) each keypoint's counterpart across y = 0; itself in the middle.

    Names tell where they do; else the place does.
    """
    names = data.keypoint_names
    swap = {"left_": "right_", "right_": "left_"}
    found = _nearest(data.keypoints @ data.v_template) if names else np.zeros(0, int)
    for row, name in enumerate(names):
        side = next((side for side in swap if name.startswith(side)), "")
        other = swap.get(side, "") + name.removeprefix(side)
        if other in names:
            found[row] = names.index(other)
    return found


def _nearest(places: np.ndarray) -> np.ndarray:
    mirrored = places * (1, -1, 1)
    # A body of the user may be lopsided: twins are each other's, or nobody's.
    twin = np.linalg.norm(mirrored[:, None] - places[None], axis=-1).argmin(1)
    own = np.arange(len(places))
    return np.where(twin[twin] == own, twin, own)


def mirror(pose: Tensor, root: Tensor, twins: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations (N, J, 3) without the root's in use, and the root's matrices (N, 3, 3), mirrored.

    `picture` (3,): which axes of the camera the mirror turns round, as -1; one of the three. A body
    of the same shape in the returned pose looks as the given one in the mirror.
    """
    across = torch.tensor(_ACROSS).to(pose)
    flip = torch.diag(torch.tensor((1.0, -1.0, 1.0))).to(pose)
    return pose[:, twins] * across, torch.diag(picture.to(root)) @ root @ flip
