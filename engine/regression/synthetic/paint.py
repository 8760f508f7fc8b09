"""How colours lie over each other."""

from __future__ import annotations

import numpy as np


def step(value: np.ndarray, soft: np.ndarray | float) -> np.ndarray:
    """0 where `value` is below -soft, 1 above soft, smooth between."""
    part = np.clip(0.5 + 0.5 * value / soft, 0, 1)
    return part * part * (3 - 2 * part)


def mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Colours (N, 3) with `share` (N,) of them `other`, (3,) or (N, 3)."""
    return colour + share[:, None] * (other - colour)
