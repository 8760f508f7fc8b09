"""An animal's body in torch: shape, limb scales and pose to vertices and joints.

Axes and units are the model's own (x from tail to head, z up). As in the SMPL family joints are
regressed from the shaped rest mesh, pose correctives added, and the mesh skinned; besides, a joint
may stretch what hangs on it along its own axes, and its children do not inherit that.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..formats.animal_file import AnimalData
from ..geometry.rotations import axis_angle_to_matrix
from .skinning import Chain, skin


class AnimalBody(nn.Module):
    """The whole mesh. `AnimalBody(data)` is float32 on the CPU; `.to(device, dtype)` moves it."""

    rest: Tensor  # (V, 3)
    shape_blend: Tensor  # (V, 3, B)
    pose_blend: Tensor  # (V, 3, 9 (J - 1)), only where the body has pose correctives
    regressor: Tensor  # (J, V)
    weights: Tensor  # (V, J)
    limb_axes: Tensor  # (L, J, 3)
    points: Tensor  # (K, V)

    def __init__(self, data: AnimalData, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.data = data
        self.chain = Chain(data.parents)
        arrays = {
            "rest": data.v_template,
            "shape_blend": data.shapedirs,
            "regressor": data.J_regressor,
            "weights": data.weights,
            "limb_axes": data.limb_axes,
            "points": data.keypoints,
        }
        if data.posedirs is not None:
            arrays["pose_blend"] = data.posedirs
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array).to(dtype), persistent=False)

    def forward(
        self, betas: Tensor, limb_logscale: Tensor | None, pose: Tensor, transl: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Vertices (N, V, 3) and the joints regressed from them (N, J, 3), in the model's units.

        betas (N or 1, b), b <= B: the other components are zero; limb_logscale (N or 1, L) logs of
        the limb scales, None for none; pose (N, J, 3) axis-angle relative to the parent, radians;
        transl (N, 3).
        """
        rest = self.shaped(betas)
        joints = (self.regressor @ rest).expand(len(pose), -1, -1)
        rotations = axis_angle_to_matrix(pose)
        if self.data.posedirs is not None:
            identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
            rest = rest + _blend(self.pose_blend, (rotations[:, 1:] - identity).flatten(1))
        local = rotations
        if limb_logscale is not None:
            local = self._stretched(rotations, limb_logscale)
        turns, places = self.chain(local, joints)
        vertices = skin(rest, self.weights, turns, places, joints) + transl[:, None]
        return vertices, self.regressor @ vertices

    def shaped(self, betas: Tensor) -> Tensor:
        """Rest vertices (N, V, 3) of shapes (N, b), b <= B."""
        return self.rest + _blend(self.shape_blend[..., : betas.shape[-1]], betas)

    def keypoints(self, vertices: Tensor) -> Tensor:
        """The points (N, K, 3) of the body's table on posed vertices (N, V, 3)."""
        return self.points @ vertices

    def _stretched(self, rotations: Tensor, limb_logscale: Tensor) -> Tensor:
        """Matrices (N, J, 3, 3) relative to the parent: its stretch undone, turned, stretched."""
        scale = torch.tensordot(limb_logscale, self.limb_axes, dims=1).exp()  # (N, J, 3)
        parent = scale[:, self.chain.parent_of[1:], :, None]
        others = rotations[:, 1:] / parent * scale[:, 1:, None, :]
        return torch.cat([rotations[:, :1], others], dim=1)


def _blend(directions: Tensor, coefficients: Tensor) -> Tensor:
    """Offsets (N, V, 3) of blend directions (V, 3, C) for coefficients (N, C)."""
    return (coefficients @ directions.flatten(0, 1).T).unflatten(-1, (-1, 3))
