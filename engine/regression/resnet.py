"""ResNets (He et al. 2016), with torchvision's names of parameters, so that its weights load.

They end before the classifier: `fc` of a checkpoint is not part of them.
"""

from __future__ import annotations

from torch import Tensor, nn

CHANNELS = 2048  # of the features of ResNet-50
STRIDE = 32  # pixels of a cell of the features
_WIDEN = 4  # a bottleneck's output channels for each of its inner ones


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
        self.downsample = _shortcut(channels, wide, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to (N, 4 inner, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class Basic(nn.Module):
    """Two 3 x 3 convolutions (the first with the stride) around which the input is added."""

    def __init__(self, channels: int, inner: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(channels, inner, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) to (N, inner, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))


# Kind of block, blocks of each stage, inner channels of the first stage.
BACKBONES: dict[str, tuple[type[Bottleneck] | type[Basic], tuple[int, ...], int]] = {
    "resnet50": (Bottleneck, (3, 4, 6, 3), 64),
    "resnet18": (Basic, (2, 2, 2, 2), 64),
    "narrow": (Basic, (1, 1, 1, 1), 32),  # for the CPU
}


class ResNet(nn.Module):
    """Pictures (N, inputs, H, W), ImageNet-normalised, to features (N, C, H / 32, W / 32).

    `kind` is one of BACKBONES; `channels` is C.
    """

    def __init__(self, kind: str = "resnet50", inputs: int = 3) -> None:
        super().__init__()
        block, counts, first = BACKBONES[kind]
        self.conv1 = nn.Conv2d(inputs, first, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.channels = first
        widen = _WIDEN if block is Bottleneck else 1
        stages = []
        for number, count in enumerate(counts):
            inner, stage = first << number, nn.Sequential()
            for row in range(count):
                stage.append(block(self.channels, inner, 2 if number and not row else 1))
                self.channels = inner * widen
            stages.append(stage)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, pictures: Tensor) -> Tensor:
        """Features of `pictures`, see the class."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(pictures))))
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return x


def _shortcut(channels: int, wide: int, stride: int) -> nn.Module:
    if stride == 1 and channels == wide:
        return nn.Identity()
    convolution = nn.Conv2d(channels, wide, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(wide))
