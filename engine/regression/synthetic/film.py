"""What lens and sensor make of the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass
class Film:
    """What lens and sensor do to every picture of a clip."""

    blur: float  # px
    exposure: float
    gamma: float
    balance: np.ndarray  # (3,)
    noise: float  # of 255
    quality: int  # of JPEG

    def develop(self, light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, 3) uint8 of light (H, W, 3) float32, about 0..1."""
        seen = cv2.GaussianBlur(light, (0, 0), self.blur)
        seen = np.clip(seen * (self.exposure * self.balance).astype(np.float32), 0, 1)
        seen = 255 * cv2.pow(seen, self.gamma)
        seen += self.noise * rng.standard_normal(seen.shape, np.float32)
        whole = np.clip(seen, 0, 255).astype(np.uint8)
        packed = cv2.imencode(".jpg", whole, (cv2.IMWRITE_JPEG_QUALITY, self.quality))[1]
        return cv2.imdecode(packed, cv2.IMREAD_COLOR)


def random_film(rng: np.random.Generator) -> Film:
    """Any camera's."""
    return Film(
        blur=rng.uniform(0.4, 0.7),
        exposure=rng.uniform(0.85, 1.15),
        gamma=rng.uniform(0.8, 1.15),
        balance=1 + rng.normal(0, 0.04, 3),
        noise=rng.uniform(1.0, 4.0),
        quality=int(rng.integers(80, 96)),
    )
