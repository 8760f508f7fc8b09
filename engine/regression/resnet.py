"""ResNet-50 (He et al. 2016), with torchvision's names of parameters, so that its weights load.

Ends before the classifier: `fc` of a checkpoint is not part of it.
"""

from __future__ import annotations

from torch import Tensor, nn

CHANNELS = 2048  # of the features
STRIDE = 32  # pixels of a cell of the features
_WIDEN = 4  # a block's output channels for each of its inner ones


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 (with the stride) and 1 x 1 convolutions around which the input is added."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        wide = inner * _WIDEN
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels != wide:
            shortcut = nn.Conv2d(channels, wide, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to (N, 4 inner, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """Pictures (N, 3, H, W), ImageNet-normalised, to features (N, 2048, H / 32, W / 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _layer(64, 64, blocks=3, stride=1)
        self.layer2 = _layer(256, 128, blocks=4, stride=2)
        self.layer3 = _layer(512, 256, blocks=6, stride=2)
        self.layer4 = _layer(1024, 512, blocks=3, stride=2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Features of `pictures`, see the class."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return x


def _layer(channels: int, inner: int, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(channels, inner, stride)
    return nn.Sequential(first, *(Bottleneck(inner * _WIDEN, inner, 1) for _ in range(blocks - 1)))
