"""Boxes and ellipsoids: rooms, furniture, houses, trees, and things that stand in front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pattern import Pattern


@dataclass
class Solid:
    """A box or, `round`, an ellipsoid. An eye inside a box sees its walls."""

    centre: np.ndarray  # (3,) world
    turn: np.ndarray  # (3, 3) its axes, in rows
    half: np.ndarray  # (3,) metres along them
    pattern: Pattern
    round: bool = False

    def distance(self, eye: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """(N,) metres from `eye` (3,) along unit rays (N, 3); inf for a miss."""
        start, along = self._own(eye, rays)
        return self._ball(start, along) if self.round else self._box(start, along)

    def _own(self, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Eye and rays along its axes, in half sizes."""
        start = (self.turn @ (eye - self.centre)) / self.half
        return start, rays @ (self.turn / self.half[:, None]).T.astype(rays.dtype)

    @staticmethod
    def _box(start: np.ndarray, along: np.ndarray) -> np.ndarray:
        across = 1 / np.where(np.abs(along) < 1e-9, 1e-9, along)
        middle, reach = -start * across, np.abs(across)
        # One axis after the other: numpy reduces short axes slowly.
        enter = np.maximum.reduce(list((middle - reach).T))
        leave = np.minimum.reduce(list((middle + reach).T))
        hit = (enter <= leave) & (leave > 0)
        return np.where(hit, np.where(enter > 0, enter, leave), np.inf)

    @staticmethod
    def _ball(start: np.ndarray, along: np.ndarray) -> np.ndarray:
        a, b, c = (along**2).sum(1), along @ start, start @ start - 1
        inner = b * b - a * c
        near = (-b - np.sqrt(np.maximum(inner, 0))) / a
        return np.where((inner > 0) & (near > 0), near, np.inf)

    def surface(
        self, points: np.ndarray, eye: np.ndarray, footprint: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colours (N, 3) and unit normals (N, 3), towards the eye, at points (N, 3) on it."""
        own = (points - self.centre) @ self.turn.T
        out = own / self.half**2
        if not self.round:
            side = np.abs(own / self.half).argmax(1)
            out = np.eye(3)[side] * np.sign(own)
        normals = out @ self.turn
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        facing = np.sign(((eye - points) * normals).sum(1))
        return self.pattern.at(own, footprint), normals * facing[:, None]


def upright(angle: float) -> np.ndarray:
    """(3, 3) axes of something that stands, turned about y by `angle`, radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
