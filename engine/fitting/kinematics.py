"""Keypoints of a posed body with analytic derivatives, evaluated without the mesh.

Each keypoint is a sum over a few joints: x_k = Σ_j G_j (u_kj + U_kj β + E_kj e) + w_kj P_j, where
G_j and P_j are the global rotation and position of joint j. All of it is derived once from the
body, so a clip costs a few hundred multiply-adds a keypoint instead of a mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..formats.body_file import BodyData
from ..geometry.rotations import axis_angle_to_matrix, left_jacobian


@dataclass
class Posed:
    """N posed bodies. Derivatives are there only when asked for."""

    points: Tensor  # (N, K, 3)
    joints: Tensor  # (N, J, 3)
    frame: Tensor | None = None  # (N, K, 3, D) by the frame's own parameters
    shared: Tensor | None = None  # (N, K, 3, B) by betas


@dataclass(frozen=True)
class Parameters:
    """Which parameters of a frame are free, in this order: root, position, joints, expression."""

    joints: tuple[int, ...]  # free joints other than the root
    root: bool  # root rotation (left-multiplied increment) and root position
    expressions: int  # number of free expression coefficients

    @property
    def size(self) -> int:
        return 6 * self.root + 3 * len(self.joints) + self.expressions


class Kinematics:
    """The keypoints `points` (indices of the body's keypoint table) of one body."""

    def __init__(
        self, body: BodyData, points: Sequence[int], free: Parameters, like: Tensor
    ) -> None:
        self.free = free
        self.joint_names = body.joint_names
        self.parents = [int(p) for p in body.parents]
        rest, rest_betas = body.v_template, body.shapedirs
        joints = np.einsum("jv,vc->jc", body.J_regressor, rest)
        joints_betas = np.einsum("jv,vcb->jcb", body.J_regressor, rest_betas)
        entries = _entries(body, points, joints, joints_betas)

        def put(array: np.ndarray) -> Tensor:
            return torch.as_tensor(np.asarray(array)).to(like)

        self.entry_point = torch.tensor([e[0] for e in entries], device=like.device)
        self.entry_joint = torch.tensor([e[1] for e in entries], device=like.device)
        self.entry_weight = put(np.array([e[2] for e in entries]))
        self.entry_rest = put(np.stack([e[3] for e in entries]))
        self.entry_betas = put(np.stack([e[4] for e in entries]))
        self.entry_expr = put(np.stack([e[5] for e in entries]))
        offsets, offsets_betas = joints.copy(), joints_betas.copy()
        for j, parent in enumerate(self.parents):
            if parent >= 0:
                offsets[j] -= joints[parent]
                offsets_betas[j] -= joints_betas[parent]
        self.offsets = put(offsets)  # (J, 3) from the parent joint, β = 0
        self.offsets_betas = put(offsets_betas)  # (J, 3, B)
        self.root_rest = put(joints[0])
        self.root_betas = put(joints_betas[0])
        self.levels = _levels(self.parents)
        self.count = len(points)
        ancestors = np.zeros((len(self.parents), len(self.parents)))
        for j in range(len(self.parents)):
            k = j
            while k >= 0:
                ancestors[j, k] = 1.0
                k = self.parents[k]
        moved = ([0] if free.root else []) + list(free.joints)
        self.moved = torch.tensor(moved, device=like.device, dtype=torch.long)
        self.below = put(ancestors[:, moved])  # (J, A): is j at or below a?

    def pose(
        self,
        root: Tensor,
        position: Tensor,
        pose: Tensor,
        betas: Tensor,
        expression: Tensor,
        derivatives: bool = False,
        shape: bool = True,
    ) -> Posed:
        """Pose N bodies.

        root (N, 3, 3), position (N, 3) of the root joint in metres, pose (N, J, 3) axis-angle (its
        root row is not used), betas (N, B), expression (N, E).
        """
        offsets = self.offsets + torch.einsum("jcb,nb->njc", self.offsets_betas, betas)
        turns, places = self._chain(root, position, pose, offsets)
        local = self.entry_rest + torch.einsum("ecb,nb->nec", self.entry_betas, betas)
        if expression.shape[1]:
            local = local + torch.einsum("ecx,nx->nec", self.entry_expr, expression)
        entry_turns = turns[:, self.entry_joint]
        parts = (entry_turns @ local[..., None])[..., 0]
        parts = parts + self.entry_weight[:, None] * places[:, self.entry_joint]
        points = parts.new_zeros(len(root), self.count, 3)
        points.index_add_(1, self.entry_point, parts)
        posed = Posed(points, places)
        if derivatives:
            posed.frame = self._by_frame(turns, places, pose, parts, entry_turns)
            posed.shared = self._by_betas(turns, entry_turns) if shape else None
        return posed

    def _chain(
        self, root: Tensor, position: Tensor, pose: Tensor, offsets: Tensor
    ) -> tuple[Tensor, Tensor]:
        local = axis_angle_to_matrix(pose)
        turns = local.clone()
        places = torch.zeros_like(offsets)
        turns[:, 0], places[:, 0] = root, position
        for joints, parents in self.levels:
            above = turns[:, parents]
            turns[:, joints] = above @ local[:, joints]
            places[:, joints] = places[:, parents] + (above @ offsets[:, joints, :, None])[..., 0]
        return turns, places

    def _by_frame(
        self, turns: Tensor, places: Tensor, pose: Tensor, parts: Tensor, entry_turns: Tensor
    ) -> Tensor:
        count, joints = len(parts), len(self.parents)
        spread = parts.new_zeros(count, self.count * joints, 3)
        spread[:, self.entry_point * joints + self.entry_joint] = parts
        spread = spread.view(count, self.count, joints, 3)
        mass = parts.new_zeros(self.count * joints)
        mass[self.entry_point * joints + self.entry_joint] = self.entry_weight
        lever = torch.einsum("nkjc,ja->nkac", spread, self.below)
        mass = mass.view(self.count, joints) @ self.below
        lever = lever - mass[None, :, :, None] * places[:, None, self.moved]
        axes = self.axes(turns, pose)  # (N, A, 3, 3), columns are the world axes of a parameter
        first, last = 6 * self.free.root, 6 * self.free.root + 3 * len(self.free.joints)
        blocks = parts.new_zeros(count, self.count, 3, self.free.size)
        bare = len(self.moved) - len(self.free.joints)  # 1 if the root moves: its block comes first
        for c in range(3):
            d, e = (c + 1) % 3, (c + 2) % 3
            turned = axes[:, None, :, d] * lever[..., e, None]
            turned -= axes[:, None, :, e] * lever[..., d, None]  # axis x lever, (N, K, A, 3)
            blocks[:, :, c, first:last] = turned[:, :, bare:].flatten(2)
            if self.free.root:
                blocks[:, :, c, :3] = turned[:, :, 0]
                blocks[:, :, c, 3 + c] = 1.0
        if self.free.expressions:
            moved = entry_turns @ self.entry_expr[:, :, : self.free.expressions]
            blocks[..., last:].index_add_(1, self.entry_point, moved)
        return blocks

    def axes(self, turns: Tensor, pose: Tensor) -> Tensor:
        """(N, A, 3, 3) d(world rotation vector)/d(parameter) of the joints `moved`.

        The left Jacobian of SO(3), in the world; turns (N, J, 3, 3) as of `chain`.
        """
        parents = [self.parents[j] for j in self.free.joints]
        axes = turns[:, parents] @ left_jacobian(pose[:, list(self.free.joints)])
        if self.free.root:
            eye = torch.eye(3, device=pose.device, dtype=pose.dtype).expand(len(pose), 1, 3, 3)
            axes = torch.cat([eye, axes], 1)
        return axes

    def chain(self, pose: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """World rotations (N, J, 3, 3) and positions (N, J, 3) of the joints, the root at rest."""
        offsets = self.offsets + torch.einsum("jcb,nb->njc", self.offsets_betas, betas)
        root = torch.eye(3, device=pose.device, dtype=pose.dtype).expand(len(pose), 3, 3)
        return self._chain(root, torch.zeros_like(pose[:, 0]), pose, offsets)

    def _by_betas(self, turns: Tensor, entry_turns: Tensor) -> Tensor:
        count, size = len(turns), self.offsets_betas.shape[2]
        places = turns.new_zeros(count, len(self.parents), 3, size)
        for joints, parents in self.levels:
            places[:, joints] = places[:, parents] + turns[:, parents] @ self.offsets_betas[joints]
        parts = entry_turns @ self.entry_betas
        parts = parts + self.entry_weight[:, None, None] * places[:, self.entry_joint]
        points = turns.new_zeros(count, self.count, 3, size)
        return points.index_add_(1, self.entry_point, parts)

    def root_offset(self, betas: Tensor) -> Tensor:
        """(..., 3) rest position of the root joint: transl = position - root_offset."""
        return self.root_rest + torch.einsum("cb,...b->...c", self.root_betas, betas)


def _levels(parents: list[int]) -> list[tuple[list[int], list[int]]]:
    """Joints by depth in the tree, each with its parent, without the root."""
    depth = [0] * len(parents)
    for j, parent in enumerate(parents):
        depth[j] = 0 if parent < 0 else depth[parent] + 1
    return [
        ([j for j, d in enumerate(depth) if d == level],
         [parents[j] for j, d in enumerate(depth) if d == level])
        for level in range(1, max(depth) + 1)
    ]  # fmt: skip


def _entries(
    body: BodyData, points: Sequence[int], joints: np.ndarray, joints_betas: np.ndarray
) -> list[tuple]:
    """(keypoint, joint, weight, u (3,), U (3, B), E (3, X)), one for each joint of a keypoint."""
    entries = []
    nothing = np.zeros((3, body.shapedirs.shape[2])), np.zeros((3, body.exprdirs.shape[2]))
    for row, point in enumerate(points):
        joint = int(body.keypoint_joint[point])
        if joint >= 0:
            entries.append((row, joint, 1.0, np.zeros(3), *nothing))
            continue
        corners, shares = body.keypoint_verts[point], body.keypoint_bary[point]
        weights = body.weights[corners] * shares[:, None]  # (3, J)
        for j in np.flatnonzero(weights.sum(0) > 1e-7):
            w = weights[:, j]
            rest = w @ (body.v_template[corners] - joints[j])
            by_betas = np.einsum("i,icb->cb", w, body.shapedirs[corners] - joints_betas[j])
            by_expr = np.einsum("i,icx->cx", w, body.exprdirs[corners])
            entries.append((row, int(j), float(w.sum()), rest, by_betas, by_expr))
    return entries
