"""Checkpoints in the layout of OSVOS-PyTorch's parent model, of random numbers, for the tests."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_CONVOLUTIONS = {  # of the five stages: place in the stage -> channels in and out
    0: {0: (3, 64), 2: (64, 64)},
    1: {1: (64, 128), 3: (128, 128)},
    2: {1: (128, 256), 3: (256, 256), 5: (256, 256)},
    3: {1: (256, 512), 3: (512, 512), 5: (512, 512)},
    4: {1: (512, 512), 3: (512, 512), 5: (512, 512)},
}


@cache
def parent_state(seed: int = 0) -> dict[str, Tensor]:
    """All tensors of a network that was taught nothing, but lets pictures through."""
    torch.manual_seed(seed)
    state = {}
    for stage, places in _CONVOLUTIONS.items():
        for place, (before, after) in places.items():
            state |= _convolution(f"stages.{stage}.{place}", before, after, 3)
    for side, channels in enumerate((128, 256, 512, 512)):
        state |= _convolution(f"side_prep.{side}", channels, 16, 3)
        state |= _convolution(f"score_dsn.{side}", 16, 1, 1)
        kernel = _bilinear(2 ** (side + 2))
        state[f"upscale_.{side}.weight"] = kernel[None, None]
        state[f"upscale.{side}.weight"] = torch.eye(16)[..., None, None] * kernel
    state |= _convolution("fuse", 64, 1, 1)
    state["stages.0.0.weight"] /= 50  # pictures have levels up to 150
    return state


def _convolution(name: str, before: int, after: int, side: int) -> dict[str, Tensor]:
    spread = (2 / (before * side * side)) ** 0.5
    weight = torch.randn(after, before, side, side) * spread
    return {f"{name}.weight": weight, f"{name}.bias": torch.zeros(after)}


def _bilinear(size: int) -> Tensor:
    """A tent of `size` pixels both ways."""
    half = size // 2
    tent = torch.tensor([(min(i, size - 1 - i) + 0.5) / half for i in range(size)])
    return tent[:, None] * tent[None]
