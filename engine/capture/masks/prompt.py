"""What Segment Anything is asked: where in a picture the thing is whose mask is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass
class Prompt:
    """A thing in a picture, in its px; at least one of box, points and mask is given."""

    box: np.ndarray | None = None  # (4,) x0, y0, x1, y1
    points: np.ndarray | None = None  # (N, 2) x, y
    labels: np.ndarray | None = None  # (N,) 1: on it, 0: beside it
    mask: np.ndarray | None = None  # (256, 256) logits of an earlier answer

    @property
    def ambiguous(self) -> bool:
        """Whether a part and the whole are both meant by it: a single point alone."""
        alone = self.box is None and self.mask is None
        return alone and self.points is not None and len(self.points) == 1


@dataclass
class Answer:
    """The mask of what was asked for."""

    mask: np.ndarray  # (H, W) bool
    iou: float  # with the truth, as the network believes
    logits: np.ndarray  # (256, 256) float32, for Prompt.mask


class Prompted(Protocol):
    """Something that makes masks of what it is asked for."""

    def ask(self, picture: np.ndarray, prompt: Prompt) -> Answer:
        """The mask of the thing in `picture` (H, W, 3) uint8 RGB."""
        ...
