"""What may be the pose of every frame of a clip, before anything is fitted.

The hypotheses of the initialiser, and beside them a plain standing body that faces each of four
ways, for what it has never seen. Shapes: B clips, T frames, H guesses, A body joints.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..bodies.initialiser import LIMBS, TRUNK, load_initialiser, look_at, read_answers
from ..bodies.pose_prior import PosePrior
from ..geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .evidence import BODY_POINTS, LEAST
from .problem import State

YAWS = (0.0, 0.5 * math.pi, math.pi, 1.5 * math.pi)  # facing the camera, left, away, right
_PLAIN = math.log(0.01)  # probability of each plain guess
_LOOSE = 1.5  # rad, spread of a plain guess's root
_ANY = 1e3  # rad, no expectation at all
_PIECE = 4096  # frames that the network sees at once


@dataclass
class Alternatives:
    """H whole poses of every frame and how likely each is."""

    root: Tensor  # (B, T, H, 3, 3) body to camera
    root_spread: Tensor  # (B, T, H) rad
    pose: Tensor  # (B, T, H, A, 3) axis-angle
    spread: Tensor  # (B, T, H, A, 3) rad
    share: Tensor  # (B, T, H) log probability

    def at(self, index: Tensor) -> Alternatives:
        """Of every frame those of `index` (B, T, K)."""
        return Alternatives(*(_along(getattr(self, f), index) for f in _FIELDS))

    def priors(self, plain: PosePrior) -> PosePrior:
        """Every one as the prior of a clip of one frame: (B * T * H, 1, ...)."""
        rows = (self.pose, self.spread, self.root, self.root_spread)
        mean, spread, root, root_spread = (x.flatten(0, 2)[:, None] for x in rows)
        return replace(plain, mean=mean, spread=spread, root=root, root_spread=root_spread)


@dataclass
class Guesses:
    """Turns of the root with the trunk's pose, and M ways each limb may bend for each of them."""

    base: Alternatives  # each turn; its limbs are not meant to be used
    ways: list[Tensor]  # of each limb (B, T, H, M, joints, 3) axis-angle
    spreads: list[Tensor]  # likewise, rad
    shares: list[Tensor]  # of each limb (B, T, H, M) log probability

    def of(self, frames: Tensor) -> Guesses:
        """The guesses of some frames."""
        base = Alternatives(*(getattr(self.base, f)[:, frames] for f in _FIELDS))
        lists = (self.ways, self.spreads, self.shares)
        return Guesses(base, *([x[:, frames] for x in rows] for rows in lists))

    def bent(self, ways: list[Tensor]) -> Alternatives:
        """Each turn with the way `ways` (B, T, H) of each limb."""
        pose, spread = self.base.pose.clone(), self.base.spread.clone()
        share = self.base.share
        for limb, joints in enumerate(LIMBS):
            index = ways[limb][..., None]
            pose[:, :, :, joints] = _pick(self.ways[limb], index)
            spread[:, :, :, joints] = _pick(self.spreads[limb], index)
            share = share + self.shares[limb].take_along_dim(index, 3)[..., 0]
        return replace(self.base, pose=pose, spread=spread, share=share)

    def turns(self) -> Alternatives:
        """Each turn with the likeliest way of each limb."""
        return self.bent([share.argmax(-1) for share in self.shares])

    def limbs(self, chosen: Tensor) -> Iterator[tuple[list[int], Alternatives]]:
        """For each limb its joints, and the turn chosen (B, T) with each of its ways."""
        likely = [share.argmax(-1) for share in self.shares]
        top = self.bent(likely)
        index = chosen[..., None]
        one = top.at(index)
        for limb, joints in enumerate(LIMBS):
            count = self.shares[limb].shape[3]
            pose, spread = (x.repeat_interleave(count, 2) for x in (one.pose, one.spread))
            pose[:, :, :, joints] = _along(self.ways[limb], index)[:, :, 0]
            spread[:, :, :, joints] = _along(self.spreads[limb], index)[:, :, 0]
            share = _along(self.shares[limb], index)[:, :, 0]
            root = one.root.expand(-1, -1, count, -1, -1)
            root_spread = one.root_spread.expand(-1, -1, count)
            ways = Alternatives(root, root_spread, pose, spread, share)
            yield [1 + j for j in joints], ways

    def prior(self, state: State, known: Tensor, plain: PosePrior, trust: float = 1.0) -> PosePrior:
        """The guesses as the prior of every frame, each by how well `state` agrees with it.

        One step of expectation maximisation: angles get the mean of the guesses' means and
        precisions. trust: weight of the guesses' log densities, as a problem's weight squared.
        Frames that are not known (B, T) get the `plain` prior.
        """
        pose = state.pose[:, :, None, 1 : 1 + self.base.pose.shape[3]]
        parts = list(zip(LIMBS, self.ways, self.spreads, self.shares, strict=True))
        odds = [
            share - 0.5 * trust * _surprise(pose[:, :, :, None, joints], way, spread)
            for joints, way, spread, share in parts
        ]
        away = state.root[:, :, None] @ self.base.root.transpose(-1, -2)
        turn = (matrix_to_axis_angle(away).square().sum(-1)) / self.base.root_spread**2
        trunk = _surprise(
            pose[..., TRUNK, :], self.base.pose[..., TRUNK, :], self.base.spread[..., TRUNK, :]
        )
        total = self.base.share - 0.5 * trust * (turn + 6 * self.base.root_spread.log() + trunk)
        total = total + sum(limb.logsumexp(-1) for limb in odds)
        share = total.softmax(-1)[..., None, None]
        precision, pull = torch.zeros_like(pose[:, :, 0]), torch.zeros_like(pose[:, :, 0])
        firm = share / self.base.spread[..., TRUNK, :].square()
        precision[:, :, TRUNK] = firm.sum(2)
        pull[:, :, TRUNK] = (firm * self.base.pose[..., TRUNK, :]).sum(2)
        for (joints, way, spread, _), limb in zip(parts, odds, strict=True):
            firm = share[..., None] * limb.softmax(-1)[..., None, None] / spread.square()
            precision[:, :, joints] = firm.sum((2, 3))
            pull[:, :, joints] = (firm * way).sum((2, 3))
        index, there = total.argmax(-1, keepdim=True), known[..., None, None]
        return replace(
            plain,
            mean=(pull / precision).where(there, plain.mean),
            spread=precision.rsqrt().where(there, plain.spread),
            root=_along(self.base.root, index)[:, :, 0],
            root_spread=_along(self.base.root_spread, index)[:, :, 0].masked_fill(~known, _ANY),
        )


_FIELDS = tuple(Alternatives.__dataclass_fields__)


def _surprise(pose: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Twice the negative log density of angles (..., A, 3)."""
    return (((pose - mean) / spread).square() + 2 * spread.log()).sum((-1, -2))


def _along(values: Tensor, index: Tensor) -> Tensor:
    """values (B, T, H, ...) at index (B, T, K), which takes the place of H."""
    return values.take_along_dim(index.view(*index.shape, *[1] * (values.dim() - 3)), 2)


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """values (B, T, H, M, joints, 3) at index (B, T, H, 1): (B, T, H, joints, 3)."""
    return values.take_along_dim(index[..., None, None], 3)[:, :, :, 0]


def guess(points: Tensor, centre: Tensor, focal: Tensor, plain: PosePrior) -> Guesses:
    """Guesses from keypoints (B, T, 137, 3) px, the principal point (2,) px and focal (B,) px."""
    chosen = points[:, :, list(BODY_POINTS)]
    weight = torch.where(chosen[..., 2] > LEAST, chosen[..., 2].clamp(0, 1), 0.0)
    plane = ((chosen[..., :2] - centre) / focal[:, None, None, None]).flatten(0, 1).float()
    weight = weight.flatten(0, 1).float()
    network = load_initialiser().to(points.device)
    with torch.no_grad():
        answers = []
        for start in range(0, len(plane), _PIECE):
            part = slice(start, start + _PIECE)
            features, turn = look_at(plane[part], weight[part])
            answers.append(read_answers(network(features), turn))

    def whole(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts).unflatten(0, points.shape[:2]).to(plain.mean)

    def each(name: str) -> Tensor:
        return whole([getattr(a, name) for a in answers])

    def limbs(name: str) -> list[Tensor]:
        return [whole([getattr(a, name)[k] for a in answers]) for k in range(len(LIMBS))]

    trunk, trunk_spread = each("trunk"), each("trunk_spread")
    pose = trunk.new_zeros(*trunk.shape[:3], len(plain.mean), 3)
    spread = torch.ones_like(pose)
    pose[:, :, :, TRUNK], spread[:, :, :, TRUNK] = trunk, trunk_spread
    base = Alternatives(each("root"), each("root_spread"), pose, spread, each("share"))
    learned = limbs("limbs"), limbs("limb_spreads"), limbs("limb_shares")
    return _and_plain(Guesses(base, *learned), plain)


def _and_plain(learned: Guesses, prior: PosePrior) -> Guesses:
    """The guesses and behind them a standing body facing each of the four ways."""
    base = learned.base
    batch, frames, _ = base.share.shape
    yaw = torch.tensor(YAWS).to(base.share)
    size = (batch, frames, len(YAWS))
    share = base.share.new_full(size, _PLAIN)
    still, wide = (x.expand(*size, -1, -1) for x in (prior.mean, prior.spread))
    root = facing(yaw).expand(batch, frames, -1, -1, -1)
    plain = Alternatives(root, torch.full_like(share, _LOOSE), still, wide, share)
    joined = Alternatives(*(torch.cat([getattr(x, f) for x in (base, plain)], 2) for f in _FIELDS))
    lists: tuple[list[Tensor], ...] = ([], [], [])
    for limb, joints in enumerate(LIMBS):
        count = learned.shares[limb].shape[3]
        same = share.new_full((*size, count), -math.log(count))
        rows = [x[:, :, :, None, joints].expand(-1, -1, -1, count, -1, -1) for x in (still, wide)]
        own = (learned.ways[limb], learned.spreads[limb], learned.shares[limb])
        for values, theirs, result in zip(own, (*rows, same), lists, strict=True):
            result.append(torch.cat([values, theirs], 2))
    return Guesses(joined, *lists)


def facing(yaw: Tensor) -> Tensor:
    """(..., 3, 3) an upright body seen by a level camera, turned by `yaw` about its own axis."""
    down = torch.diag(torch.tensor([1.0, -1.0, -1.0], device=yaw.device, dtype=yaw.dtype))
    zero = torch.zeros_like(yaw)
    return down @ axis_angle_to_matrix(torch.stack([zero, yaw, zero], -1))
