"""The signed distance and the colour, on scans in canonical space."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...training.module import Losses, Optimisation, by_step
from .body import CanonicalBody
from .config import Data
from .data import Sample, in_turn
from .losses import SdfBatch, color_loss, sdf_terms
from .stage import PaperStage, Setting

_SKIN_COLOR = (119 / 255, 90 / 255, 70 / 255)  # of hands and feet, which the scans do not give
_CODE_RATE = 0.1  # of the networks' rate, for the code of the subject
_COLOR_BATCH = 2  # times as many frames as the signed distance


class SurfaceStage(PaperStage):
    """Stage 3: the signed distance on scans in canonical space, with the body's hands and feet."""

    def __init__(self, setting: Setting, steps: int, held_back: Sequence[int] = ()) -> None:
        super().__init__(setting, steps)
        self.held_back = list(held_back)
        self.learnt = [row for row in range(len(self.frames)) if row not in self.held_back]

    def losses(self, step: int) -> Losses:
        turn = in_turn(step, self.config.training.batch_size, len(self.learnt))
        terms = self._terms([self.learnt[i] for i in turn], self.generator(step))
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def validation_loss(self) -> Tensor | None:
        """Distance and normals on scans that are not learnt from, at the same points each time."""
        if not self.held_back:
            return None
        found = []
        for row in self.held_back:
            terms = self._terms([row], self.generator(-1 - row))
            found.append((terms["LS"] + terms["N"]).detach())
        return torch.stack(found).mean()

    def configure_optimizers(self) -> Optimisation:
        rate, steps = self.config.training.lr_sdf, self.steps
        self.requires_grad_(False)
        self.sdf.requires_grad_(True)
        self.subject.requires_grad_(True)
        optimizer = torch.optim.Adam(self.sdf.parameters(), lr=rate)
        optimizer.add_param_group({"params": [self.subject], "lr": _CODE_RATE * rate})

        def factor(step: int) -> float:
            half = 0.5 if step >= steps // 4 else 1.0
            return half * 0.1 ** ((step >= steps // 2) + (step >= steps * 3 // 4))

        return by_step(optimizer, factor)

    def _terms(self, rows: list[int], generator: torch.Generator) -> Losses:
        surface, near = draw_canonical(self, rows, generator)
        least, most = self.sdf.bbox_min, self.sdf.bbox_max
        anywhere = torch.rand(
            (len(rows), self.config.data.num_sample_bbox_igr, 3), generator=generator
        ).to(self.device)
        batch = SdfBatch(surface.points, surface.normals, near, least + anywhere * (most - least))
        given, weights = self.conditions(rows), self.config.sdf_weights
        with torch.enable_grad():
            return sdf_terms(self.sdf, self.fwd, batch, given, weights)


class ColorStage(PaperStage):
    """Colours of the scans' vertices, at points where the signed distance is frozen."""

    def losses(self, step: int) -> Losses:
        generator = self.generator(step)
        count = min(_COLOR_BATCH * self.config.training.batch_size, len(self.frames))
        rows = torch.randperm(len(self.frames), generator=generator)[:count].tolist()
        surface, _ = draw_canonical(self, rows, generator)
        assert surface.colors is not None and self.nets.texture_net is not None
        with torch.no_grad():
            given = self.conditions(rows)
            _, hidden, x = self.sdf(surface.points, self.fwd(surface.points), given)
        return {"loss": color_loss(self.nets.texture_net(x, hidden), surface.colors)}

    def configure_optimizers(self) -> Optimisation:
        assert self.nets.texture_net is not None
        self.requires_grad_(False)
        self.nets.texture_net.requires_grad_(True)
        optimizer = torch.optim.Adam(
            self.nets.texture_net.parameters(), lr=self.config.training.lr_sdf
        )
        places = (self.steps // 2, self.steps * 3 // 4)
        return by_step(optimizer, lambda step: 0.1 ** sum(step >= place for place in places))


def draw_canonical(
    stage: PaperStage, rows: list[int], generator: torch.Generator
) -> tuple[Sample, Tensor]:
    """Points of frames `rows` on the surface in canonical space, and points near it (B, M, 3).

    Beyond wrists and ankles the body's vertices stand for the scan's points.
    """
    data, body = stage.config.data, stage.body
    samples = [stage.frames[row].draw(data.num_sample_surf, generator) for row in rows]
    points = torch.stack([sample.points for sample in samples]).to(stage.device)
    normals = torch.stack([sample.normals for sample in samples]).to(stage.device)
    points, turned = stage.to_canonical(rows, points, normals)
    assert turned is not None
    near = []
    mixed = []
    for item, sample in enumerate(samples):
        near.append(_near(points[item], body, data, generator))
        colors = None if sample.colors is None else sample.colors.to(stage.device)
        mixed.append(_with_ends(Sample(points[item], turned[item], colors), body, generator))
    painted = all(sample.colors is not None for sample in mixed)
    return (
        Sample(
            torch.stack([sample.points for sample in mixed]),
            torch.stack([sample.normals for sample in mixed]),
            torch.stack([s.colors for s in mixed if s.colors is not None]) if painted else None,
        ),
        torch.stack(near),
    )


def _near(points: Tensor, body: CanonicalBody, data: Data, generator: torch.Generator) -> Tensor:
    """Points (M, 3) scattered about the scan and about the body."""
    scan = torch.randint(len(points), (data.num_sample_scan_igr,), generator=generator)
    own = torch.randint(len(body.vertices), (data.num_sample_smpl_igr,), generator=generator)
    about = torch.cat([points[scan.to(points.device)], body.vertices[own.to(points.device)]])
    noise = torch.randn(about.shape, generator=generator).to(points)
    return about + data.sigma_body * noise


def _with_ends(sample: Sample, body: CanonicalBody, generator: torch.Generator) -> Sample:
    """As many points as `sample`: the body's hands and feet, then what is left of the scan."""
    count, device = len(sample.points), sample.points.device
    ends = body.hands_and_feet()
    if len(ends) > count // 2:  # a body with finer hands than SMPL
        ends = ends[torch.randperm(len(ends), generator=generator)[: count // 2].to(device)]
    left = (~body.is_hand_or_foot(sample.points)).nonzero().squeeze(-1)
    chosen = torch.randint(max(len(left), 1), (count - len(ends),), generator=generator)
    chosen = left[chosen.to(device)]
    colors = None
    if sample.colors is not None:
        skin = sample.colors.new_tensor(_SKIN_COLOR).expand(len(ends), 3)
        colors = torch.cat([skin, sample.colors[chosen]])
    return Sample(
        torch.cat([body.vertices[ends], sample.points[chosen]]),
        torch.cat([body.normals[ends], sample.normals[chosen]]),
        colors,
    )
