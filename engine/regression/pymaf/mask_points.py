"""Where PyMAF's first stage looks when the person's mask in the picture is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .network import GRID

FOREGROUND = 400
BACKGROUND = GRID**2 - FOREGROUND


def mask_points(mask: np.ndarray, seed: int = 0) -> Tensor | None:
    """400 points of the person, then 41 of the background (441, 2), x, y from -1 to 1 in the crop.

    `mask` (S, S) bool is of the same crop. Both kinds stand from top to bottom, so that a place in
    the list means about the same height of a person. The same seed gives the same points. None
    where the mask shows nobody; without background all are of the person.
    """
    person, others = np.argwhere(mask), np.argwhere(~mask)
    if not len(person):
        return None
    random = np.random.default_rng(seed)
    background = _some(others if len(others) else person, BACKGROUND, random)
    rows = np.concatenate([_some(person, FOREGROUND, random), background])
    places = 2 * rows[:, ::-1] / (np.array(mask.shape[::-1]) - 1) - 1
    return torch.from_numpy(places).float()


def _some(pixels: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` of pixels (P, 2) in their order; some twice where there are not as many."""
    return pixels[np.sort(random.choice(len(pixels), count, replace=len(pixels) < count))]
