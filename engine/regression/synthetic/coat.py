"""Coats: colours of an animal's skin by its place on the template, so that they move with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise import fractal, solid
from .paint import mix, step
from .subject import quadruped

PATTERNS = ("plain", "spots", "rosettes", "stripes", "patches", "saddle", "brindle")
_FURS = np.array(
    [
        *((0.62, 0.43, 0.24), (0.42, 0.26, 0.14), (0.75, 0.60, 0.42), (0.82, 0.77, 0.68)),
        *((0.55, 0.52, 0.48), (0.33, 0.31, 0.30), (0.70, 0.42, 0.18), (0.90, 0.88, 0.84)),
        *((0.16, 0.13, 0.11), (0.24, 0.17, 0.12)),
    ]
)
_DARK, _PALE = np.array([0.09, 0.075, 0.07]), np.array([0.90, 0.87, 0.81])


@dataclass
class Coat:
    """All choices of one coat; lengths in lengths of the trunk."""

    pattern: str
    base: np.ndarray  # (3,) colours, 0..1
    marks: np.ndarray
    belly: np.ndarray
    socks: np.ndarray
    muzzle: np.ndarray
    size: float  # of the pattern's marks
    amount: float  # -1..1, how much of the skin they take
    shading: float  # how pale the belly is, 0..1
    sock_height: float  # above the ground, 0 for none
    muzzle_length: float  # from the nose, 0 for none
    roughness: float  # contrast of the hairs
    place: np.ndarray  # (3,) of its noise

    def colours(self, skin: np.ndarray, footprint: np.ndarray) -> np.ndarray:
        """(N, 3) about 0..1 at places and normals `skin` (N, 6) on the template.

        `footprint` (N,): what a pixel there covers, in lengths of the trunk.
        """
        at, up = skin[:, :3], skin[:, 5]
        ragged = 0.06 * fractal(at, 9.0, self.place, 3, footprint)
        colour = np.tile(self.base, (len(at), 1))
        pale = step(-up - 0.2 + 3 * ragged, 0.5) * self.shading
        colour = mix(colour, self.belly, pale)
        colour = mix(colour, self.marks, self._marked(at, up, ragged, footprint))
        ground, nose = _landmarks()
        height, behind = at[:, 2] - ground, nose[0] - at[:, 0]
        colour = mix(colour, self.socks, step(self.sock_height - height + ragged, 0.03))
        near = np.linalg.norm(at - nose, axis=1)
        colour = mix(colour, self.muzzle, step(self.muzzle_length - near + ragged, 0.05))
        colour *= 1 + 0.12 * solid(at, 4.0, self.place + 0.2)[:, None]
        hairs = at * (1.0, 1.0, 0.6)  # they lie along the body more than across
        colour *= 1 + self.roughness * fractal(hairs, 22.0, self.place + 0.6, 4, footprint)[:, None]
        return self._features(colour, at, height, behind)

    def _marked(
        self, at: np.ndarray, up: np.ndarray, ragged: np.ndarray, footprint: np.ndarray
    ) -> np.ndarray:
        """(N,) 0..1, where the pattern's second colour is."""
        if self.pattern == "plain":
            return np.zeros(len(at))
        if self.pattern == "saddle":
            return step(up - 0.25 + self.amount + 4 * ragged, 0.25)
        soft = 0.06 + 1.5 * footprint / self.size
        if self.pattern == "patches":
            field = solid(at, 0.45 / self.size, self.place) + ragged * 2
            return step(field + self.amount, soft)
        if self.pattern in ("stripes", "brindle"):
            return self._striped(at, ragged, soft)
        field = solid(at, 1.0 / self.size, self.place)
        if self.pattern == "rosettes":
            return step(0.20 - np.abs(field - 0.42 + ragged), soft)
        return step(field - 0.42 + self.amount + ragged, soft)

    def _striped(self, at: np.ndarray, ragged: np.ndarray, soft: np.ndarray) -> np.ndarray:
        """Rings about the trunk, the neck and, below, about the legs."""
        legs = step(-0.35 - at[:, 2], 0.15)
        along = (1 - legs) * at[:, 0] + legs * at[:, 2]
        warp = 0.35 * self.size * fractal(at, 2.5, self.place, 2) + 0.4 * self.size * ragged
        wave = np.sin(2 * np.pi * (along + warp) / self.size + 2.0 * solid(at, 1.1, self.place))
        broken = solid(at, 3.0, self.place + 0.8)
        strength = 1.0 if self.pattern == "stripes" else 0.55
        return strength * step(wave + self.amount - 0.5 * np.maximum(broken, 0), 3 * soft)

    def _features(
        self, colour: np.ndarray, at: np.ndarray, height: np.ndarray, behind: np.ndarray
    ) -> np.ndarray:
        """Eyes, the tip of the nose and hoofs or claws."""
        marks, names = quadruped().marks, quadruped().data.keypoint_names
        for eye in ("left_eye", "right_eye"):
            far = np.linalg.norm(at - marks[names.index(eye)], axis=1)
            colour = mix(colour, _DARK, step(0.035 - far, 0.012))
        colour = mix(colour, _DARK, step(0.03 - behind, 0.02))
        return mix(colour, 0.6 * self.socks, step(0.035 - height, 0.02))


def random_coat(rng: np.random.Generator, pattern: str | None = None) -> Coat:
    """Any coat, or one with a pattern of PATTERNS."""
    base, marks, other = _FURS[rng.choice(len(_FURS), 3, replace=False)]
    base, marks, other = (
        np.clip(c * rng.uniform(0.85, 1.15) + rng.normal(0, 0.02, 3), 0.04, 0.95)
        for c in (base, marks, other)
    )
    pattern = pattern or str(rng.choice(PATTERNS))
    if pattern in ("stripes", "spots", "rosettes", "patches") and np.abs(base - marks).max() < 0.3:
        marks = _DARK if base.mean() > 0.35 else _PALE
    size = {"spots": 0.12, "rosettes": 0.14, "stripes": 0.17, "brindle": 0.09}.get(pattern, 0.3)
    pale = rng.random() < 0.7
    return Coat(
        pattern=pattern,
        base=base,
        marks=marks,
        belly=0.35 * base + 0.65 * _PALE if pale else 0.6 * base,
        socks=_choice(rng, (_PALE, _DARK, base, other)),
        muzzle=_choice(rng, (_PALE, _DARK, base, other)),
        size=size * rng.uniform(0.7, 1.4),
        amount=rng.uniform(-0.15, 0.25),
        shading=rng.uniform(0.2, 1.0),
        sock_height=rng.uniform(0.1, 0.5) if rng.random() < 0.5 else -0.2,
        muzzle_length=rng.uniform(0.1, 0.3) if rng.random() < 0.5 else -0.3,
        roughness=rng.uniform(0.12, 0.3),
        place=rng.random(3),
    )


def _landmarks() -> tuple[float, np.ndarray]:
    """z of the ground and the place (3,) of the nose on the template, trunk lengths."""
    body = quadruped()
    nose = body.marks[body.data.keypoint_names.index("nose")]
    return float(body.skin[:, 2].min()), nose


def _choice(rng: np.random.Generator, colours: tuple[np.ndarray, ...]) -> np.ndarray:
    return colours[rng.integers(len(colours))]
