"""The joints that data sets and scores of SMPL's regressors tell of, out of a body of 24 joints.

The 49 are OpenPose's 25 (BODY_25), then 24 that data sets annotate: right ankle, knee and hip, left
hip, knee and ankle; right wrist, elbow and shoulder, left shoulder, elbow and wrist (0..11); neck,
head top, pelvis (MPII), thorax; spine, jaw and head (Human3.6M); nose, eyes and ears, left first.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...bodies.smpl24 import SMPL24_NAMES
from ...formats.errors import InputError

OPENPOSE, ANNOTATED = 25, 24
EXTRA, H36M = 9, 17  # joints of SPIN's and of Human3.6M's regressors
VERTICES = 6890  # of SMPL
CORNERS = (  # vertices of SMPL: nose, eyes and ears, feet, finger tips
    *(332, 6260, 2800, 4071, 583, 3216, 3226, 3387, 6617, 6624, 6787, 2746, 2319, 2445, 2556),
    *(2673, 6191, 5782, 5905, 6016, 6133),
)
# Rows of the 24 joints, the 21 corners and the 9 extra ones.
CHOSEN = (
    *(24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34),
    *(8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, 47, 48, 49, 50, 51, 52, 53, 24, 26, 25, 28, 27),
)
# Rows of Human3.6M's 17 joints: the first 14 annotated ones, and where they are measured from.
_H36M_14, _H36M_ROOT = (6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10), 0
# What stands where after left and right are changed.
MIRRORED_OPENPOSE = (
    *(0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21),
)
MIRRORED_ANNOTATED = (
    *(5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 15, 16, 17, 18, 19, 21, 20, 23, 22),
)
MIRRORED_49 = (*MIRRORED_OPENPOSE, *(OPENPOSE + row for row in MIRRORED_ANNOTATED))
_SIDES = {"left": "right", "right": "left"}
MIRRORED_SMPL = tuple(
    SMPL24_NAMES.index("_".join(_SIDES.get(part, part) for part in name.split("_")))
    for name in SMPL24_NAMES
)


def joints_14(vertices: Tensor, regressor: Tensor) -> Tensor:
    """The 14 joints (N, 14, 3) of 3DPW's and Human3.6M's scores, metres from the pelvis.

    `vertices` (N, 6890, 3), metres; `regressor` (17, 6890): Human3.6M's (J_regressor_h36m.npy).
    """
    found = regressor @ vertices
    return found[:, _H36M_14] - found[:, _H36M_ROOT, None]


def read_joint_regressor(path: str | os.PathLike, joints: int) -> Tensor:
    """SPIN's (J_regressor_extra.npy, EXTRA joints) or Human3.6M's file (H36M), (joints, 6890).

    Raises InputError for a file that is missing, damaged or of other joints: GraphCMR has one of
    the same name with 14.
    """
    path = Path(path)
    hint = f"Give SPIN's file of {joints} joints."
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.", "Check the path.") from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: this is no array of numbers, or cut short.", hint) from error
    shape = getattr(found, "shape", None)
    if shape != (joints, VERTICES) or found.dtype.kind != "f" or not np.isfinite(found).all():
        raise InputError(f"{path}: it is not {joints} x {VERTICES} numbers.", hint)
    return torch.from_numpy(found).float()
