"""Animals in pictures by WLDO's network, and where its bodies lie in these pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from ..formats.errors import InputError
from .crops import Crop, normalised, square_crop
from .wldo import SIZE, AnimalPrediction, WldoNetwork, project

_MARGIN = 1.2  # side of the square that is cut out, as a part of the box's longer side
_WHITE = 255  # beyond the picture's edge


def predict_animals(
    network: WldoNetwork, pictures: Sequence[np.ndarray], boxes: np.ndarray, batch: int = 16
) -> tuple[AnimalPrediction, list[Crop]]:
    """One animal in each of N pictures (H, W, 3) uint8, red-green-blue, and what the network saw.

    boxes (N, 4) x, y, width, height of the animals, px; `batch` pictures are in work at once. Runs
    where the network is; the answer is on the CPU. Raises InputError for a box beside its picture.
    """
    crops = [_crop(*pair) for pair in zip(pictures, boxes, strict=True)]
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(crops), batch):
            squares = np.stack([crop.pixels for crop in crops[start : start + batch]])
            parts.append(network(normalised(squares).to(device)))
    names = [field.name for field in fields(AnimalPrediction)]
    whole = {name: torch.cat([getattr(part, name) for part in parts]).cpu() for name in names}
    return AnimalPrediction(**whole), crops


def in_picture(points: Tensor, prediction: AnimalPrediction, crops: Sequence[Crop]) -> np.ndarray:
    """Pixels (N, P, 2) x, y in the pictures of a body's points (N, P, 3), in model units."""
    pixels, _ = project(points, prediction.scale)
    across = pixels.flip(-1).detach().numpy()
    return np.stack([crop.to_picture(xy) for crop, xy in zip(crops, across, strict=True)])


def _crop(picture: np.ndarray, box: np.ndarray) -> Crop:
    x, y, width, height = (float(number) for number in box)
    rows, columns = picture.shape[:2]
    seen = min(x + width, columns) - max(x, 0), min(y + height, rows) - max(y, 0)
    if not (min(width, height, *seen) >= 2 and np.isfinite(max(width, height))):
        raise InputError(
            f"The box {x:g}, {y:g}, {width:g}, {height:g} shows nothing of a picture of "
            f"{columns} x {rows} pixels.",
            "Give x, y, width and height of the animal in pixels.",
        )
    centre = (x + width / 2, y + height / 2)
    return square_crop(picture, centre, _MARGIN * max(width, height), SIZE, _WHITE)
