"""What people look like: skin, face, hair and clothes, painted by place on the body at rest.

The body stands at rest in a T: x to its left (arms from 0.17 to 0.85 m), y up (soles at -0.9, waist
near 0.1, shoulders at 0.44, chin at 0.56, crown at 0.79), z forward. Places there are those of the
mean shape, so a seam lies on the same part of everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..synthetic.noise import solid
from ..synthetic.paint import mix, step
from .pattern import Pattern, ruffled

_SEAM = 0.004  # metres over which one cloth ends


@dataclass
class Garment:
    """Cloth over the part of the body between two heights, as far out along the arms as `reach`."""

    low: float
    high: float
    pattern: Pattern
    reach: float = 0.4  # farther out than any part below the arms
    inner: float = -1.0  # only beyond this |x|: gloves
    dip: tuple[float, float] = (0.0, 0.1)  # neckline: how deep in front, how wide
    thick: float = 0.004  # metres off the skin
    flare: float = 0.0  # metres more at the low end and at the cuffs
    folds: float = 0.3

    def covers(self, at: np.ndarray) -> np.ndarray:
        """(N,) metres inside its edges, negative outside, of places (N, 3) at rest."""
        x, y, z = np.abs(at[:, 0]), at[:, 1], at[:, 2]
        deep, wide = self.dip
        opening = deep * np.exp(-((x / wide) ** 2)) * (z > 0.02)
        edges = (self.high - opening - y, y - self.low, self.reach - x, x - self.inner)
        return np.minimum.reduce(edges)

    def lift(self, at: np.ndarray) -> np.ndarray:
        """(N,) metres that the cloth stands off the skin."""
        x, y = np.abs(at[:, 0]), at[:, 1]
        down = np.clip((self.high - y) / max(self.high - self.low, 0.05), 0, 1)
        out = np.clip((x - 0.16) / max(self.reach - 0.16, 0.05), 0, 1)
        return (self.thick + self.flare * np.maximum(down, out)) * step(self.covers(at), _SEAM)


@dataclass
class Logo:
    """A printed patch on the chest, the back or a leg."""

    centre: np.ndarray  # (2,) x, y at rest
    half: np.ndarray  # (2,)
    front: bool
    pattern: Pattern

    def covers(self, at: np.ndarray) -> np.ndarray:
        """(N,) metres inside."""
        inside = self.half - np.abs(at[:, :2] - self.centre)
        facing = at[:, 2] if self.front else -at[:, 2]
        return np.minimum(inside.min(1), facing - 0.02)


@dataclass
class Outfit:
    """All choices of one person's looks."""

    skin: Pattern
    hair: Pattern
    hairline: np.ndarray  # (3,) height at the forehead, slope to the nape, height where it ends
    bulk: float  # metres of hair
    beard: float  # 0..1
    eyes: np.ndarray  # (2, 3) in the template
    mouth: np.ndarray  # (3,)
    garments: list[Garment]  # the later over the earlier
    logos: list[Logo]
    skirt: tuple[float, float, Pattern] | None  # the hem's height and flare (metres)
    place: np.ndarray  # (3,) of its noise

    def lift(self, at: np.ndarray) -> np.ndarray:
        """(V,) metres that vertices at rest places (V, 3) stand off the skin."""
        off = np.zeros(len(at))
        for garment in self.garments:
            off = np.maximum(off, garment.lift(at))
        wave = 1 + 0.5 * solid(at, 6.0, self.place)
        return wave * np.maximum(off, self.bulk * step(self._hair(at) - 0.01, 0.012))

    def colours(
        self, at: np.ndarray, normals: np.ndarray, footprint: np.ndarray, skirt: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colours (N, 3) and unit normals (N, 3) with folds, of places and normals (N, 3).

        `footprint` (N,): metres that a pixel covers; `skirt` (N,) bool: its cloth, not the body's.
        """
        soft = np.maximum(_SEAM, footprint)
        colour = self._face(at, self.skin.at(at, footprint), soft)
        folds = np.zeros(len(at))
        for garment in self.garments:
            share = step(garment.covers(at), soft)
            _lay(garment.pattern, colour, share, at, footprint)
            folds = np.maximum(folds, share * garment.folds)
        for logo in self.logos:
            _lay(logo.pattern, colour, step(logo.covers(at), soft), at, footprint)
        strands = at * (1.0, 0.25, 1.0)
        _lay(self.hair, colour, step(self._hair(at), 0.008), strands, footprint)
        if self.skirt is not None:
            _lay(self.skirt[2], colour, skirt.astype(float), at, footprint)
            folds = np.maximum(folds, 0.3 * skirt)
        folded = np.flatnonzero(folds)
        normals = normals.copy()
        depth = folds[folded, None]
        normals[folded] = ruffled(normals[folded], at[folded], depth, self.place)
        return colour, normals

    def _hair(self, at: np.ndarray) -> np.ndarray:
        """(N,) metres inside the hair."""
        forehead, slope, fall = self.hairline
        x, y, z = np.abs(at[:, 0]), at[:, 1], at[:, 2]
        grown = y - forehead + slope * np.clip(0.07 - z, 0, 0.14)
        mane = np.minimum.reduce((y - fall, -0.01 - z, 0.11 - x))
        return np.maximum(grown, mane) if fall < 0.55 else grown

    def _face(self, at: np.ndarray, colour: np.ndarray, soft: np.ndarray) -> np.ndarray:
        """Skin with cheeks, beard, mouth, eyes and brows."""
        head = at[:, 1] > 0.5
        if not head.any():
            return colour
        near, edge = at[head], np.maximum(soft[head], 0.004)
        face = colour[head]
        front = step(near[:, 2] - 0.07, 0.02)
        jaw = step(self.mouth[1] + 0.012 - near[:, 1], 0.012) * step(near[:, 1] - 0.53, 0.02)
        face = mix(face, self.hair.colours[0], self.beard * jaw * step(near[:, 2] - 0.04, 0.02))
        lips = (near - self.mouth) / (0.026, 0.009, 0.04)
        face = mix(face, face * (0.85, 0.5, 0.5), step(1 - (lips**2).sum(1), 0.4) * front)
        for eye in self.eyes:
            away = (near - eye) / (0.016, 0.008, 0.03)
            face = mix(face, np.array([0.12, 0.1, 0.09]), 0.8 * step(1 - (away**2).sum(1), 0.5))
            brow = (near - eye - (0, 0.022, 0)) / (0.022, 0.005, 0.03)
            hairy = step(1 - (brow**2).sum(1), edge / 0.008) * front
            face = mix(face, 0.7 * self.hair.colours[0], 0.8 * hairy)
        colour = colour.copy()
        colour[head] = face
        return colour


def _lay(
    cloth: Pattern, colour: np.ndarray, share: np.ndarray, at: np.ndarray, footprint: np.ndarray
) -> None:
    """Put `cloth` on `colour` (N, 3), in place, where `share` (N,) of it is."""
    rows = np.flatnonzero(share)
    if len(rows):
        colour[rows] = mix(colour[rows], cloth.at(at[rows], footprint[rows]), share[rows])
