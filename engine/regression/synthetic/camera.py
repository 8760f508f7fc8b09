"""The camera of a generated clip: where it stands, how it follows, what it takes in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

CAMERAS = ("static", "pan", "follow")
_STEADY = 6  # frames over which a camera evens out what it follows
_SHAKE = 0.01  # of a hand-held camera, in lengths of the animal
_FILL = (0.72, 0.92)  # part of the picture that the animal takes where it takes most


@dataclass
class Shot:
    """T frames of a camera. x_camera = turns @ (x_world - places), OpenCV axes."""

    turns: np.ndarray  # (T, 3, 3)
    places: np.ndarray  # (T, 3) metres
    focal: float  # px
    center: tuple[float, float]  # px

    def seen(self, points: np.ndarray) -> np.ndarray:
        """World points (T, N, 3) in camera space."""
        return np.einsum("tij,tnj->tni", self.turns, points - self.places[:, None])


def random_shot(
    vertices: np.ndarray,
    heading: float,
    kind: str,
    size: tuple[int, int],
    view: float | None,
    any_side: bool,
    rng: np.random.Generator,
) -> Shot:
    """A camera for an animal's vertices (T, V, 3), metres, ground z = 0.

    `view` degrees: from where it is seen, 0 its left side, 90 its front; None for chance, with
    `any_side` from all round.
    """
    sparse = vertices[:, ::7]
    low, high = sparse.min(1), sparse.max(1)
    middle = (low + high) / 2
    length = float(np.linalg.norm(high[0] - low[0]))
    if view is None:
        view = rng.uniform(-180, 180) if any_side else rng.choice((0, 180)) + rng.normal(0, 28)
    around = heading + np.pi / 2 - np.radians(view)
    lifted = np.radians(rng.uniform(0, 35) if any_side else rng.uniform(2, 16))
    distance = length * rng.uniform(2.2, 6.0)
    level = np.cos(lifted)
    away = np.array([level * np.cos(around), level * np.sin(around), np.sin(lifted)])
    path = _smoothed(middle)
    centre = (path.min(0) + path.max(0)) / 2
    moving = {"static": 0.0, "pan": 0.0, "follow": 1.0}[kind]
    places = centre + away * distance + moving * (path - centre)
    places[:, 2] = np.maximum(places[:, 2], 0.15 * length)
    aim = path if kind != "static" else np.broadcast_to(centre, path.shape)
    turns = _looking(aim - places)
    shake = 0.0 if kind == "static" else _SHAKE * length / distance
    frames = np.arange(len(path))
    wobble = np.stack([_tremble(frames, rng) for _ in range(3)], 1) * shake
    wobble[:, 2] += np.radians(rng.normal(0, 4.0 if any_side else 1.0))
    turns = Rotation.from_rotvec(wobble).as_matrix() @ turns
    shot = Shot(turns, places, 1.0, (size[0] / 2, size[1] / 2))
    points = shot.seen(sparse)
    extent = np.abs(points[..., :2] / np.maximum(points[..., 2:], 1e-3)).max((0, 1))
    shot.focal = float(rng.uniform(*_FILL) * min(size[0] / 2 / extent[0], size[1] / 2 / extent[1]))
    return shot


def _smoothed(path: np.ndarray) -> np.ndarray:
    """A path (T, 3) without its jolts; beyond its ends it goes on as it came."""
    beyond = min(_STEADY * 3, len(path) - 1)
    longer = np.pad(path, ((beyond, beyond), (0, 0)), "reflect", reflect_type="odd")
    return gaussian_filter1d(longer, _STEADY, axis=0)[beyond : beyond + len(path)]


def _looking(forward: np.ndarray) -> np.ndarray:
    """(T, 3, 3) of level cameras that look along `forward` (T, 3)."""
    forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    return np.stack([right, np.cross(forward, right), forward], 1)


def _tremble(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T,) of a hand that holds a camera, usual size 1."""
    rates, phases = rng.uniform(0.02, 0.25, 4), rng.uniform(0, 2 * np.pi, 4)
    return np.sin(np.outer(frames, rates) + phases).sum(1) / np.sqrt(2)
