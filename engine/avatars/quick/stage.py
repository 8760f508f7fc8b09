"""The training of the quick surface: what a step draws, and all its losses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...training.module import Losses, Optimisation, StepModule, by_step
from .network import QuickNetwork
from .samples import Samples, ScanSamples

_SCANS = 8  # a step
_POINTS = 500  # of each
_BODY_POINTS = 80
_NEAR = 2000  # beside the surface
_NEAR_SPREAD = 0.03  # m
_FREE = 1000
_RATE = 5e-3
# Fine slopes only once the surface is roughly there: share of the steps, distance in metres.
_SLOPES = ((0.4, 0.012), (0.75, 0.006), (1.0, 0.004))
_NEAR_SLOPE, _FREE_SLOPE = 0.01, 0.02
_TETRAHEDRON = ((1.0, -1, -1), (-1.0, -1, 1), (-1.0, 1, -1), (1.0, 1, 1))
_HELD_BACK_STRIDE = 10
_CALM_STRIDE = 4


@dataclass
class Strengths:
    """Weights of the losses."""

    surface: float = 20.0  # |f| on scans, metres
    normal: float = 1.0  # |grad f - n| there
    eikonal: float = 0.3  # (|grad f| - 1)^2 beside and off the surface
    off_surface: float = 0.1  # exp(-100 |f|) off the surface
    side: float = 5.0  # metres that f lacks to the distance where the side is known
    smooth: float = 0.01  # of the grids
    calm: float = 1.0  # how much a pose may do; without, folds are learned by heart


class QuickStage(StepModule):
    """Signed distance from canonical samples; slopes by finite differences.

    Finite differences (as in Neuralangelo, Li et al. 2023) see over the cells of the grids, and
    need no second derivatives. `held_back` are the rows of scans that are not learned from.
    """

    def __init__(
        self,
        network: QuickNetwork,
        samples: Samples,
        steps: int,
        held_back: Sequence[int] = (),
        seed: int = 0,
        strengths: Strengths | None = None,
    ) -> None:
        super().__init__(seed)
        self.network, self.samples, self.steps = network, samples, steps
        self.strengths = strengths or Strengths()
        self.held_back = [samples.scans[row] for row in held_back]
        self.learned = [s for row, s in enumerate(samples.scans) if row not in held_back]

    def configure_optimizers(self) -> Optimisation:
        """Adam, the rate falling as a cosine to a fiftieth."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=_RATE)

        def factor(step: int) -> float:
            return 0.02 + 0.49 * (1 + math.cos(math.pi * min(step / self.steps, 1)))

        return by_step(optimizer, factor)

    def losses(self, step: int) -> Losses:
        """The losses of SCANimate (section 3.3), and the side on which free space lies."""
        random = self.generator(step)
        drawn = torch.randperm(len(self.learned), generator=random)[:_SCANS].tolist()
        chosen = [self.learned[row] for row in drawn]
        points, normals, pose = self._draw(chosen, random)
        slope, value = self._slope(points, pose, self._fineness(step))
        beside = torch.randint(len(points), (_NEAR,), generator=random)
        offset = _NEAR_SPREAD * torch.randn(_NEAR, 3, generator=random)
        near = points[beside] + self._here(offset)
        near_slope, _ = self._slope(near, pose[beside], _NEAR_SLOPE)
        free = torch.randint(len(self.samples.free), (_FREE,), generator=random)
        free_slope, free_value = self._free(free, chosen[0].code)
        unit = (near_slope.norm(dim=1) - 1).square().mean()
        unit = unit + (free_slope.norm(dim=1) - 1).square().mean()
        parts = {
            "surface": value.abs().mean(),
            "normal": (slope - normals).norm(dim=1).mean(),
            "eikonal": unit,
            "off_surface": torch.exp(-100 * free_value.abs()).mean(),
            "side": self._wrong_side(free, free_value),
            "smooth": self.network.roughness(),
            "calm": self.network.sensitivity(points[::_CALM_STRIDE]),
        }
        total = torch.stack([getattr(self.strengths, k) * v for k, v in parts.items()]).sum()
        return {"loss": total, **parts}

    def validation_loss(self) -> Tensor | None:
        """Mean distance, metres, of held-back scans from the surface in their poses."""
        if not self.held_back:
            return None
        found = []
        for scan in self.held_back:
            rows = slice(None, None, _HELD_BACK_STRIDE)
            pose = self.network.amounts_of(*map(self._here, (scan.influence[rows], scan.code)))
            found.append(self._slope(self._here(scan.points[rows]), pose, 0.004)[1].abs().mean())
        return torch.stack(found).mean()

    def _draw(
        self, chosen: list[ScanSamples], random: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Points, normals (n, 3) and amounts (n, K) of some scans and of the body."""
        points, normals, pose = [], [], []
        for scan in chosen:
            for source, count in ((scan, _POINTS), (self.samples.body, _BODY_POINTS)):
                if not len(source.points):
                    continue
                rows = torch.randint(len(source.points), (count,), generator=random)
                points.append(source.points[rows])
                normals.append(source.normals[rows])
                influence, code = self._here(source.influence[rows]), self._here(scan.code)
                pose.append(self.network.amounts_of(influence, code))
        return self._here(torch.cat(points)), self._here(torch.cat(normals)), torch.cat(pose)

    def _free(self, rows: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        influence = self._here(self.samples.free_influence[rows])
        pose = self.network.amounts_of(influence, self._here(code))
        return self._slope(self._here(self.samples.free[rows]), pose, _FREE_SLOPE)

    def _wrong_side(self, rows: Tensor, value: Tensor) -> Tensor:
        """How much `value` lacks to most of the way to the scans, where they agree on the side."""
        side = self._here(self.samples.side[rows])
        lacking = 0.8 * self._here(self.samples.clearance[rows]) - side * value - 0.01
        return (functional.relu(lacking) * side.abs()).sum() / side.abs().sum().clamp_min(1)

    def _slope(self, points: Tensor, pose: Tensor, reach: float) -> tuple[Tensor, Tensor]:
        """Gradient (n, 3) and value (n,) of the distance at points (n, 3), by a tetrahedron."""
        corners = points.new_tensor(_TETRAHEDRON)
        around = (points[None] + reach * corners[:, None]).flatten(0, 1)
        shapes = self.network.shapes(around).unflatten(0, (4, -1))
        values = shapes[..., 0] + (shapes[..., 1:] * pose).sum(-1)
        slope = (values[..., None] * corners[:, None]).sum(0) / (4 * reach)
        return slope, values.mean(0)

    def _fineness(self, step: int) -> float:
        return next(reach for share, reach in _SLOPES if step < share * self.steps or share == 1)

    def _here(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.network.low.device)
