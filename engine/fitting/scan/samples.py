"""Points of a body's surface that stand for all of it while it is fitted to a scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ...bodies.smpl24 import SMPL24_NAMES
from ...formats.body_file import BodyData
from ..kinematics import Kinematics, Parameters, Posed

BODY_JOINTS = SMPL24_NAMES[1:22]  # those that a scan can tell; fingers and face stay at rest
_FACE_FORWARD = 0.3  # z of the rest normal from which the head is face, not hair


@dataclass
class State:
    """N bodies: what a fit changes."""

    root: Tensor  # (N, 3, 3) body to world
    position: Tensor  # (N, 3) of the root joint, metres
    pose: Tensor  # (N, J, 3) axis-angle, radians; row 0 unused
    betas: Tensor  # (N, B)

    def rows(self, index: Tensor | slice | list[int]) -> State:
        """Some of the bodies."""
        return State(*(getattr(self, f)[index] for f in State.__dataclass_fields__))

    def repeat(self, count: int) -> State:
        """Every body `count` times, one after the other."""
        names = State.__dataclass_fields__
        return State(*(getattr(self, f).repeat_interleave(count, 0) for f in names))

    @staticmethod
    def join(states: list[State]) -> State:
        """The bodies of all."""
        names = State.__dataclass_fields__
        return State(*(torch.cat([getattr(s, f) for s in states]) for f in names))


class Samples:
    """K triangles spread evenly over a body, and how they move."""

    def __init__(self, body: BodyData, count: int) -> None:
        spread = _spread_out(body, count)
        corners = body.faces[spread]
        self.body = body
        self.joints = [body.joint_names.index(name) for name in BODY_JOINTS]
        self.area = torch.as_tensor(_areas(body, spread)).float()
        self.bare, self.shod = (torch.as_tensor(part) for part in _regions(body, corners))
        like = torch.zeros(0)
        middles = replace(
            body,
            keypoint_joint=np.full(count, -1, np.int32),
            keypoint_verts=corners,
            keypoint_bary=np.full((count, 3), 1 / 3, np.float32),
            exprdirs=body.exprdirs[..., :0],
        )
        free = Parameters(tuple(self.joints), True, 0)
        self._middles = Kinematics(middles, range(count), free, like)
        used, place = np.unique(corners, return_inverse=True)
        self._place = torch.as_tensor(place.reshape(-1, 3))
        edges = replace(
            middles,
            keypoint_joint=np.full(len(used), -1, np.int32),
            keypoint_verts=np.repeat(used[:, None], 3, 1),
            keypoint_bary=np.tile(np.array([1, 0, 0], np.float32), (len(used), 1)),
        )
        self._corners = Kinematics(edges, range(len(used)), free, like)

    def pose(self, state: State, derivatives: bool = False) -> tuple[Posed, Tensor]:
        """The samples posed, and their outward normals (N, K, 3)."""
        none = state.betas[:, :0]
        given = (state.root, state.position, state.pose, state.betas, none)
        posed = self._middles.pose(*given, derivatives=derivatives)
        a, b, c = self._corners.pose(*given).points[:, self._place].unbind(2)
        normals = torch.linalg.cross(b - a, c - a)
        return posed, torch.nn.functional.normalize(normals, dim=-1)

    def transl(self, state: State) -> Tensor:
        """(N, 3) metres: what is added to the body that turned about its root joint."""
        return state.position - self._middles.root_offset(state.betas)


def _spread_out(body: BodyData, count: int) -> np.ndarray:
    """(K,) faces, each as far as can be from those before: the first few are spread out too."""
    middles = body.v_template[body.faces].mean(1)
    owner = body.weights[body.faces[:, 0]].argmax(1)
    eyes = [j for j, name in enumerate(body.joint_names) if name.endswith("_eye")]
    distance = np.where(np.isin(owner, eyes), -1.0, np.inf)
    chosen = np.empty(count, np.int64)
    chosen[0] = np.abs(middles).sum(1).argmin()
    for k in range(1, count):
        gap = ((middles - middles[chosen[k - 1]]) ** 2).sum(1)
        np.minimum(distance, gap, out=distance)
        chosen[k] = distance.argmax()
    return chosen


def _areas(body: BodyData, chosen: np.ndarray) -> np.ndarray:
    """(K,) the share of the surface that each of the faces stands for."""
    a, b, c = body.v_template[body.faces].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    middles = (a + b + c) / 3
    _, owner = cKDTree(middles[chosen]).query(middles)
    total = np.bincount(owner, area, minlength=len(chosen))
    return total / total.sum()


def _regions(body: BodyData, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K,) bool each: what is seldom covered (face, hands), what is in shoes."""
    names = np.array(body.joint_names)[body.weights[corners[:, 0]].argmax(1)]
    a, b, c = body.v_template[corners].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    forward = normals[:, 2] > _FACE_FORWARD * np.linalg.norm(normals, axis=1)
    face = np.isin(names, ("head", "jaw")) & forward
    fingers = ("index", "middle", "pinky", "ring", "thumb", "wrist", "hand")
    hands = np.array([any(part in name for part in fingers) for name in names])
    feet = np.array([name.endswith(("_ankle", "_foot")) for name in names])
    return face | hands, feet
