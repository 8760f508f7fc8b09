"""Where a picture is taken from and what it shows: cameras, and crops as a regressor sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

# Keypoints of BODY_25 that a picture of a part of the body is framed by.
_UPPER = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 18)
_BUST = (0, 1, 2, 3, 5, 6, 15, 16, 17, 18)
_KNEES = (*_UPPER, 10, 13)
_LOWER = (8, 9, 10, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24)
_FRAMES = (None, _KNEES, _UPPER, _BUST, _LOWER)
_SHARES = (0.74, 0.07, 0.1, 0.05, 0.04)


@dataclass
class View:
    """A camera: x_camera = turn @ x_world + shift; pixel = focal * xy / z + centre."""

    turn: np.ndarray  # (3, 3)
    shift: np.ndarray  # (3,) metres
    focal: float  # px
    centre: np.ndarray  # (2,) px, the optical axis; it may lie outside the picture
    size: tuple[int, int]  # width, height px

    @property
    def eye(self) -> np.ndarray:
        """(3,) where it stands in the world."""
        return -self.turn.T @ self.shift

    @property
    def lens(self) -> tuple[float, float, float, float, int, int]:
        """As the rasteriser wants it."""
        return self.focal, self.focal, float(self.centre[0]), float(self.centre[1]), *self.size

    def seen(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in camera space."""
        return points @ self.turn.T + self.shift

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) in the picture (..., 2)."""
        seen = self.seen(points)
        return seen[..., :2] / seen[..., 2:] * self.focal + self.centre

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit rays (H, W, 3) float32 in the world, and their share of camera z (H, W)."""
        x = (np.arange(self.size[0]) + 0.5 - self.centre[0]) / self.focal
        y = (np.arange(self.size[1]) + 0.5 - self.centre[1]) / self.focal
        rays = np.stack([*np.meshgrid(x, y), np.ones((len(y), len(x)))], -1).astype(np.float32)
        length = np.sqrt(np.einsum("hwi,hwi->hw", rays, rays))
        return (rays / length[..., None]) @ self.turn.astype(np.float32), 1 / length


def random_view(keypoints: np.ndarray, size: int, rng: np.random.Generator) -> View:
    """A square picture of `size` px of a person with BODY_25 `keypoints` (25, 3) in the world."""
    middle = (keypoints.min(0) + keypoints.max(0)) / 2
    distance = float(np.exp(rng.uniform(np.log(1.7), np.log(8.0))))
    eye = _eye(middle, distance, rng)
    turn = _looking(middle - eye)
    # The person is seldom in the middle of the whole photograph, nor the camera quite level.
    aside = rng.normal(0, (0.10, 0.13, 0.06))
    turn = Rotation.from_rotvec(aside).as_matrix() @ turn
    view = View(turn, -turn @ eye, 1.0, np.zeros(2), (size, size))
    part = _FRAMES[rng.choice(len(_FRAMES), p=_SHARES)]
    plane = view.pixels(keypoints if part is None else keypoints[list(part)])
    low, high = plane.min(0), plane.max(0)
    # Keypoints end at the ankles and the eyes; what is round them belongs to the person too.
    side = float((high - low).max()) * rng.uniform(1.1, 1.45)
    side = max(side, 0.35 / distance)
    centre = (low + high) / 2 + side * rng.normal(0, 0.035, 2)
    view.focal = size / side
    view.centre = size / 2 - view.focal * centre
    return view


def _eye(middle: np.ndarray, distance: float, rng: np.random.Generator) -> np.ndarray:
    """A camera's place, from near the ground to well above the head."""
    around = rng.uniform(0, 2 * np.pi)
    usual = rng.normal(1.45, 0.25) if rng.random() < 0.7 else rng.uniform(0.15, 3.2)
    rise = np.clip(usual - middle[1], -0.75 * distance, 0.75 * distance)
    level = np.sqrt(distance**2 - rise**2)
    eye = middle + (level * np.cos(around), rise, level * np.sin(around))
    eye[1] = max(eye[1], 0.1)
    return eye


def _looking(forward: np.ndarray) -> np.ndarray:
    """(3, 3) turn of a level camera that looks along `forward`, world y up."""
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
