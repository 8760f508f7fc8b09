"""Films with a true camera: a painted panorama, and somebody before it, seen by a turning lens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from layfigure.engine.capture.video import Footage
from layfigure.engine.formats.keypoints import BODY_25, BODY_EDGES, KeypointClip, empty_points

_SPAN = np.radians((240.0, 120.0))  # of the panorama, round and up
_PARTS = {
    **{"Nose": (0, 0.8), "Neck": (0, 0.6), "MidHip": (0, 0), "RShoulder": (-0.2, 0.58)},
    **{"LShoulder": (0.2, 0.58), "RElbow": (-0.3, 0.3), "LElbow": (0.3, 0.3), "RHip": (-0.12, 0)},
    **{"LHip": (0.12, 0), "RWrist": (-0.35, 0.05), "LWrist": (0.35, 0.05), "RKnee": (-0.15, -0.45)},
    **{"LKnee": (0.15, -0.45), "RAnkle": (-0.15, -0.9), "LAnkle": (0.15, -0.9)},
}


def paint_panorama(seed: int = 0, width: int = 4096) -> np.ndarray:
    """(H, W, 3) uint8 of rough walls, boxes and lines."""
    random = np.random.default_rng(seed)
    height = round(width * _SPAN[1] / _SPAN[0])
    picture = np.full((height, width, 3), 110.0, np.float32)
    for cells, strength in ((12, 35), (48, 22), (200, 16), (700, 12)):
        noise = random.normal(0, strength, (cells // 2, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(600):
        x, y = random.integers(0, width), random.integers(0, height)
        w, h = random.integers(width // 400, width // 30, 2)
        colour = tuple(random.uniform(10, 245, 3))
        cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1 if random.random() < 0.6 else 4)
    return np.clip(picture, 0, 255).astype(np.uint8)


@dataclass
class Shot:
    """A true camera: T rotations scene -> camera, zooms, and the focal length of the first."""

    rotation: np.ndarray
    zoom: np.ndarray
    focal: float
    size: tuple[int, int] = (640, 360)

    def project(self, points: np.ndarray) -> np.ndarray:
        """(T, ..., 3) of the scene to (T, ..., 2) px."""
        seen = np.einsum("tij,t...j->t...i", self.rotation, points)
        zoom = self.zoom.reshape(-1, *[1] * (seen.ndim - 1))
        return self.focal * zoom * seen[..., :2] / seen[..., 2:] + np.array(self.size) / 2


def make_shot(
    frames: int,
    pan: float = 0.0,
    zoom: float = 1.0,
    jitter: float = 0.0,
    focal: float = 512.0,
    size: tuple[int, int] = (640, 360),
    seed: int = 0,
) -> Shot:
    """A pan over `pan` degrees there and half back, a zoom to `zoom`, hands that shake."""
    random = np.random.default_rng(seed)
    time = np.linspace(0, 1, frames)
    yaw = np.radians(pan) * (np.minimum(time / 0.7, 1.0) ** 1.5 - 0.5)
    yaw -= np.radians(pan) * 0.5 * np.clip((time - 0.75) / 0.25, 0, 1)
    shake = random.normal(0, 1, (frames, 3))
    for axis in range(3):
        shake[:, axis] = np.convolve(shake[:, axis], np.ones(5) / 5, "same")[:frames]
    shake *= np.radians(jitter) / max(shake.std(), 1e-9)
    turns = Rotation.from_rotvec(shake) * Rotation.from_euler("y", -yaw[:, None])
    return Shot(turns.as_matrix(), zoom**time, focal, size)


class Film(Footage):
    """What a shot sees of a panorama, with a person of flat colour before it, and noise."""

    path, fps, independent, focal = Path("panorama.mp4"), 30.0, False, None

    def __init__(
        self,
        shot: Shot,
        panorama: np.ndarray,
        people: np.ndarray | None = None,
        noise: float = 4.0,
    ) -> None:
        """people (T, P, 137, 3): keypoints in the frames' pixels, drawn as limbs."""
        self.shot, self.panorama, self.people, self.noise = shot, panorama, people, noise
        self.width, self.height = shot.size
        self.frame_count = len(shot.zoom)
        self.frames: list[np.ndarray] | None = None  # once made, if they are kept

    def __iter__(self) -> Iterator[np.ndarray]:
        if self.frames is not None:
            yield from self.frames
            return
        random = np.random.default_rng(1)
        for frame in range(self.frame_count):
            picture = self._see(frame)
            for person in self.people[frame] if self.people is not None else ():
                _draw(picture, person, frame)
            noise = random.normal(0, self.noise, (*picture.shape[:2], 1)).astype(np.float32)
            yield np.clip(picture + noise, 0, 255).astype(np.uint8)

    def _see(self, frame: int) -> np.ndarray:
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        focal = self.shot.focal * self.shot.zoom[frame]
        ray = np.stack([(x - self.width / 2) / focal, (y - self.height / 2) / focal], -1)
        ray = np.concatenate([ray, np.ones_like(ray[..., :1])], -1) @ self.shot.rotation[frame]
        across = np.arctan2(ray[..., 0], ray[..., 2]) / _SPAN[0] + 0.5
        down = np.arctan2(ray[..., 1], np.hypot(ray[..., 0], ray[..., 2])) / _SPAN[1] + 0.5
        height, width = self.panorama.shape[:2]
        places = (across * width - 0.5).astype(np.float32), (down * height - 0.5).astype(np.float32)
        return cv2.remap(self.panorama, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)

    def frame_names(self, count: int) -> tuple[str, ...]:
        return tuple(f"panorama_{i:012d}" for i in range(count))


def _draw(picture: np.ndarray, person: np.ndarray, frame: int) -> None:
    seen = person[:25, 2] > 0
    if not seen.any():
        return
    size = np.ptp(person[:25][seen, 1])
    for a, b in BODY_EDGES:
        if seen[a] and seen[b]:
            ends = [tuple(int(v) for v in np.clip(person[k, :2], -5e3, 5e3)) for k in (a, b)]
            shade = 60 + 15 * ((a + frame // 3) % 8)
            cv2.line(picture, *ends, (shade, 255 - shade, 90), max(int(0.09 * size), 2))


def walker(shot: Shot, speed: float = 0.4, depth: float = 4.0) -> np.ndarray:
    """(T, 3, 25) somebody who strolls to and fro before the scene's middle, metres."""
    frames = len(shot.zoom)
    table = np.array([_PARTS.get(name, (np.nan, np.nan)) for name in BODY_25])
    place = np.zeros((frames, len(table), 3))
    time = np.arange(frames) / 30.0
    place[..., 0] = table[:, 0] + 0.5 * np.sin(2 * speed * time)[:, None]
    place[..., 1] = -table[:, 1] + 0.03 * np.sin(6 * time)[:, None]
    place[..., 2] = depth
    return place


def follow(shot: Shot, points: np.ndarray) -> np.ndarray:
    """`points` (T, K, 3) carried along with the camera's pan, so that it keeps them in view."""
    yaw = np.arctan2(shot.rotation[:, 2, 0], shot.rotation[:, 2, 2])
    return np.einsum("tij,tkj->tki", Rotation.from_euler("y", yaw[:, None]).as_matrix(), points)


def keypoints(shot: Shot, points: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """(T, 1, 137, 3) of body points (T, 25, 3) in the frames' pixels; NaN is not seen."""
    table = empty_points(len(points), 1)
    seen = np.isfinite(points).all(-1)
    pixels = shot.project(np.nan_to_num(points, nan=1.0))
    pixels += np.random.default_rng(2).normal(0, noise, pixels.shape) if noise else 0
    table[:, 0, :25, :2] = np.where(seen[..., None], pixels, 0)
    table[:, 0, :25, 2] = seen
    return table


def clip_of(film: Film, points: np.ndarray | None = None, focal: float | None = None):
    """The film's keypoints as a clip."""
    if points is None:
        points = film.people if film.people is not None else empty_points(film.frame_count, 1)
    names = film.frame_names(film.frame_count)
    return KeypointClip(points, film.width, film.height, 30.0, focal, names, "panorama.mp4")
