"""Interpenetration as a term of the fit: capsules of the body that overlap push each other apart.

The depth of a pair is the largest overlap of a ball of one capsule with a ball of the other. Its
derivative is that of the two contact points, each fixed to its joint (where the balls lie on their
segments does not matter to first order). Shape moves capsules too; the solver sees that in the
cost but gets no derivative for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..bodies.capsules import body_capsules
from ..formats.body_file import BodyData
from .banded import System
from .kinematics import Kinematics

_ROUNDS = 8  # of the search for the deepest balls
_AT_ONCE = 1024  # contacts whose outer products are held at once
MARGIN = 0.005  # m that capsules may overlap: skin gives way
COLLIDE = 150.0  # 1 / m, see Weights.collide


@dataclass
class Contacts:
    """M pairs of capsules that overlap; differentiable where rotations and positions are."""

    body: Tensor  # (M,) which of the N bodies
    pair: Tensor  # (M,) row of `Collision.pairs`
    depth: Tensor  # (M,) metres, above 0
    points: Tensor  # (M, 2, 3) centres of the deepest balls
    normal: Tensor  # (M, 3) from the second ball to the first


class Collision:
    """The capsules of one body, ready for many poses."""

    def __init__(self, body: BodyData, like: Tensor, margin: float = MARGIN) -> None:
        capsules = body_capsules(body)

        def put(array: object) -> Tensor:
            return torch.as_tensor(array).to(like)

        self.regions = capsules.regions
        self.joint = torch.as_tensor(capsules.joint, device=like.device)
        self.pairs = torch.as_tensor(capsules.pairs, device=like.device)  # (P, 2)
        self.ends, self.ends_betas = put(capsules.ends), put(capsules.ends_betas)
        self.radii, self.radii_betas = put(capsules.radii), put(capsules.radii_betas)
        self.slack = put(capsules.slack) + margin  # (P,)

    def place(self, turns: Tensor, places: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Ends (N, C, 2, 3) and radii (N, C, 2) of the capsules of N bodies, metres.

        turns (N, J, 3, 3) and places (N, J, 3): global rotations and positions of the joints;
        betas (N, B).
        """
        local = self.ends + torch.einsum("ceib,nb->ncei", self.ends_betas, betas)
        ends = local @ turns[:, self.joint].transpose(-1, -2) + places[:, self.joint][:, :, None]
        radii = self.radii + torch.einsum("ceb,nb->nce", self.radii_betas, betas)
        return ends, radii.clamp_min(1e-3)

    def contacts(self, turns: Tensor, places: Tensor, betas: Tensor) -> Contacts:
        """Where N bodies overlap with themselves; arguments as of `place`."""
        ends, radii = self.place(turns, places, betas)
        first, second = self.pairs.T
        with torch.no_grad():
            middle = ends.mean(2)
            reach = (ends[:, :, 0] - middle).norm(dim=-1) + radii.amax(-1)
            apart = (middle[:, first] - middle[:, second]).norm(dim=-1)
            near = apart < reach[:, first] + reach[:, second] - self.slack
            body, pair = torch.nonzero(near, as_tuple=True)
            a, b = first[pair], second[pair]
            along = _deepest(ends[body, a], radii[body, a], ends[body, b], radii[body, b])
        points = torch.stack([_at(ends[body, a], along[:, 0]), _at(ends[body, b], along[:, 1])], 1)
        gap = points[:, 0] - points[:, 1]
        distance = gap.square().sum(-1).clamp_min(1e-12).sqrt()
        thick = _at(radii[body, a], along[:, 0]) + _at(radii[body, b], along[:, 1])
        depth = thick - self.slack[pair] - distance
        deep = torch.nonzero(depth > 0)[:, 0]
        return Contacts(
            body[deep], pair[deep], depth[deep], points[deep], (gap / distance[:, None])[deep]
        )

    def add(
        self,
        kinematics: Kinematics,
        pose: Tensor,
        betas: Tensor,
        weight: float,
        system: System,
    ) -> None:
        """Add (weight * depth)² of every contact to the normal equations of B clips.

        pose (B, T, J, 3), betas (B, S'), weight 1 / m. A body's overlap with itself does not
        change with its root, so that is left at rest.
        """
        batch, frames = pose.shape[:2]
        pose = pose.flatten(0, 1)
        turns, places = kinematics.chain(pose, betas.repeat_interleave(frames, 0))
        found = self.contacts(turns, places, betas.repeat_interleave(frames, 0))
        if not len(found.body):
            return
        clip = found.body // frames
        system.cost.index_add_(0, clip, (weight * found.depth).square())
        rows = weight * self._rows(kinematics, turns, places, pose, found)  # (M, 3 A)
        size = rows.shape[1]
        curve = rows.new_zeros(batch * frames, size, size)
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            body = found.body[first : first + _AT_ONCE]
            curve.index_add_(0, body, some[:, :, None] * some[:, None, :])
        pull = rows.new_zeros(batch * frames, size)
        pull.index_add_(0, found.body, rows * (weight * found.depth)[:, None])
        start = 6 * kinematics.free.root
        part = slice(start, start + size)
        system.diagonal[..., part, part] += curve.unflatten(0, (batch, frames))
        system.gradient[..., part] += pull.unflatten(0, (batch, frames))

    def _rows(
        self, kinematics: Kinematics, turns: Tensor, places: Tensor, pose: Tensor, found: Contacts
    ) -> Tensor:
        """(M, 3 A) derivative of each depth by the free joints' axis-angles."""
        bare = int(kinematics.free.root)
        moved, below = kinematics.moved[bare:], kinematics.below[:, bare:]
        axes = kinematics.axes(turns, pose)[:, bare:]  # (N, A, 3, 3)
        centres = places[found.body][:, moved]  # (M, A, 3)
        normal = found.normal[:, None].expand_as(centres)
        torque = torch.zeros_like(centres)
        for end, sign in ((0, -1.0), (1, 1.0)):
            carried = below[self.joint[self.pairs[found.pair, end]]]  # (M, A)
            lever = found.points[:, end, None] - centres
            torque += sign * carried[..., None] * torch.cross(lever, normal, dim=-1)
        return torch.einsum("madc,mad->mac", axes[found.body], torque).flatten(1)


def _at(ends: Tensor, share: Tensor) -> Tensor:
    """Between the two ends (M, 2, ...), `share` (M,) of the way."""
    share = share.view(-1, *[1] * (ends.dim() - 2))
    return ends[:, 0] + share * (ends[:, 1] - ends[:, 0])


def _deepest(ends: Tensor, radii: Tensor, others: Tensor, other_radii: Tensor) -> Tensor:
    """(M, 2) where on its segment each capsule of a pair has the ball that is deepest in the other.

    The overlap is concave in both places, so moving one at a time climbs to the top.
    """
    share = torch.full_like(radii, 0.5)
    for _ in range(_ROUNDS):
        share[:, 0] = _best(ends, radii, _at(others, share[:, 1]))
        share[:, 1] = _best(others, other_radii, _at(ends, share[:, 0]))
    return share


def _best(ends: Tensor, radii: Tensor, point: Tensor) -> Tensor:
    """(M,) where on a tapered capsule the surface is nearest to (or deepest over) `point`."""
    axis = ends[:, 1] - ends[:, 0]
    length = axis.square().sum(-1).clamp_min(1e-12).sqrt()
    slope = ((radii[:, 1] - radii[:, 0]) / length).clamp(-0.9, 0.9)
    gap = point - ends[:, 0]
    foot = (gap * axis).sum(-1) / length
    height = (gap.square().sum(-1) - foot.square()).clamp_min(0).sqrt()
    return ((foot + height * slope / (1 - slope.square()).sqrt()) / length).clamp(0, 1)
