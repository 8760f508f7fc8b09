"""Square pieces of pictures as networks see them, and the way back into the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green, blue


@dataclass
class Crop:
    """A square of a picture, resized."""

    pixels: np.ndarray  # (S, S, 3) uint8, or (S, S) of one channel
    corner: np.ndarray  # (2,) x, y of the square's first pixel in the picture; may lie outside
    extent: np.ndarray  # (2,) width and height of the square in the picture, px

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) x, y of the crop as x, y of the picture, px."""
        return self.corner + points * self.extent / len(self.pixels)


def square_crop(
    picture: np.ndarray, centre: tuple[float, float], side: float, size: int, border: int = 0
) -> Crop:
    """The square of `side` px about `centre` (x, y) of a picture (H, W, C) uint8, as size x size.

    Cut at whole pixels as SPIN does; what lies outside the picture is filled with `border`.
    """
    start, stop = crop_bounds(centre, side, size)
    bounds = np.array(picture.shape[1::-1])
    low, high = np.clip(start, 0, bounds), np.clip(stop, 0, bounds)
    square = np.full((*(stop - start)[::-1], picture.shape[2]), border, np.uint8)
    inside = tuple(slice(*ends) for ends in zip(low - start, high - start, strict=True))
    seen = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    square[inside[::-1]] = picture[seen[::-1]]
    small = Image.fromarray(square.squeeze(-1) if square.shape[2] == 1 else square).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    return Crop(np.asarray(small), start, stop - start)


def crop_bounds(
    centre: tuple[float, float], side: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where in the picture the square of `square_crop` starts and stops, x, y (2,), whole px."""
    # Inverted as a matrix: its rounding decides where a corner between two pixels falls.
    back = np.linalg.inv(crop_matrix(centre, side, size))
    start, stop = ((back @ [edge, edge, 1.0])[:2].astype(int) for edge in (0, size))
    return start, stop


def crop_matrix(centre: tuple[float, float], side: float, size: int) -> np.ndarray:
    """The map (3, 3) of x, y, 1 of a picture, px, to the crop that `square_crop` cuts."""
    zoom = size / side
    shift = [size * (0.5 - place / side) for place in centre]
    return np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]], [0, 0, 1]])


def normalised(pictures: np.ndarray) -> Tensor:
    """Network input (N, 3, S, S) float32 of red-green-blue pictures (N, S, S, 3) uint8."""
    return normalised_levels(
        torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    )


def normalised_levels(levels: Tensor) -> Tensor:
    """Network input of levels (N, 3, S, S) 0..1, where they lie."""
    mean, std = (torch.tensor(numbers)[:, None, None].to(levels) for numbers in (_MEAN, _STD))
    return (levels - mean) / std
