"""How large a PyMAF network is, and what it is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """The sizes of a network; by default those of the official checkpoints."""

    backbone: str = "resnet50"  # of resnet.BACKBONES
    size: int = 224  # px of a side of the crop
    mask: bool = False  # whether it sees who is meant, as a fourth channel
    keypoints: bool = False  # whether its regressors are told the picture's keypoints
    width: int = 256  # channels of the pyramid
    hidden: int = 1024  # numbers between the layers of a regressor
    blocks: int = 0  # residual blocks of a regressor


OFFICIAL = Architecture()
# What ships: small enough for a laptop's CPU.
SMALL = Architecture("narrow", 128, mask=True, keypoints=True, width=96, hidden=384, blocks=2)
