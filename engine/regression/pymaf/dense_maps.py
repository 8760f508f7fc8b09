"""Pictures of the body's surface (part, u, v of each pixel) as maps for training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PARTS = 24  # DensePose's; 0 is the background
# The coarser part of each part, hands and feet by side, limbs whole around.
_COARSE = (*(0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14),)


@dataclass
class DenseMaps:
    """What each of N pictures' pixels (h, w) shows."""

    u: Tensor  # (N, 25, h, w) of its own part, else zero
    v: Tensor  # (N, 25, h, w)
    index: Tensor  # (N, h, w) the part, 0 the background
    part: Tensor  # (N, h, w) the coarser part, 0..14

    @property
    def inside(self) -> Tensor:
        """Whether (N, 25, h, w) a pixel shows a part; the background counts as one."""
        return torch.nn.functional.one_hot(self.index, PARTS + 1).movedim(-1, 1).bool()


def dense_maps(pictures: Tensor) -> DenseMaps:
    """The maps of pictures (N, 3, h, w): part / 24, u and v, all 0..1, zero in the background."""
    index = (pictures[:, 0] * PARTS).round().long()
    own = torch.nn.functional.one_hot(index, PARTS + 1).movedim(-1, 1)
    coarse = torch.tensor(_COARSE, device=index.device)[index]
    return DenseMaps(own * pictures[:, 1:2], own * pictures[:, 2:], index, coarse)
