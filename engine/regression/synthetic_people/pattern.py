"""Colours and patterns of cloth, walls and things, by place in space."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from ..synthetic.noise import fractal, solid
from ..synthetic.paint import mix, step

KINDS = ("plain", "stripes", "checks", "blobs", "dots")
_USUAL = (0.5, 0.16, 0.1, 0.16, 0.08)


@dataclass
class Pattern:
    """Two colours over a solid: what is cut out of it shows them."""

    kind: str  # of KINDS
    colours: np.ndarray  # (2, 3), 0..1
    size: float  # metres after which it repeats
    axes: np.ndarray  # (3, 3) across stripes and checks
    share: float  # -0.5..0.5 how much more of the second colour there is
    roughness: float  # of the brightness
    place: np.ndarray  # (3,) of its noise

    def at(self, points: np.ndarray, footprint: np.ndarray | float) -> np.ndarray:
        """(N, 3) colours at points (N, 3), metres, where a pixel covers `footprint` (N,) metres."""
        rough = fractal(points, 0.8 / self.size, self.place, 2, footprint)
        light = 1 + self.roughness * rough
        colour = np.broadcast_to(self.colours[0], points.shape)
        if self.kind != "plain":
            colour = mix(colour, self.colours[1], self._second(points, footprint))
        return colour * light[:, None]

    def _second(self, points: np.ndarray, footprint: np.ndarray | float) -> np.ndarray:
        """(N,) how much of the second colour there is, 0..1."""
        soft = 0.1 + 3.0 * np.asarray(footprint) / self.size
        if self.kind == "blobs":
            field = fractal(points, 1.2 / self.size, self.place, 2, footprint)
            return step(field + self.share, soft)
        waves = np.sin((points @ self.axes.T) * (2 * np.pi / self.size) + 6.0 * self.place)
        if self.kind == "stripes":
            return step(waves[:, 0] + self.share, 1.5 * soft)
        if self.kind == "checks":
            lines = step(waves[:, :2] + self.share, np.reshape(1.5 * soft, (-1, 1)))
            return lines.mean(1)
        return step(waves.prod(1) - 0.35 + 0.3 * self.share, soft)


def random_pattern(
    rng: np.random.Generator, size: tuple[float, float], kind: str | None = None
) -> Pattern:
    """Any pattern, or one of a kind; `size` metres: between which it repeats."""
    first, second = random_colour(rng), random_colour(rng)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] if rng.random() < 0.3 else np.eye(3)
    return Pattern(
        kind=kind or str(rng.choice(KINDS, p=_USUAL)),
        colours=np.stack([first, second]),
        size=float(np.exp(rng.uniform(*np.log(size)))),
        axes=turn[rng.permutation(3)],
        share=float(rng.uniform(-0.5, 0.5)),
        roughness=float(rng.uniform(0.02, 0.3)),
        place=rng.random(3),
    )


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) black to white, muted, or now and then loud."""
    kind = rng.random()
    if kind < 0.35:
        return np.clip(rng.uniform(0.03, 0.95) + rng.normal(0, 0.02, 3), 0.02, 0.97)
    most = 0.5 if kind < 0.8 else 1.0
    hue, saturation, value = rng.random(), rng.uniform(0.5 * most, most), rng.uniform(0.08, 0.95)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def plain(colour: np.ndarray, roughness: float, size: float, place: np.ndarray) -> Pattern:
    """One colour with some life in it."""
    return Pattern("plain", np.stack([colour, colour]), size, np.eye(3), 0.0, roughness, place)


def ruffled(
    normals: np.ndarray, points: np.ndarray, depth: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """Unit normals (N, 3) as folds `depth` (N, 1) of cloth turn them, by noise at points (N, 3)."""
    folds = np.stack([solid(points, 7.0, place + 0.31 * k) for k in range(3)], 1)
    turned = normals + depth * folds
    return turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6)
