"""A generated clip with true silhouettes: a textured animal trots over a moving textured ground."""

from __future__ import annotations

import cv2
import numpy as np

STRIDE = 24  # frames
_FORELEGS, _HINDLEGS = ((36, 0.0), (44, np.pi)), ((-44, 2.6), (-36, 5.7))  # place, phase


def texture(
    width: int, height: int, seed: int, tint: tuple[int, int, int], contrast: float
) -> np.ndarray:
    """(height, width, 3) uint8: light and dark spots of several sizes on one colour."""
    draw = np.random.default_rng(seed)
    spots = np.zeros((height, width), np.float32)
    for size in (1.5, 5, 15):
        noise = cv2.GaussianBlur(draw.normal(size=(height, width)).astype(np.float32), (0, 0), size)
        spots += noise / noise.std()
    return np.clip(np.array(tint) * (1 + contrast * spots[..., None]), 0, 255).astype(np.uint8)


class _Limb:
    """A capsule of fur that can be laid anywhere: from its start along its direction."""

    def __init__(self, length: float, radius: float, seed: int) -> None:
        self.radius = radius
        long, wide = int(length + 2 * radius) + 4, int(2 * radius) + 4
        self.fur = texture(long, wide, seed, (165, 120, 80), 0.12)
        self.shape = np.zeros((wide, long), np.uint8)
        row, r = wide // 2, round(radius)
        self.start = (radius + 2, row)
        ends = (round(radius + 2), row), (round(radius + 2 + length), row)
        cv2.line(self.shape, *ends, 255, 2 * r)

    def lay(self, picture: np.ndarray, mask: np.ndarray, at: np.ndarray, angle: float) -> None:
        """Draw it with its start at `at` px, turned by `angle` from the x axis."""
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.array([[cos, -sin], [sin, cos]])
        matrix = np.column_stack([turn, at - turn @ np.array(self.start)])
        size = mask.shape[1::-1]
        fur = cv2.warpAffine(self.fur, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpAffine(self.shape, matrix, size).astype(np.float32)[..., None] / 255
        picture[:] = cover * fur + (1 - cover) * picture
        mask |= cover[..., 0] > 0.5


def trotting(count: int, width: int = 400, height: int = 260) -> tuple[np.ndarray, np.ndarray]:
    """`count` frames (T, H, W, 3) uint8 RGB and their silhouettes (T, H, W) bool."""
    ground = texture(width + 3 * count, height + 8, 1, (135, 120, 95), 0.14)
    trunk, neck, head, tail = (
        _Limb(*limb, seed=2 + i) for i, limb in enumerate([(80, 23), (34, 9), (22, 11), (34, 4)])
    )
    thigh, shank = _Limb(26, 8, 6), _Limb(26, 5.5, 7)
    noise = np.random.default_rng(3)
    frames, masks = [], []
    for i in range(count):
        picture = ground[4 : 4 + height, 2 * i : 2 * i + width].astype(np.float32)
        mask, step = np.zeros((height, width), bool), 2 * np.pi * i / STRIDE
        centre = np.array([width * 0.3 + 1.2 * i, height * 0.48 + 3 * np.sin(2 * step)])
        for place, phase in (*_FORELEGS, *_HINDLEGS):
            swing = np.pi / 2 + 0.45 * np.sin(step + phase)
            hip = centre + (place, 14)
            knee = hip + 26 * np.array([np.cos(swing), np.sin(swing)])
            shank.lay(picture, mask, knee, swing + 0.35 * max(np.cos(step + phase), 0))
            thigh.lay(picture, mask, hip, swing)
        tail.lay(picture, mask, centre + (-56, -10), np.pi + 0.4 + 0.3 * np.sin(step))
        neck.lay(picture, mask, centre + (48, -8), -0.8)
        head.lay(picture, mask, centre + (76, -36), 0.25 + 0.15 * np.sin(step))
        trunk.lay(picture, mask, centre - (40, 0), 0)
        picture += noise.normal(0, 3, (height, width, 1))
        frames.append(np.clip(picture, 0, 255).astype(np.uint8))
        masks.append(mask)
    return np.stack(frames), np.stack(masks)
