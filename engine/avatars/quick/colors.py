"""Colour in canonical space: what the scans show around a place, seen robustly."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .samples import ScanSamples

_KEPT = 200_000  # points of all scans together
_AROUND = 16
_WIDTH = 0.004  # m
_ROUNDS = 3
_ALIKE = 0.12  # of the range of colour, within which two samples are of one thing


class ColorCloud:
    """Coloured points (N, 3) in canonical space, metres, colours (N, 3) 0..1."""

    def __init__(self, points: Tensor, colors: Tensor) -> None:
        self.points, self.colors = points, colors
        self._tree = cKDTree(points.numpy())

    @classmethod
    def of_scans(cls, scans: list[ScanSamples], seed: int) -> ColorCloud | None:
        """All scans that have colours; None where none has."""
        coloured = [scan.paint for scan in scans if scan.paint is not None]
        if not coloured:
            return None
        points, colors = (torch.cat(parts) for parts in zip(*coloured, strict=True))
        random = torch.Generator().manual_seed(seed)
        kept = torch.randperm(len(points), generator=random)[:_KEPT]
        return cls(points[kept].contiguous(), colors[kept].contiguous())

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Colours (N, 3) 0..1 of points (N, 3): the mean of what is near and of one mind.

        Starting from the median, samples count less the more they differ, so that a sleeve that
        brushed the hip in one scan leaves no spot.
        """
        distance, near = self._tree.query(points, k=min(_AROUND, len(self.points)))
        width = np.maximum(_WIDTH, distance[:, :1])
        share = np.exp(-((distance / width) ** 2) / 2)
        found = self.colors.numpy()[near]
        middle = np.median(found, axis=1)
        for _ in range(_ROUNDS):
            off = np.linalg.norm(found - middle[:, None], axis=2)
            trust = share / (1 + (off / _ALIKE) ** 2)
            middle = (found * trust[..., None]).sum(1) / trust.sum(1, keepdims=True)
        return middle
