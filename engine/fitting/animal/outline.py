"""How far silhouettes miss masks, at several scales."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ...geometry.silhouette import overlap_loss

_SCALES = 5  # each half as fine as the one before


def outline_misses(covered: Tensor, masks: Tensor) -> Tensor:
    """(B,) 0 where coverages (B, H, W), 0..1, are the masks (B, H, W).

    1 - intersection over union, which is exact but blind to a leg that lies beside its place; and,
    at coarser and coarser scales, the squared difference of the blurred pictures as a share of
    them, which is not.
    """
    loss = overlap_loss(covered, masks)
    both = torch.stack([covered, masks])
    for _ in range(_SCALES):
        both = avg_pool2d(avg_pool2d(both, 3, 1, 1), 2)
        apart = (both[0] - both[1]).square().sum((1, 2))
        loss = loss + apart / both.square().sum((0, 2, 3)).clamp(min=1e-6)
    return loss
