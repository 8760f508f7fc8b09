"""The surface of an anatomy: where a smooth union of its parts is zero."""

from __future__ import annotations

import numpy as np
import torch
from quadruped_parts import Anatomy
from torch import Tensor

_FOLD = 0.003  # |y| is rounded over this, so that the surface crosses the mirror squarely
_SOLE = 0.008
_STRIDE = 0.03  # a point goes no further towards the skin at once
_NEAR = 0.06  # farther parts do not matter to points near the skin
_ALL = slice(None)
_BINDING = 0.012  # distance over which a point belongs to several segments


class Field:
    """Distance to an animal's skin, and the places of points relative to its parts."""

    def __init__(self, body: Anatomy) -> None:
        parts = body.parts
        self.body = body
        self.blends = [part.blend for part in parts]
        self.counts = [len(part.nodes) - 1 for part in parts]
        self.bones = [bone for part in parts for bone in part.bones]
        self.grain = np.repeat([part.grain for part in parts], self.counts)
        starts = np.concatenate([part.nodes[:-1] for part in parts])
        ends = np.concatenate([part.nodes[1:] for part in parts])
        side = np.repeat([part.side for part in parts], self.counts, axis=0)
        axis = _unit(ends - starts)
        side = _unit(side - (side * axis).sum(1, keepdims=True) * axis)
        first = np.cumsum([0, *self.counts])
        # Segments of a part share the planes half way between their directions.
        planes = np.stack([axis, axis], 1)
        inner = np.setdiff1d(np.arange(1, len(axis)), first)
        planes[inner, 0] = planes[inner - 1, 1] = _unit(axis[inner - 1] + axis[inner])
        # Ends of a part are round; where segments meet, the next one takes over.
        ends_round = np.ones((len(axis), 2))
        ends_round[inner, 0] = ends_round[inner - 1, 1] = 0
        self.nodes = torch.tensor(np.stack([starts, ends], 1))  # (S, 2 ends, 3)
        self.frame = torch.tensor(np.stack([axis, side, np.cross(axis, side)], 1))  # (S, 3, 3)
        self.planes, self.round = torch.tensor(planes), torch.tensor(ends_round)
        radii = [np.stack([part.radii[:-1], part.radii[1:]], 1) for part in parts]
        self.radii = torch.tensor(np.concatenate(radii))  # (S, 2 ends, 2)
        self.cup = torch.tensor(np.repeat([part.cup for part in parts], self.counts))
        reach = [part.radii.max() + part.blend for part in parts]
        boxes = [
            (p.nodes.min(0) - r, p.nodes.max(0) + r) for p, r in zip(parts, reach, strict=True)
        ]
        self._boxes = np.array(boxes)  # (P, 2, 3)
        self._first = first

    def _local(self, points: Tensor, which: Tensor | slice = _ALL) -> tuple[Tensor, Tensor, Tensor]:
        """Share (N, S) along each segment, offset (N, S, 3) from there, how far past its ends.

        The offset's first number is along the segment, the others across it; (N, S, 2 ends) past.
        """
        apart = points[:, None, None] - self.nodes[which]  # (N, S, 2, 3)
        passed = (apart * self.planes[which]).sum(-1)
        share = (passed[..., 0] / (passed[..., 0] - passed[..., 1]).clamp_min(1e-4)).clamp(0, 1)
        offset = torch.einsum("sij,nsj->nsi", self.frame[which], _between(share, apart))
        wide = _between(share, self.radii[which][..., :1])[..., 0]
        bent = offset[..., 2] - self.cup[which] * offset[..., 1] ** 2 / wide
        offset = torch.stack([offset[..., 0], offset[..., 1], bent], -1)
        return share, offset, torch.stack([-passed[..., 0], passed[..., 1]], -1).clamp_min(0)

    def segments(self, points: Tensor, which: Tensor | slice = _ALL) -> Tensor:
        """About the distance (N, S) of points (N, 3) with y >= 0 to each segment's surface."""
        share, offset, past = self._local(points, which)
        across = _between(share, self.radii[which])
        cap = (past * self.round[which]).sum(-1, keepdim=True)
        radii = torch.cat([across.amin(-1, keepdim=True), across], -1)
        scaled = torch.cat([cap, offset[..., 1:]], -1) / radii
        near = (scaled.square().sum(-1) + 1e-12).sqrt()
        steep = ((scaled / radii).square().sum(-1) + 1e-9).sqrt()
        return near * (near - 1) / steep + (past * (1 - self.round[which])).sum(-1)

    def distance(self, points: Tensor, near: bool = False) -> Tensor:
        """About the signed distance (N,) of points (N, 3) to the skin, positive outside.

        With `near`, all are known to lie near the skin and parts far from them are left out.
        """
        parts = range(len(self.counts))
        if near:
            low, high = (f(points.detach().numpy(), 0) for f in (np.min, np.max))
            low[1], high[1] = max(low[1], 0), max(high[1], 0)
            apart = np.maximum(self._boxes[:, 0] - high, low - self._boxes[:, 1]).max(1)
            parts = [int(p) for p in np.flatnonzero(apart < _NEAR)]
        spans = [np.arange(self._first[p], self._first[p + 1]) for p in parts]
        folded = torch.stack(
            [points[:, 0], (points[:, 1].square() + _FOLD**2).sqrt(), points[:, 2]], 1
        )
        each = self.segments(folded, torch.tensor(np.concatenate(spans)))
        each = each.split([len(span) for span in spans], dim=1)
        total = each[0].amin(1)
        for p, distances in zip(parts[1:], each[1:], strict=True):
            total = _union(total, distances.amin(1), self.blends[p])
        return -_union(-total, points[:, 2] - self.body.ground, _SOLE)

    def near_distance(self, points: np.ndarray) -> np.ndarray:
        """The distance (N,) of points (N, 3) that lie near the skin."""
        found = np.empty(len(points))
        with torch.no_grad():
            for block in _blocks(points, 3000):
                found[block] = self.distance(torch.tensor(points[block]), near=True).numpy()
        return found

    def project(self, points: np.ndarray, steps: int = 4) -> np.ndarray:
        """Points (N, 3) near the skin moved to it, each the short way; y = 0 stays."""
        found = np.empty_like(points)
        for block in _blocks(points, 300):
            moved = torch.tensor(points[block])
            for _ in range(steps):
                moved.requires_grad_(True)
                distance = self.distance(moved, near=True)
                (slope,) = torch.autograd.grad(distance.sum(), moved)
                with torch.no_grad():
                    steep = slope.square().sum(1, keepdim=True).clamp_min(0.05)
                    step = distance[:, None] * slope / steep
                    far = step.norm(dim=1, keepdim=True).clamp_min(_STRIDE)
                    moved = moved - step * (_STRIDE / far)
            found[block] = moved.numpy()
        return found

    def belonging(self, points: np.ndarray, softness: float = _BINDING) -> np.ndarray:
        """How much each point (N, 3) belongs to each segment, (N, S), rows sum to 1."""
        with torch.no_grad():
            distances = self.segments(torch.tensor(points))
            return torch.softmax(-distances.abs() / softness, 1).numpy()

    def carry(self, points: np.ndarray, other: Field) -> np.ndarray:
        """Points (N, 3) on this skin at the like places of another animal's parts."""
        with torch.no_grad():
            share, offset, _ = self._local(torch.tensor(points))
            before, after = _between(share, self.radii), _between(share, other.radii)
            ratio = torch.cat([(after.sum(-1) / before.sum(-1))[..., None], after / before], -1)
            moved = offset * ratio
            moved[..., 2] += other.cup * moved[..., 1] ** 2 / after[..., 0]
            places = _between(share, other.nodes)
            places = places + torch.einsum("sij,nsi->nsj", other.frame, moved)
            weights = torch.tensor(self.belonging(points))
            return (weights[..., None] * places).sum(1).numpy()


def _blocks(points: np.ndarray, most: int) -> list[np.ndarray]:
    """Numbers of points that lie together, at most so many in a block."""
    blocks, done = [np.arange(len(points))], []
    while blocks:
        block = blocks.pop()
        if len(block) <= most:
            done.append(block)
            continue
        axis = int(np.ptp(points[block], axis=0).argmax())
        order = block[np.argsort(points[block, axis], kind="stable")]
        blocks += [order[: len(order) // 2], order[len(order) // 2 :]]
    return done


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _between(share: Tensor, ends: Tensor) -> Tensor:
    """From ends (S, 2, C) or (N, S, 2, C) to what lies at a share (N, S) of the way."""
    return ends[..., 0, :] + share[..., None] * (ends[..., 1, :] - ends[..., 0, :])


def _union(a: Tensor, b: Tensor, blend: float) -> Tensor:
    """The lesser of two distances, rounded where they differ by less than `blend`."""
    if not blend:
        return torch.minimum(a, b)
    near = (1 - (a - b).abs() / blend).clamp_min(0)
    return torch.minimum(a, b) - near**3 * (blend / 6)
