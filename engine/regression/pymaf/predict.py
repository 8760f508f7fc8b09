"""The body of many people, by a trained network, in batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from .body_joints import SeenBody
from .estimate import Estimate
from .mask_points import mask_points
from .network import PymafNetwork, grid_points, suppressed
from .sight import Sight
from .spin import SpinNetwork

POINTS = ("mask", "grid")
Network = PymafNetwork | SpinNetwork


@dataclass(frozen=True)
class PredictOptions:
    """How a network is used."""

    points: str = "mask"  # where PyMAF looks first: at points of the person's mask, or at a grid
    suppress: bool = False  # features of the background count as nothing
    batch: int = 32
    device: str = "cpu"
    seed: int = 0  # of the choice of a mask's points


def predict(
    network: Network,
    data: BodyData,
    sight: Sight,
    options: PredictOptions,
    tick: Callable[[int], None] = lambda count: None,
) -> tuple[Estimate, list[str]]:
    """The last estimate of everybody (N), on the CPU, and sentences on what could not be as asked.

    data: the body of 24 joints that the network tells of. tick(count) is called after each batch
    of so many people and may raise Cancelled. Raises InputError for points of another kind and for
    a body that is not the network's.
    """
    if options.points not in POINTS:
        raise InputError(f"There are no points {options.points}.", "Use mask or grid.")
    device = torch.device(options.device)
    network = network.to(device)
    body = network.seen_body(data) if isinstance(network, PymafNetwork) else None
    found: list[Estimate] = []
    notes: list[str] = []
    start, size = 0, options.batch
    while start < len(sight):
        part = sight[slice(start, start + size)]
        try:
            found.append(_predict(network, body, part.to(device), options))
        except torch.OutOfMemoryError as error:
            if size == 1:
                raise InputError(
                    "The device has not enough memory for a single person.", "Use --device cpu."
                ) from error
            size = (size + 1) // 2
            notes = [f"The device's memory holds {size} people at a time, not {options.batch}."]
            continue
        start += len(part)
        tick(len(part))
    blind = int((~sight.masks.any(dim=(1, 2))).sum())
    if blind and options.points == "mask" and isinstance(network, PymafNetwork):
        notes.append(f"For {blind} of {len(sight)} people no mask was found; a grid was used.")
    return _joined(found), notes


@torch.no_grad()
def _predict(
    network: Network, body: SeenBody | None, sight: Sight, options: PredictOptions
) -> Estimate:
    if isinstance(network, SpinNetwork):
        return _on_cpu(network(sight.channels(False))[-1])
    assert body is not None
    pyramid = network.pyramid(sight.channels(network.architecture.mask))
    if options.suppress:
        pyramid = suppressed(pyramid, sight.masks)
    points = first_points(sight.masks, options.seed) if options.points == "mask" else None
    return _on_cpu(network.regress(pyramid, body, points, sight.keypoints)[-1])


def first_points(masks: Tensor, seed: int) -> Tensor:
    """Where the first stage looks (N, 441, 2), of masks (N, S, S); the grid where one is empty."""
    rows = (mask_points(mask.cpu().numpy(), seed) for mask in masks)
    chosen = [grid_points() if row is None else row for row in rows]
    return torch.stack(chosen).to(masks.device)


def _on_cpu(estimate: Estimate) -> Estimate:
    return Estimate(estimate.pose.cpu(), estimate.betas.cpu(), estimate.camera.cpu())


def _joined(parts: list[Estimate]) -> Estimate:
    columns = ([getattr(part, name) for part in parts] for name in ("pose", "betas", "camera"))
    return Estimate(*(torch.cat(column) for column in columns))
