"""What a network is shown of people: their crops, who is meant in them, and 2D keypoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ..crops import normalised_levels, square_crop
from .joints import OPENPOSE


@dataclass
class Sight:
    """N people in crops of S px."""

    pictures: Tensor  # (N, 3, S, S) uint8, red-green-blue
    masks: Tensor  # (N, S, S) bool; all False where it is not known
    keypoints: Tensor  # (N, 25, 3) BODY_25: x, y from -1 to 1 in the crop, confidence 0..1

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: slice | Tensor) -> Sight:
        return Sight(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device | str) -> Sight:
        """On another device."""
        return Sight(*(getattr(self, field.name).to(device) for field in fields(self)))

    @staticmethod
    def join(parts: Sequence[Sight]) -> Sight:
        """One after the other."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(Sight))
        return Sight(*(torch.cat(column) for column in columns))

    def channels(self, with_mask: bool) -> Tensor:
        """A network's input (N, 3 or 4, S, S)."""
        levels = normalised_levels(self.pictures.float() / 255)
        return torch.cat([levels, self.masks[:, None].to(levels)], 1) if with_mask else levels

    def without_masks(self) -> Sight:
        """The same, as if nobody had drawn a mask."""
        return replace(self, masks=torch.zeros_like(self.masks))


def see_person(
    picture: np.ndarray,
    centre: tuple[float, float],
    side: float,
    size: int,
    keypoints: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> Sight:
    """One person in the square of `side` px about `centre` (x, y) of a picture, as size x size.

    picture (H, W, 3) uint8; keypoints (25, 3), BODY_25, x, y px and confidence; mask (H, W) bool.
    """
    crop = square_crop(picture, centre, side, size)
    seen = np.zeros((size, size), bool)
    if mask is not None:
        levels = 255 * mask.astype(np.uint8)[..., None]
        seen = square_crop(levels, centre, side, size).pixels > 127
    points = np.zeros((OPENPOSE, 3), np.float32)
    if keypoints is not None:
        points[:, :2] = 2 * (keypoints[:, :2] - crop.corner) / crop.extent - 1
        points[:, 2] = np.clip(keypoints[:, 2], 0, 1)
        points[points[:, 2] == 0] = 0
    return Sight(
        torch.from_numpy(crop.pixels.copy()).permute(2, 0, 1)[None],
        torch.from_numpy(seen)[None],
        torch.from_numpy(points)[None],
    )
