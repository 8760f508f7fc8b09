"""The skinning networks: alone, then together, and which faces they tear."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...training.module import Losses, Optimisation, by_step
from .data import Frame, astray, boundary_faces, in_turn
from .losses import SkinBatch, stage_one, stage_two
from .stage import PaperStage, Setting

_TERMS = (
    *("SW-SMPL_p", "Sprs", "z-lbs_p", "SW-SMPL_c", "SW-SCAN_c"),
    *("SW-SCAN_p", "SW-Edge", "L-Edge", "Cy-SCAN", "SW-SCAN-Cy", "Cy-SMPL"),
)
_TORN, _TORN_ANYWHERE, _CRUSHED = 2.0, 3.0, 0.1  # length of an edge, canonical to posed


class SkinStage(PaperStage):
    """Stages 1 and 2: each network for itself, then both with cycle consistency.

    One optimiser serves both stages: the second begins with the rate to which the first has fallen.
    """

    def __init__(self, setting: Setting, first: int, second: int) -> None:
        super().__init__(setting, first + second)
        self.first = first
        self.stronger = (first + second // 2, first + second * 3 // 4)
        self.changes = (first, *self.stronger)

    def losses(self, step: int) -> Losses:
        rows = in_turn(step, self.config.training.batch_size, len(self.frames))
        batch = self._batch(rows, self.generator(step), edges=step >= self.first)
        weights = self.config.skin_weights
        if step < self.first:
            terms = stage_one(self.fwd, self.inv, batch, weights)
        else:
            times = 10.0 ** sum(step >= place for place in self.stronger)
            terms = stage_two(self.fwd, self.inv, batch, weights.with_cycles(times))[:2]
        found = {**terms[0], **terms[1]}
        zero = torch.zeros((), device=self.device)
        parts = {name: found.get(name, zero) for name in _TERMS}
        return {"loss": sum(found.values(), zero), **parts}

    def configure_optimizers(self) -> Optimisation:
        self.requires_grad_(False)
        learnt = [*self.fwd.parameters(), *self.inv.parameters(), self.all_codes]
        for parameter in learnt:
            parameter.requires_grad_(True)
        places = (self.first // 2, self.first * 3 // 4, *self.stronger)
        optimizer = torch.optim.Adam(learnt, lr=self.config.training.lr_pt1)
        return by_step(optimizer, lambda step: 0.1 ** sum(step >= place for place in places))

    def _batch(self, rows: list[int], generator: torch.Generator, edges: bool) -> SkinBatch:
        data, body = self.config.data, self.body
        some = torch.randperm(len(body.rest), generator=generator)[: data.num_sample_surf]
        samples = [self.frames[row].draw(data.num_sample_surf, generator) for row in rows]
        nearest = [
            self.frames[row].nearest.query(sample.points.numpy())[1]
            for row, sample in zip(rows, samples, strict=True)
        ]
        pairs = [self.frames[row].draw_corners(data.num_sample_edge, generator) for row in rows]
        poses, some = self.poses[rows], some.to(self.device)
        return SkinBatch(
            codes=self.codes(rows),
            box=self.box_of(rows),
            bones=self.bones[rows],
            body_posed=body.posed(poses)[:, some],
            body_canonical=body.canonical(poses)[:, some],
            body_weights=body.weights[some],
            scan=torch.stack([sample.points for sample in samples]).to(self.device),
            scan_weights=body.weights[torch.from_numpy(np.stack(nearest)).to(self.device)],
            corners=torch.stack([corners for corners, _ in pairs]).to(self.device),
            convex=torch.stack([flags for _, flags in pairs]).to(self.device),
        )

    @torch.no_grad()
    def mark_valid(self) -> None:
        """Faces that canonicalisation tears, crushes or leaves at a hole are not drawn from.

        Raises InputError for a scan of which nothing is left.
        """
        for row, frame in enumerate(self.frames):
            canonical = self.to_canonical([row], frame.vertices[None])[0]
            assert canonical is not None
            frame.valid = ~_torn(frame, canonical[0])
            if not frame.valid.any():
                raise astray(frame.name)


def _torn(frame: Frame, canonical: Tensor) -> Tensor:
    """Which faces (F,) of a frame are of no use in canonical space (V, 3)."""

    def lengths(vertices: Tensor) -> Tensor:
        corners = vertices[frame.faces]
        return (corners - corners.roll(1, 1)).norm(dim=-1)

    stretch = lengths(canonical) / lengths(frame.vertices).clamp_min(1e-9)
    longest, shortest = stretch.amax(1), stretch.amin(1)
    torn = (longest > _TORN) & frame.convex
    torn |= (longest > _TORN_ANYWHERE) | (shortest < _CRUSHED)
    outside = (frame.vertices < frame.box[0]) | (frame.vertices > frame.box[1])
    torn |= outside[frame.faces].flatten(1).any(1)
    return torn | boundary_faces(frame.faces, len(frame.vertices))
