"""SPIN's network (Kolotouros et al. 2019): one feature of the whole crop, regressed three times."""

from __future__ import annotations

from torch import Tensor, nn

from ..resnet import CHANNELS, ResNet
from .estimate import Estimate, Regressor

_TIMES = 3


class SpinNetwork(nn.Module):
    """Crops (N, 3, 224, 224), ImageNet-normalised, to estimates of the body in each."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet()
        self.regressor = Regressor(CHANNELS)

    def forward(self, pictures: Tensor) -> list[Estimate]:
        """The mean person, then three estimates, each from the one before."""
        features = self.backbone(pictures).mean(dim=(2, 3))
        found = [self.regressor.mean(len(pictures))]
        for _ in range(_TIMES):
            found.append(self.regressor(features, found[-1]))
        return found
