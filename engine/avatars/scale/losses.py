"""The losses of SCALE and when they count, as published; and repulsion, which is ours."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ...geometry.nearest import chamfer, nearest_other
from .config import ScaleTraining


class Prediction(NamedTuple):
    """What the network says of B poses, in metres, and the outfit's code."""

    points: Tensor  # (B, N, 3) of the pixels that count
    normals: Tensor  # (B, N, 3) unit
    residuals: Tensor  # (B, ..., 3) global ones of all pixels, those of the background too
    latent: Tensor  # (B, Z)


def scale_losses(
    found: Prediction, scan: Tensor, scan_normals: Tensor, spacing: float | None = None
) -> dict[str, Tensor]:
    """Terms without weights, against scan (B, S, 3) with its unit normals.

    s2m: mean squared distance from the scan to the points, m². m2s: mean squared distance from
    the points to the plane at the nearest scan point. normal: mean absolute difference to that
    point's normal. rgl: mean squared residual. latent: sum of the codes' lengths. repulsion, with a
    `spacing`, metres: mean squared lack of distance to the nearest other point.
    """
    way = chamfer(found.points, scan)
    at = way.index_ab[..., None].expand_as(found.points)
    normals = scan_normals.gather(1, at)
    height = ((scan.gather(1, at) - found.points) * normals).sum(-1)
    terms = {
        "s2m": way.b_to_a.mean(),
        "m2s": height.square().mean(),
        "normal": (found.normals - normals).abs().mean(),
        "rgl": found.residuals.square().mean(),
        "latent": found.latent.norm(dim=-1).sum(),
    }
    if spacing is not None:
        terms["repulsion"] = torch.stack([_crowding(x, spacing) for x in found.points]).mean()
    return terms


def weighted(terms: dict[str, Tensor], training: ScaleTraining, epoch: int) -> Tensor:
    """The loss of epoch 0, 1, ...: the sum of the terms of `scale_losses` by their weights."""
    weights = {
        "s2m": training.w_s2m,
        "m2s": training.w_m2s,
        "normal": w_normal(training, epoch),
        "rgl": w_rgl(training, epoch),
        "latent": 1.0,
        "repulsion": training.repulsion,
    }
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def w_rgl(training: ScaleTraining, epoch: int) -> float:
    """Weight of short residuals: falls by 15 % every `decay_every` epochs after `decay_start`."""
    return training.w_rgl * 0.85 ** _periods(epoch, training.decay_start, training.decay_every)


def w_normal(training: ScaleTraining, epoch: int) -> float:
    """Weight of normals: next to nothing until `rise_start`, then 5 % more every `rise_every`."""
    if epoch < training.rise_start:
        return 1e-6 * training.w_normal
    return training.w_normal * 1.05 ** _periods(epoch, training.rise_start, training.rise_every)


def _periods(epoch: int, start: int, every: int) -> int:
    return (epoch - start) // every if every and epoch >= start else 0


def _crowding(points: Tensor, spacing: float) -> Tensor:
    square, _ = nearest_other(points)
    distance = square.clamp_min(1e-12).sqrt()  # two points at one place push nowhere
    return (spacing - distance).clamp_min(0).square().mean()
