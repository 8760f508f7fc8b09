"""The 49 joints of joints.py, and the vertices that a network looks at, out of a body of 24 joints.

SMPL tells its joints by SPIN's file; the shipped body by its own landmarks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ...bodies.model import Body
from ...bodies.smpl24 import SMPL24_NAMES
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...formats.keypoints import BODY_25
from .estimate import JOINTS, Estimate
from .joints import CHOSEN, CORNERS, EXTRA, OPENPOSE, VERTICES

# The 24 annotated joints by landmarks of the shipped body, see joints.py; of two, the middle.
_ANNOTATED: tuple[tuple[str, ...], ...] = (
    *(("RAnkle",), ("RKnee",), ("RHip",), ("LHip",), ("LKnee",), ("LAnkle",)),
    *(("RWrist",), ("RElbow",), ("RShoulder",), ("LShoulder",), ("LElbow",), ("LWrist",)),
    *(("Neck",), ("top",), ("MidHip",), ("RShoulder", "LShoulder"), ("spine2",), ("face_8",)),
    *(("face_27",), ("Nose",), ("LEye",), ("REye",), ("LEar",), ("REar",)),
)


class BodyJoints(nn.Module):
    """Posed vertices and joints to the 49 joints.

    `rows` (R,) are the vertices that it asks for; `known` (49,) tells which of the 49 the body has:
    SMPL without `extra` (9, 6890), SPIN's regressor, lacks some.
    """

    matrix: Tensor  # (49, 24 + R)
    known: Tensor  # (49,) bool

    def __init__(self, data: BodyData, extra: Tensor | None = None) -> None:
        super().__init__()
        whole = _of_smpl(data, extra) if _is_smpl(data) else _of_landmarks(data)
        used = np.flatnonzero(np.abs(whole[:, JOINTS:]).sum(0))
        self.rows = used
        chosen = np.concatenate([np.arange(JOINTS), JOINTS + used])
        self.register_buffer("matrix", torch.from_numpy(whole[:, chosen]).float(), persistent=False)
        known = torch.from_numpy(np.abs(whole).sum(1) > 0)
        self.register_buffer("known", known, persistent=False)

    def forward(self, vertices: Tensor, joints: Tensor) -> Tensor:
        """(N, 49, 3) of vertices (N, R, 3) and joints (N, 24, 3), in their unit."""
        return self.matrix @ torch.cat([joints, vertices], dim=1)


class SeenBody(nn.Module):
    """Of a body of 24 joints the vertices `markers` (M,) and the 49 joints, posed by estimates."""

    def __init__(
        self, data: BodyData, markers: np.ndarray | None = None, extra: Tensor | None = None
    ) -> None:
        super().__init__()
        self.joints = BodyJoints(data, extra)
        self.markers = 0 if markers is None else len(markers)
        first = np.zeros(0, np.int64) if markers is None else markers
        self.body = Body(data, rows=np.concatenate([first, self.joints.rows]))

    def forward(self, estimate: Estimate) -> tuple[Tensor, Tensor]:
        """Markers (N, M, 3) and the 49 joints (N, 49, 3), metres, the root where it is at rest."""
        markers, joints, _ = self.all(estimate.betas, estimate.rotations)
        return markers, joints

    def all(self, betas: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Markers, the 49 joints, and SMPL's 24 (N, 24, 3), of betas (N, 10) and (N, 24, 3, 3)."""
        vertices, joints = self.body.turned(betas, rotations)
        markers, rest = vertices[:, : self.markers], vertices[:, self.markers :]
        return markers, self.joints(rest, joints), joints


def _is_smpl(data: BodyData) -> bool:
    return len(data.v_template) == VERTICES


def _of_smpl(data: BodyData, extra: Tensor | None) -> np.ndarray:
    """(49, 24 + 6890)."""
    whole = np.zeros((JOINTS + len(CORNERS) + EXTRA, JOINTS + VERTICES))
    whole[np.arange(JOINTS), np.arange(JOINTS)] = 1
    whole[JOINTS + np.arange(len(CORNERS)), JOINTS + np.array(CORNERS)] = 1
    if extra is not None:
        whole[-EXTRA:, JOINTS:] = extra.numpy()
    return whole[list(CHOSEN)]


def _of_landmarks(data: BodyData) -> np.ndarray:
    """(49, 24 + V). Raises InputError for a body without the landmarks of BODY_25."""
    table = {name: row for row, name in enumerate(data.keypoint_names)}
    wanted = {name for names in _ANNOTATED for name in names} - {"top", "spine2"}
    missing = sorted({*BODY_25, *wanted} - {*table})
    if missing:
        raise InputError(
            f"{data.name} has no landmark {missing[0]}, so its joints cannot be compared.",
            "Use SMPL or the shipped body.",
        )

    def row(name: str) -> np.ndarray:
        found = np.zeros(JOINTS + len(data.v_template))
        if name == "top":
            found[JOINTS + int(data.v_template[:, 1].argmax())] = 1
        elif name in SMPL24_NAMES:
            found[SMPL24_NAMES.index(name)] = 1
        elif data.keypoint_joint[table[name]] >= 0:
            found[data.keypoint_joint[table[name]]] = 1
        else:
            corners = JOINTS + data.keypoint_verts[table[name]]
            np.add.at(found, corners, data.keypoint_bary[table[name]])
        return found

    annotated = [np.mean([row(name) for name in names], axis=0) for names in _ANNOTATED]
    found = np.stack([*(row(name) for name in BODY_25), *annotated])
    assert len(found) == OPENPOSE + len(_ANNOTATED)
    return found
