"""A body in torch: shape and pose to vertices, or to keypoints alone.

Body space: metres, y up, facing +z, left side +x. Follows the SMPL family: joints are regressed
from the shaped rest mesh, pose correctives are added, then linear blend skinning, then `transl`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..formats.body_file import BodyData
from ..geometry.rotations import axis_angle_to_matrix
from .skinning import Chain, skin


class _Posable(nn.Module):
    """What the two paths share: a set of rest points that is shaped, corrected and skinned."""

    rest: Tensor  # (P, 3)
    shape_blend: Tensor  # (P, 3, B)
    expression_blend: Tensor  # (P, 3, E)
    pose_blend: Tensor  # (P, 3, C), only where the body has pose correctives
    pose_map: Tensor  # (C, 9 (J - 1)), only where these are fewer than the pose feature's numbers
    weights: Tensor  # (P, J)
    joint_rest: Tensor  # (J, 3)
    joint_blend: Tensor  # (J, 3, B + E)

    def __init__(self, data: BodyData, points: np.ndarray, dtype: torch.dtype) -> None:
        super().__init__()
        self.data = data
        self.chain = Chain(data.parents)
        joints = np.concatenate([data.shapedirs, data.exprdirs], axis=-1).astype(np.float64)
        regressor = data.J_regressor.astype(np.float64)
        arrays = {
            "rest": data.v_template[points],
            "shape_blend": data.shapedirs[points],
            "expression_blend": data.exprdirs[points],
            "weights": data.weights[points],
            "joint_rest": regressor @ data.v_template.astype(np.float64),
            "joint_blend": np.tensordot(regressor, joints, axes=1),
        }
        if data.posedirs is not None:
            arrays["pose_blend"] = data.posedirs[points]
        if data.posemap is not None:
            arrays["pose_map"] = data.posemap
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array).to(dtype), persistent=False)

    def pose_points(
        self, betas: Tensor, pose: Tensor, transl: Tensor, expression: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Posed points (N, P, 3) and joints (N, J, 3), metres."""
        points, joints = self.turned(betas, axis_angle_to_matrix(pose), expression)
        return points + transl[:, None], joints + transl[:, None]

    def turned(
        self, betas: Tensor, rotations: Tensor, expression: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Points (N, P, 3) and joints (N, J, 3), metres, the root joint where it is at rest.

        betas (N or 1, b); rotations (N, J, 3, 3) relative to the parent; expression (N or 1, e).
        """
        rest, joints = self._shape(betas, expression)
        if self.data.posedirs is not None:
            identity = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
            feature = (rotations[:, 1:] - identity).flatten(1)
            if self.data.posemap is not None:
                feature = feature @ self.pose_map.T
            rest = rest + _blend(self.pose_blend, feature)
        joints = joints.expand(len(rotations), -1, -1)
        turns, places = self.chain(rotations, joints)
        return skin(rest, self.weights, turns, places, joints), places

    def _shape(self, betas: Tensor, expression: Tensor | None) -> tuple[Tensor, Tensor]:
        count = self.shape_blend.shape[-1]
        rest = self.rest + _blend(self.shape_blend, betas)
        joints = self.joint_rest + _blend(self.joint_blend[..., :count], betas)
        if expression is not None:
            rest = rest + _blend(self.expression_blend, expression)
            joints = joints + _blend(self.joint_blend[..., count:], expression)
        return rest, joints


class Body(_Posable):
    """The whole mesh, or of it the vertices `rows` (P,), which then are its V.

    `Body(data)` is float32 on the CPU; `.to(device, dtype)` moves it.
    """

    def __init__(
        self,
        data: BodyData,
        dtype: torch.dtype = torch.float32,
        rows: np.ndarray | None = None,
    ) -> None:
        super().__init__(data, np.arange(len(data.v_template)) if rows is None else rows, dtype)

    def forward(
        self, betas: Tensor, pose: Tensor, transl: Tensor, expression: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and joints (N, J, 3), metres.

        betas (N or 1, b) and expression (N or 1, e): fewer coefficients than components are fine;
        pose (N, J, 3) axis-angle relative to the parent, radians; transl (N, 3), metres.
        """
        return self.pose_points(betas, pose, transl, expression)

    def keypoint_body(self, names: Sequence[str] | None = None) -> KeypointBody:
        """The same body for the keypoints `names` alone (all by default), same dtype and device.

        Raises KeyError for a name that the body's table does not have.
        """
        keypoints = KeypointBody(self.data, names, self.rest.dtype)
        return keypoints.to(self.rest.device)


class KeypointBody(_Posable):
    """Only the vertices that keypoints lie on: a few hundred times cheaper than the mesh."""

    corner: Tensor  # (K, 3) rows among the points
    joint: Tensor  # (K,)
    surface: Tensor  # (K,) whether a point of the surface
    bary: Tensor  # (K, 3)

    def __init__(
        self,
        data: BodyData,
        names: Sequence[str] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        table = {name: row for row, name in enumerate(data.keypoint_names)}
        self_names = tuple(data.keypoint_names if names is None else names)
        rows = np.array([table[name] for name in self_names], dtype=np.int64)
        surface = data.keypoint_joint[rows] < 0
        points, corner = np.unique(data.keypoint_verts[rows[surface]], return_inverse=True)
        super().__init__(data, points, dtype)
        self.names = self_names
        corners = np.zeros((len(rows), 3), dtype=np.int64)
        corners[surface] = corner.reshape(-1, 3)
        joint = np.maximum(data.keypoint_joint[rows], 0).astype(np.int64)
        for name, array in (("corner", corners), ("joint", joint), ("surface", surface)):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        bary = torch.as_tensor(data.keypoint_bary[rows]).to(dtype)
        self.register_buffer("bary", bary, persistent=False)

    def forward(
        self, betas: Tensor, pose: Tensor, transl: Tensor, expression: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (N, K, 3) in the order of `names` and joints (N, J, 3), metres.

        Arguments as of `Body.forward`.
        """
        points, joints = self.pose_points(betas, pose, transl, expression)
        if not self.surface.any():
            return joints[:, self.joint], joints
        on_surface = (points[:, self.corner] * self.bary[..., None]).sum(-2)
        chosen = torch.where(self.surface[:, None], on_surface, joints[:, self.joint])
        return chosen, joints


def _blend(directions: Tensor, coefficients: Tensor) -> Tensor:
    """Offsets (N, P, 3) of blend directions (P, 3, C) for coefficients (N, c), c <= C."""
    used = directions[..., : coefficients.shape[-1]]
    flat = coefficients @ used.flatten(0, 1).T
    return flat.unflatten(-1, (-1, 3))
