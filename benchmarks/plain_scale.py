"""SCALE as one writes it from the paper, and what it costs beside ours.

The decoder is made of convolutions that see every point of every pixel, the background's too, and
nearest points are looked up in matrices of torch.cdist, in pieces that fit into memory. Each matrix
serves both directions and is kept out of the gradient, which is the cheapest of plain ways: through
the matrices the same training takes about twice as long.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from layfigure.engine.avatars.scale.config import ScaleTraining
from layfigure.engine.avatars.scale.frames import local_frames, to_global
from layfigure.engine.avatars.scale.losses import Prediction, scale_losses, weighted
from layfigure.engine.avatars.scale.networks import Decoder, pq_grid, uv_grid
from layfigure.engine.avatars.scale.packed import PackedFrame
from layfigure.engine.avatars.scale.paper import PaperElements

BATCH = 2
REPEATS = 3
_ROWS = 4096  # of a matrix of distances
Losses = Callable[[Prediction, Tensor, Tensor], dict[str, Tensor]]


def compare(elements: PaperElements, frames: Sequence[PackedFrame], threads: int) -> list[dict]:
    """CPU seconds of all `threads` together, both ways in turn, the best of three; and ratios.

    Training steps of two frames, inference of a frame, and the same with its errors as the
    original's test tells them. `difference`: metres at most, and of unit normals, between ours and
    the plain way, which evaluates all pixels.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [
            {"threads": threads, "work": work, "ours": ours, "plain": plain, "ratio": plain / ours}
            for work, ours, plain in _timed(copy.deepcopy(elements), frames[:BATCH])
        ]
    finally:
        torch.set_num_threads(before)


def difference(elements: PaperElements, frame: PackedFrame) -> dict[str, float]:
    """How far apart both ways are: points at most, metres, and unit normals."""
    vertices = torch.from_numpy(frame.body_verts)[None]
    with torch.no_grad():
        ours, plain = elements(vertices), plain_prediction(elements, vertices)
    return {
        "points_m": (ours.points - plain.points).abs().max().item(),
        "normals": (ours.normals - plain.normals).abs().max().item(),
    }


def plain_prediction(elements: PaperElements, vertices: Tensor) -> Prediction:
    """Points of bodies (B, V, 3)."""
    network, size = elements.network, elements.map.size
    base = elements.map.points(vertices)
    code = elements.code(torch.zeros(len(vertices), dtype=torch.long))
    posmap = base.transpose(1, 2).unflatten(2, (size, size))
    features = network.features(posmap, code).flatten(2)
    pq = pq_grid(network.config)
    uv = uv_grid(size).T.expand(len(vertices), -1, -1)
    pixels = torch.cat([features, uv], dim=1).repeat_interleave(len(pq), dim=2)
    places = pq.T.repeat(1, size * size).expand(len(vertices), -1, -1)
    found = _decode(network.map2Dto3D, torch.cat([pixels, places], dim=1))
    local = (x.transpose(1, 2).unflatten(1, (-1, len(pq))) for x in found)
    residual, normal = to_global(local_frames(vertices, elements.map.corners), *local)
    points = base[:, :, None] + residual
    kept = (x[:, elements.map.valid].flatten(1, 2) for x in (points, normal))
    return Prediction(*kept, residual, code)


def plain_losses(found: Prediction, scan: Tensor, scan_normals: Tensor) -> dict[str, Tensor]:
    """The terms of `scale_losses`."""
    s2m, m2s, normal = [], [], []
    for k, points in enumerate(found.points):
        to_scan, to_points = _nearest(points.detach(), scan[k])
        near = scan_normals[k][to_scan]
        s2m.append((scan[k] - points[to_points]).square().sum(-1).mean())
        m2s.append(((scan[k][to_scan] - points) * near).sum(-1).square().mean())
        normal.append((found.normals[k] - near).abs().mean())
    return {
        "s2m": torch.stack(s2m).mean(),
        "m2s": torch.stack(m2s).mean(),
        "normal": torch.stack(normal).mean(),
        "rgl": found.residuals.square().mean(),
        "latent": found.latent.norm(dim=-1).sum(),
    }


def _nearest(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (N,) into b and (M,) into a."""
    there, back, squares = [], [], []
    for start in range(0, len(a), _ROWS):
        distance = torch.cdist(a[start : start + _ROWS], b)
        there.append(distance.argmin(1))
        least = distance.min(0)
        squares.append(least.values)
        back.append(least.indices + start)
    which = torch.stack(squares).argmin(0)
    return torch.cat(there), torch.stack(back).gather(0, which[None])[0]


def _decode(decoder: Decoder, x: Tensor) -> tuple[Tensor, Tensor]:
    """Residuals and normals (B, 3, L) of inputs (B, C, L)."""

    def layer(name: str, x: Tensor) -> Tensor:
        norm = decoder.get_submodule(f"bn{name}")
        assert isinstance(norm, nn.BatchNorm1d)
        x = decoder.get_submodule(f"conv{name}")(x)
        return functional.softplus(nn.BatchNorm1d.forward(norm, x))

    hidden = x
    for name in ("1", "2", "3", "4"):
        hidden = layer(name, hidden)
    hidden = layer("5", torch.cat([x, hidden], dim=1))
    residual, normal = (layer(f"7{kind}", layer(f"6{kind}", hidden)) for kind in ("", "N"))
    return decoder.conv8(residual), decoder.conv8N(normal)


def _timed(
    elements: PaperElements, frames: Sequence[PackedFrame]
) -> list[tuple[str, float, float]]:
    def batch(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(frame, name) for frame in frames]))

    vertices, scan, normals = (batch(x) for x in ("body_verts", "scan_pc", "scan_n"))
    optimizer = torch.optim.Adam(elements.parameters(), lr=3e-4)

    def step(predict: Callable[[Tensor], Prediction], losses: Losses) -> None:
        optimizer.zero_grad()
        terms = losses(predict(vertices), scan, normals)
        weighted(terms, ScaleTraining(rise_start=0), 0).backward()
        optimizer.step()

    @torch.no_grad()
    def infer(predict: Callable[[Tensor], Prediction], losses: Losses | None = None) -> None:
        found = predict(vertices[:1])
        if losses is not None:
            losses(found, scan[:1], normals[:1])

    def plain(bodies: Tensor) -> Prediction:
        return plain_prediction(elements, bodies)

    elements.requires_grad_(True).train()
    training = _both(lambda: step(elements, scale_losses), lambda: step(plain, plain_losses))
    elements.eval()
    inference = _both(lambda: infer(elements), lambda: infer(plain))
    errors = _both(lambda: infer(elements, scale_losses), lambda: infer(plain, plain_losses))
    return [
        (f"training step of {len(frames)} frames", *training),
        ("inference of a frame", *inference),
        ("inference with its errors", *errors),
    ]


def _both(ours: Callable[[], None], plain: Callable[[], None]) -> tuple[float, float]:
    best = [float("inf")] * 2
    ours()  # the first time memory is asked for
    for _ in range(REPEATS):
        for k, work in enumerate((ours, plain)):
            start = time.process_time()
            work()
            best[k] = min(best[k], time.process_time() - start)
    return best[0], best[1]
