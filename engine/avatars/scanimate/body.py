"""The body without clothes in SCANimate's canonical pose: legs apart, arms to the sides.

Its transforms lead from canonical space to a pose; its hands and feet replace those of the scans.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ...bodies.skinning import Chain
from ...formats.body_file import BodyData
from ...geometry.rotations import axis_angle_to_matrix
from .skinning import blend, move

SPREAD = 25.0  # degrees that each leg is turned outward
_HIPS = {"left_hip": 1.0, "right_hip": -1.0}  # sign of the turn about z
# SMPL's vertices that the original cuts at, and what stands for them on other bodies.
_SMPL_VERTICES = 6890
_SMPL_CUTS = {"left_wrist": 2005, "right_wrist": 5509, "left_ankle": 3392, "right_ankle": 6730}
_OVERLAP = 0.03  # m that the body reaches past the cut into the scan
_MARGIN = (0.55, 0.6, 1.5)  # half sizes of the box, in sizes of the body


class CanonicalBody(nn.Module):
    """A shaped body of J joints; all tensors float32, metres. V vertices."""

    rest: Tensor  # (V, 3) T-pose
    weights: Tensor  # (V, J)
    joints: Tensor  # (J, 3) T-pose
    spread_pose: Tensor  # (J, 3) axis-angle, in which the body is that of canonical space
    faces: Tensor  # (F, 3)
    vertices: Tensor  # (V, 3) canonical
    normals: Tensor  # (V, 3) canonical, outward
    from_rest: Tensor  # (V, 4, 4) T-pose to canonical
    to_rest: Tensor  # (J, 4, 4) canonical bones back to the T-pose
    posedirs: Tensor  # (V, 3, 9 (J - 1)), where the body has pose correctives

    def __init__(self, data: BodyData, spread: float = SPREAD) -> None:
        super().__init__()
        self.data, self.chain = data, Chain(data.parents)
        self.corrected = data.posedirs is not None
        arrays = {"rest": data.v_template, "weights": data.weights, "faces": data.faces}
        if data.posedirs is not None:
            arrays["posedirs"] = data.posedirs
        arrays["joints"] = data.joints(data.v_template)
        for name, array in arrays.items():
            kind = torch.int64 if name == "faces" else torch.float32
            self._keep(name, torch.as_tensor(np.ascontiguousarray(array)).to(kind))
        pose = torch.zeros(len(data.parents), 3)
        for name, sign in _HIPS.items():
            pose[data.joint_names.index(name), 2] = sign * math.radians(spread)
        self._keep("spread_pose", pose)
        bones = self._from_rest(pose)
        self._keep("from_rest", blend(self.weights, bones))
        self._keep("to_rest", torch.linalg.inv(bones))
        self._keep("vertices", move(self.from_rest, self._shaped(pose)))
        self._keep("normals", vertex_normals(self.vertices, self.faces))
        self.spread = math.radians(spread)

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    @property
    def box(self) -> tuple[Tensor, Tensor]:
        """The canonical box, each (3,), with room for clothes."""
        least, most = self.vertices.amin(0), self.vertices.amax(0)
        reach = (most - least) * torch.tensor(_MARGIN).to(least)
        return (least + most) / 2 - reach, (least + most) / 2 + reach

    def bones(self, pose: Tensor) -> Tensor:
        """Transforms (..., J, 4, 4) from canonical space to `pose` (..., J, 3) axis-angle.

        The root turns about its own joint.
        """
        return self._from_rest(pose) @ self.to_rest

    def posed(self, pose: Tensor) -> Tensor:
        """The body's vertices (..., V, 3) in `pose` (..., J, 3)."""
        return move(blend(self.weights, self._from_rest(pose)), self._shaped(pose))

    def canonical(self, pose: Tensor) -> Tensor:
        """Canonical vertices (..., V, 3) with the pose correctives of `pose` (..., J, 3)."""
        return move(self.from_rest, self._shaped(pose)).expand(*pose.shape[:-2], -1, -1)

    def _shaped(self, pose: Tensor) -> Tensor:
        if not self.corrected:
            return self.rest
        turns = axis_angle_to_matrix(pose[..., 1:, :]) - torch.eye(3).to(pose)
        return self.rest + torch.einsum("vcp,...p->...vc", self.posedirs, turns.flatten(-3))

    def _from_rest(self, pose: Tensor) -> Tensor:
        flat = pose.reshape(-1, *pose.shape[-2:])
        turns, places = self.chain(
            axis_angle_to_matrix(flat), self.joints.expand(len(flat), -1, -1)
        )
        shift = places - (turns @ self.joints[..., None]).squeeze(-1)
        upper = torch.cat([turns, shift[..., None]], -1)
        last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:2], 1, 4)
        return torch.cat([upper, last], -2).reshape(*pose.shape[:-1], 4, 4)

    def is_hand_or_foot(self, points: Tensor, overlap: float = 0.0) -> Tensor:
        """Which canonical points (..., 3) lie beyond wrists or ankles, the limit moved inward."""
        cuts = self._cuts()
        beyond = points[..., 0] > cuts["left_wrist"] - overlap
        beyond = beyond | (points[..., 0] < cuts["right_wrist"] + overlap)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            down = points @ self._along_leg(sign)
            own_leg = points[..., 0] * sign > 0
            beyond = beyond | (own_leg & (down < cuts[f"{side}_ankle"] + overlap))
        return beyond

    def hands_and_feet(self) -> Tensor:
        """The body's vertices (n,) that replace those of the scans."""
        return self.is_hand_or_foot(self.vertices, _OVERLAP).nonzero().squeeze(-1)

    def _along_leg(self, sign: float) -> Tensor:
        """The direction (3,) up along a leg; a point times it is its height once the leg hangs."""
        turn = sign * self.spread
        return self.vertices.new_tensor([-math.sin(turn), math.cos(turn), 0.0])

    def _cuts(self) -> dict[str, Tensor]:
        """Where hands begin (x) and feet end (height along the leg), metres."""
        places = {}
        joints = move(torch.linalg.inv(self.to_rest), self.joints)
        for name, vertex in _SMPL_CUTS.items():
            if len(self.vertices) == _SMPL_VERTICES:
                places[name] = self.vertices[vertex]
            else:
                places[name] = joints[self.data.joint_names.index(name)]
        return {
            "left_wrist": places["left_wrist"][0] + self._past_joint,
            "right_wrist": places["right_wrist"][0] - self._past_joint,
            "left_ankle": places["left_ankle"] @ self._along_leg(1.0),
            "right_ankle": places["right_ankle"] @ self._along_leg(-1.0),
        }

    @property
    def _past_joint(self) -> float:
        """A wrist's joint lies in the sleeve's end; the cut is a little further out."""
        return 0.0 if len(self.vertices) == _SMPL_VERTICES else _OVERLAP


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (..., V, 3), area-weighted, of vertices (..., V, 3)."""
    corners = vertices[..., faces, :]
    edges = corners[..., 1:, :] - corners[..., :1, :]
    area = torch.linalg.cross(edges[..., 0, :], edges[..., 1, :])
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        normals.index_add_(-2, faces[:, corner], area)
    return torch.nn.functional.normalize(normals, dim=-1)
