"""What is round the animal: ground, hills, sky and light, all of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise import plane

_GROUNDS = np.array(
    [
        *((0.33, 0.42, 0.18), (0.45, 0.46, 0.24), (0.56, 0.47, 0.33), (0.70, 0.62, 0.46)),
        *((0.42, 0.36, 0.29), (0.52, 0.52, 0.50), (0.86, 0.88, 0.91), (0.27, 0.32, 0.17)),
    ]
)
_SKIES = np.array([(0.52, 0.66, 0.84), (0.78, 0.81, 0.84), (0.88, 0.76, 0.62), (0.62, 0.67, 0.72)])
_DETAILS = (0.5, 3.0, 22.0)  # metres after which the ground repeats, for an animal of 1 m
_FAR = 400.0  # metres; the ground ends in haze


@dataclass
class Scenery:
    """All choices of one place."""

    ground: np.ndarray  # (2, 3) its two colours, 0..1
    sky: np.ndarray  # (2, 3) above, and at the horizon
    hills: np.ndarray  # (3, 3) nearest first
    heights: np.ndarray  # (3,) radians that they stand above the horizon
    contrast: float
    scale: float  # metres: the animal's size
    place: np.ndarray  # (9, 2) of its noise
    sun: np.ndarray  # (3,) unit, towards it
    sunlight: np.ndarray  # (3,) colour times strength
    ambient: np.ndarray  # (3,)

    def picture(
        self, rays: np.ndarray, camera: np.ndarray, pixel: float, shade: np.ndarray
    ) -> np.ndarray:
        """(H, W, 3) float32 about 0..1 along `rays` (H, W, 3), unit, world, from `camera` (3,).

        A pixel is `pixel` radians wide; `shade` (H, W) 0..1: how much the sun is kept off the
        ground.
        """
        picture = np.zeros(rays.shape, np.float32)
        low = rays[..., 2] < 0
        for part in (low, ~low):
            found = np.flatnonzero(part.any(1))
            if not len(found):
                continue
            rows = slice(found[0], found[-1] + 1)
            if part is low:
                seen = self._ground(rays[rows], camera, pixel, shade[rows])
            else:
                seen = self._distance(rays[rows])
            np.copyto(picture[rows], seen, where=part[rows, :, None], casting="same_kind")
        return picture

    def _ground(
        self, rays: np.ndarray, camera: np.ndarray, pixel: float, shade: np.ndarray
    ) -> np.ndarray:
        """The ground in its light, in the distance lost in haze."""
        end = _FAR * self.scale
        far = np.minimum(camera[2] / np.maximum(-rays[..., 2], 1e-4), end)
        x, y = camera[0] + rays[..., 0] * far, camera[1] + rays[..., 1] * far
        # What a pixel covers, seen at so flat an angle: anything finer would flicker.
        step = far * far * (pixel / camera[2])
        rough = []
        for size, place in zip(_DETAILS, self.place, strict=False):
            metres = size * self.scale
            seen = np.minimum(0.12 * metres / step, 1)
            rough.append(seen * plane(x, y, metres, place))
        mixed = np.clip(0.5 + self.contrast * (rough[2] + 0.8 * rough[1]), 0, 1)[..., None]
        fine = np.clip(1 + self.contrast * (0.9 * rough[0] + 0.5 * rough[1]), 0.3, 1.7)
        colour = (self.ground[0] + mixed * (self.ground[1] - self.ground[0])) * fine[..., None]
        sunny = max(float(self.sun[2]), 0.15) * self.sunlight
        haze = ((far / end) ** 1.5)[..., None]
        light = self.ambient + sunny * (1 - 0.9 * shade[..., None])
        return colour * light * (1 - haze) + haze * self.sky[1]

    def _distance(self, rays: np.ndarray) -> np.ndarray:
        """Sky, clouds and hills of a picture."""
        around, up = np.arctan2(rays[..., 1], rays[..., 0]), np.maximum(rays[..., 2], 0)
        high = np.sqrt(np.minimum(up / 0.6, 1))
        clouds = np.clip(plane(around, 2.5 * up, 2.0, self.place[3]) * 0.9, 0, 0.8)
        sky = self.sky[1] + high[..., None] * (self.sky[0] - self.sky[1])
        sky = sky + clouds[..., None] * (0.95 - sky) * 0.6
        for i in (2, 1, 0):  # the nearest stand before the others
            rise = plane(around, np.full_like(up, i), 6.0, self.place[4 + i])
            trees = plane(around, np.full_like(up, i), 0.7, self.place[5 + i])
            ridge = self.heights[i] * (1 + 0.8 * rise + 0.15 * trees)
            texture = 1 + 0.5 * self.contrast * plane(around, up, 0.8 / (1 + i), self.place[5])
            edge = np.clip((ridge - up) * 250, 0, 1)[..., None]
            sky = sky + edge * (self.hills[i] * texture[..., None] - sky)
        return sky


def random_scenery(scale: float, rng: np.random.Generator) -> Scenery:
    """Any place; `scale` metres is about the animal's size."""
    ground = _GROUNDS[rng.choice(len(_GROUNDS), 2, replace=False)]
    ground = np.clip(ground * rng.uniform(0.75, 1.15) + rng.normal(0, 0.02, (2, 3)), 0.05, 0.95)
    sky = np.stack([_SKIES[rng.integers(len(_SKIES))], np.full(3, rng.uniform(0.72, 0.92))])
    near = _GROUNDS[rng.choice((0, 2, 4, 7))] * rng.uniform(0.4, 0.9)
    hills = np.stack([near + (i / 4) * (sky[1] - near) for i in range(3)])
    around, high = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(25, 80))
    sun = np.array([np.cos(around) * np.cos(high), np.sin(around) * np.cos(high), np.sin(high)])
    clear = rng.uniform(0.15, 1.0)  # from overcast to bright
    return Scenery(
        ground=ground.astype(np.float32),
        sky=sky.astype(np.float32),
        hills=hills.astype(np.float32),
        heights=np.sort(rng.uniform(0.02, 0.22, 3)),
        contrast=rng.uniform(0.25, 0.7),
        scale=scale,
        place=rng.random((9, 2)),
        sun=sun,
        sunlight=_light(0.85 * clear, (1.0, rng.uniform(0.88, 1.0), rng.uniform(0.75, 1.0))),
        ambient=_light(0.9 - 0.6 * clear, (rng.uniform(0.88, 1.0), 0.96, 1.0)),
    )


def _light(strength: float, colour: tuple[float, float, float]) -> np.ndarray:
    return np.array(colour, np.float32) * np.float32(strength)
