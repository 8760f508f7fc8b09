"""Where people are: rooms, scenery out of doors, or a plain backdrop, with things in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..synthetic.noise import solid as solid_noise
from ..synthetic.scenery import Scenery, random_scenery
from .light import Light, lamps
from .pattern import random_pattern
from .solids import Solid, upright

# Scenery is z-up; x stays.
_Z_UP = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
_KINDS, _SHARES = ("room", "outdoors", "backdrop"), (0.5, 0.4, 0.1)


@dataclass
class Surroundings:
    """All choices of one place; the floor is y = `floor`."""

    light: Light
    solids: list[Solid]
    scenery: Scenery | None
    floor: float
    place: np.ndarray  # (3,) of the noise in its light

    def seen(
        self, rays: np.ndarray, eye: np.ndarray, pixel: float, shade: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Light (H, W, 3) along unit `rays` (H, W, 3) from `eye` (3,), and how far it comes (H, W).

        A pixel is `pixel` radians wide; `shade` (H, W): the person's shadow where there is a floor.
        """
        flat = rays.reshape(-1, 3)
        every = [solid.distance(eye, flat) for solid in self.solids]
        distance = np.min(every, axis=0) if every else np.full(len(flat), np.inf)
        nearest = np.argmin(every, axis=0) if every else np.zeros(len(flat), int)
        picture = np.zeros((len(flat), 3), np.float32)
        if self.scenery is not None:
            above = (eye - (0, self.floor, 0)) @ _Z_UP.T
            view = self.scenery.picture(rays @ _Z_UP.T.astype(np.float32), above, pixel, shade)
            picture[:] = view.reshape(-1, 3)
            down = np.minimum(flat[:, 1], -1e-6)
            ground = np.where(flat[:, 1] < 0, (self.floor - eye[1]) / down, np.inf)
            # Whatever stands on the ground ends there.
            distance = np.where(ground < distance, np.inf, distance)
        for number, solid in enumerate(self.solids):
            chosen = np.flatnonzero((nearest == number) & np.isfinite(distance))
            if not len(chosen):
                continue
            points = eye + flat[chosen] * distance[chosen, None]
            colours, normals = solid.surface(points, eye, distance[chosen] * pixel)
            level = (normals[:, 1] > 0.9) & (points[:, 1] < self.floor + 0.05)
            open_to = 1 - 0.85 * shade.ravel()[chosen] * level
            uneven = 1 + 0.3 * solid_noise(points, 0.5, self.place)
            picture[chosen] = colours * self.light.on(normals, open_to) * uneven[:, None]
        return picture.reshape(rays.shape), distance.reshape(rays.shape[:2])


def random_surroundings(
    eye: np.ndarray, person: np.ndarray, floor: float, rng: np.random.Generator
) -> Surroundings:
    """Any place round a camera at `eye` (3,) and a `person` (N, 3) standing on y = `floor`."""
    kind = rng.choice(_KINDS, p=_SHARES)
    middle = person.mean(0)
    radius = float(np.linalg.norm((person - middle)[:, [0, 2]], axis=1).max()) + 0.1
    made = Surroundings(lamps(rng), [], None, floor, rng.random(3))
    if kind == "outdoors":
        made.scenery = random_scenery(1.5, rng)
        made.light = _sunny(made.scenery)
        _stand_about(made, eye, middle, radius, rng, far=(2.0, 25.0), large=(0.2, 6.0))
    elif kind == "room":
        _room(made, eye, middle, radius, rng)
        _stand_about(made, eye, middle, radius, rng, far=(0.2, 3.0), large=(0.2, 1.2))
    else:
        away = middle - eye
        turn = upright(np.arctan2(away[0], away[2]))
        size = np.array([60.0, 60.0, 60.0])
        behind = middle + away / np.linalg.norm(away) * (radius + rng.uniform(0.3, 2.0))
        centre = behind + turn[2] * size[2]
        cloth = random_pattern(rng, (0.1, 3.0))
        made.solids.append(Solid(centre, turn, size, cloth))
    return made


def _sunny(scenery: Scenery) -> Light:
    sun = scenery.sun @ _Z_UP
    ground = 0.35 * scenery.ground.mean(0) * (scenery.ambient + 0.5 * scenery.sunlight)
    return Light(sun[None], scenery.sunlight[None], scenery.ambient, ground)


def _room(
    made: Surroundings,
    eye: np.ndarray,
    middle: np.ndarray,
    radius: float,
    rng: np.random.Generator,
) -> None:
    """Walls, a floor, and pictures on the walls."""
    turn = upright(rng.uniform(0, 2 * np.pi))
    ends = np.stack([eye, middle]) @ turn.T
    low = ends.min(0) - radius - np.exp(rng.uniform(np.log(0.15), np.log(4.0), 3))
    high = ends.max(0) + radius + np.exp(rng.uniform(np.log(0.15), np.log(4.0), 3))
    low[1], high[1] = made.floor, made.floor + max(rng.uniform(2.4, 4.0), eye[1] - made.floor + 0.2)
    centre, half = turn.T @ (low + high) / 2, (high - low) / 2
    made.solids.append(Solid(centre, turn, half, random_pattern(rng, (0.08, 2.0))))
    boards = random_pattern(rng, (0.08, 1.0))
    under = centre - (0, half[1], 0)
    made.solids.append(Solid(under, turn, np.array([half[0], 0.01, half[2]]), boards))
    for _ in range(int(rng.integers(0, 5))):
        axis, side = int(rng.choice((0, 2))), rng.choice((-1, 1))
        size = np.array([*rng.uniform(0.15, 0.9, 2), 0.02])
        size = size[[2, 1, 0]] if axis == 0 else size
        place = rng.uniform(-0.9, 0.9, 3) * half
        place[1], place[axis] = rng.uniform(-0.3, 0.6) * half[1], side * half[axis]
        frame = random_pattern(rng, (0.1, 0.8))
        made.solids.append(Solid(centre + turn.T @ place, turn, size, frame))


def _stand_about(
    made: Surroundings,
    eye: np.ndarray,
    middle: np.ndarray,
    radius: float,
    rng: np.random.Generator,
    far: tuple[float, float],
    large: tuple[float, float],
) -> None:
    """Furniture, houses, trees: nothing in the person and little in the way."""
    view = (middle - eye)[[0, 2]]
    length = np.linalg.norm(view)
    for _ in range(int(rng.integers(0, 6))):
        half = np.exp(rng.uniform(np.log(large[0]), np.log(large[1]), 3)) / 2
        reach = float(np.linalg.norm(half[[0, 2]]))
        angle = np.arctan2(view[1], view[0]) + rng.normal(0, 0.9)
        gap = radius + reach + np.exp(rng.uniform(*np.log(far)))
        centre = middle + gap * np.array([np.cos(angle), 0, np.sin(angle)])
        centre[1] = made.floor + half[1]
        along = np.clip((centre - eye)[[0, 2]] @ view / length, 0, length)
        nearest = eye[[0, 2]] + along * view / length
        blocks = along < length and np.linalg.norm(centre[[0, 2]] - nearest) < reach + radius
        if blocks or np.linalg.norm((centre - eye)[[0, 2]]) < reach + 0.2:
            continue
        stuff = random_pattern(rng, (0.05, 1.0))
        turn = upright(rng.uniform(0, 2 * np.pi))
        made.solids.append(Solid(centre, turn, half, stuff, bool(rng.random() < 0.2)))
