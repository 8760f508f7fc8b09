"""OSVOS: which pixels of a picture show the object that the network was last taught.

Caelles et al. 2017, as the authors published it for PyTorch. The names of the parts are those of
their files. Pictures are blue, green, red levels 0..255 less a mean, at any size.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# Channels of VGG-16's convolutions, which halve the picture between the five stages.
_STAGES = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
_SIDE = 16  # channels that each stage but the first hands to the end
_MEAN = (104.00699, 116.66877, 122.67892)  # of ImageNet: blue, green, red


class OsvosNetwork(nn.Module):
    """VGG-16 whose last four stages are brought back to the picture's size and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        before = 3
        for number, channels in enumerate(_STAGES):
            self.stages.append(_stage(before, channels, halve=number > 0))
            before = channels[-1]
        ends = [channels[-1] for channels in _STAGES[1:]]
        self.side_prep = nn.ModuleList(nn.Conv2d(end, _SIDE, 3, padding=1) for end in ends)
        self.score_dsn = nn.ModuleList(nn.Conv2d(_SIDE, 1, 1) for _ in ends)
        strides = [2**number for number in range(1, len(_STAGES))]
        self.upscale = nn.ModuleList(_enlarge(_SIDE, stride) for stride in strides)
        self.upscale_ = nn.ModuleList(_enlarge(1, stride) for stride in strides)
        self.fuse = nn.Conv2d(_SIDE * len(ends), 1, 1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Five logits (N, 1, H, W) for pictures (N, 3, H, W): of stages 2 to 5, and of all."""
        size = pictures.shape[-2:]
        seen = self.stages[0](pictures)
        sides, logits = [], []
        for number, stage in enumerate(self.stages[1:]):
            seen = stage(seen)
            side = self.side_prep[number](seen)
            sides.append(_middle(self.upscale[number](side), size))
            score = self.score_dsn[number](side)
            logits.append(_middle(self.upscale_[number](score), size))
        return [*logits, self.fuse(torch.cat(sides, 1))]


def to_input(picture: np.ndarray) -> Tensor:
    """(3, H, W) for the network from a picture (H, W, 3) uint8 RGB."""
    levels = torch.from_numpy(np.ascontiguousarray(picture[..., ::-1])).permute(2, 0, 1).float()
    return levels - torch.tensor(_MEAN)[:, None, None]


def balanced_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy of logits (N, 1, H, W) with masks of the same shape, 0 or 1.

    Summed over a picture's pixels, each side weighed by the other's share of them, so that a small
    animal counts as much as the ground about it; the mean of the pictures.
    """
    wrong = functional.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    inside = masks.mean((1, 2, 3), keepdim=True)
    weight = masks * (1 - inside) + (1 - masks) * inside
    return (weight * wrong).sum() / len(logits)


def _stage(before: int, channels: tuple[int, ...], halve: bool) -> nn.Sequential:
    layers: list[nn.Module] = [nn.MaxPool2d(2, 2, ceil_mode=True)] if halve else []
    for after in channels:
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
        before = after
    return nn.Sequential(*layers)


def _enlarge(channels: int, stride: int) -> nn.ConvTranspose2d:
    """Linear interpolation of each channel by itself, which is never learned."""
    layer = nn.ConvTranspose2d(channels, channels, 2 * stride, stride, bias=False)
    slope = 1 - (torch.arange(2 * stride) - stride + 0.5).abs() / stride
    with torch.no_grad():
        layer.weight.copy_(torch.eye(channels)[..., None, None] * torch.outer(slope, slope))
    return layer.requires_grad_(False)


def _middle(picture: Tensor, size: torch.Size) -> Tensor:
    """The middle (N, C, *size) of a larger picture, the odd pixel taken off its end."""
    top, left = ((picture.shape[axis - 2] - size[axis]) // 2 for axis in (0, 1))
    return picture[..., top : top + size[0], left : left + size[1]]
