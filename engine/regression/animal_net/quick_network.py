"""A small network for CPUs: it looks for the keypoints first, and tells the pose from these."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...formats.animal_file import AnimalData
from ...geometry.rotations import matrix_to_axis_angle, rotation_6d_to_matrix
from .guess import Guess
from .network import AnimalNetwork

_SIZE = 128  # pixels of a side of the crop
_CHANNELS = (16, 32, 64, 96, 128)  # of the stages, each of half the size of the one before
_FINE = 48  # channels of the maps in which keypoints are found, at an eighth of the crop's size
_FEATURES = 256
_SIDE_VIEW = (0.3, 0.0, 0.0, 0.0, 0.0, 0.3)  # head to the right, back upwards; easily turned
# Of the many numbers for the shape, since Adam moves all their weights alike: else every step would
# throw the shape about.
_SHAPE_GAIN = 0.03
_SPAN = 1.0  # logarithm of how many body sizes half a crop usually measures


class QuickNetwork(AnimalNetwork):
    """About two million parameters, 128 pixels: trained in minutes on a CPU.

    A keypoint is found as the middle of its own map (soft arg-max), which is learned from far fewer
    pictures than rotations are.
    """

    size, features = _SIZE, _FEATURES
    encoder: _Encoder
    code_predictor: _Heads

    def __init__(self, data: AnimalData) -> None:
        super().__init__()
        self._points = len(data.keypoint_names)
        self.encoder = _Encoder(self._points)
        self.encoded = self.encoder.encoded
        self.code_predictor = _Heads(data, self.encoded)

    def read(self, features: Tensor, encoded: Tensor) -> Guess:
        """See AnimalNetwork."""
        head = self.code_predictor
        root = matrix_to_axis_angle(rotation_6d_to_matrix(head.root(features)))
        others = head.pose(features).unflatten(1, (-1, 3))
        return Guess(
            betas=head.betas(_SHAPE_GAIN * encoded),
            limb_logscale=head.limbs(_SHAPE_GAIN * encoded),
            pose=torch.cat([root[:, None], others], 1),
            place=head.place(features),
        )

    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """See AnimalNetwork."""
        maps, coarsest = self.encoder.look(pictures)
        return *self.encoder.tell(maps, coarsest), maps if self._points else None


class _Heads(nn.Module):
    def __init__(self, data: AnimalData, encoded: int) -> None:
        super().__init__()
        self.place = nn.Linear(_FEATURES, 3)
        self.root = nn.Linear(_FEATURES, 6)
        self.pose = nn.Linear(_FEATURES, 3 * (len(data.parents) - 1))
        self.betas = nn.Linear(encoded, data.shapedirs.shape[-1])
        self.limbs = nn.Linear(encoded, len(data.limb_scales))
        with torch.no_grad():
            for head in (self.place, self.root, self.pose, self.betas, self.limbs):
                head.weight.mul_(0.1)
                head.bias.zero_()
            self.root.bias.copy_(torch.tensor(_SIDE_VIEW))
            self.place.bias[2] = _SPAN


class _Encoder(nn.Module):
    """Pictures to features (N, 256) and (N, encoded): places and heights of the maps' peaks, then
    what the coarsest stage saw."""

    def __init__(self, points: int) -> None:
        super().__init__()
        first, second, *others = _CHANNELS
        self.stem = nn.Sequential(
            *(nn.Conv2d(3, first, 5, 2, 2, bias=False), nn.BatchNorm2d(first), nn.ReLU()),
            *_down(first, second),
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*_down(before, after), _Block(after))
            for before, after in itertools.pairwise((second, *others))
        )
        self.sideways = nn.ModuleList(nn.Conv2d(channels, _FINE, 1) for channels in others)
        self.maps = nn.Sequential(
            *(nn.Conv2d(_FINE, _FINE, 3, 1, 1, bias=False), nn.BatchNorm2d(_FINE), nn.ReLU()),
            nn.Conv2d(_FINE, points, 1),
        )
        coarsest = others[-1] * (_SIZE // 2 ** len(_CHANNELS)) ** 2
        self.encoded = 3 * points + coarsest
        self.dense = nn.Sequential(
            *(nn.Linear(self.encoded, _FEATURES), nn.BatchNorm1d(_FEATURES), nn.ReLU()),
            *(nn.Linear(_FEATURES, _FEATURES), nn.BatchNorm1d(_FEATURES), nn.ReLU()),
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        return self.tell(*self.look(pictures))

    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, K, 16, 16) of keypoints, and what the coarsest stage saw."""
        # Channels last is how CPUs convolve fastest.
        x = self.stem(pictures.contiguous(memory_format=torch.channels_last))
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        fine = self.sideways[-1](found[-1])
        for level in (1, 0):
            fine = functional.interpolate(fine, scale_factor=2) + self.sideways[level](found[level])
        return self.maps(fine).float(), x.float()

    def tell(self, maps: Tensor, coarsest: Tensor) -> tuple[Tensor, Tensor]:
        """Features and encoded of what `look` saw."""
        encoded = torch.cat([_peaks(maps), coarsest.flatten(1)], 1)
        return self.dense(encoded).float(), encoded


def _peaks(maps: Tensor) -> Tensor:
    """(N, 3 K) of maps (N, K, H, W): x, y of all peaks in half crops, then how sure they are."""
    share = maps.flatten(2).softmax(-1).unflatten(2, maps.shape[2:])
    middles = (torch.arange(maps.shape[3], device=maps.device) + 0.5) / maps.shape[3] * 2 - 1
    x, y = (share.sum(2) * middles).sum(-1), (share.sum(3) * middles).sum(-1)
    sure = share.square().sum((2, 3)).sqrt()
    return torch.cat([torch.stack([x, y], 2).flatten(1), sure], 1)


def _down(before: int, after: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, 3, 2, 1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)),
            *(nn.ReLU(), nn.Conv2d(channels, channels, 3, 1, 1, bias=False)),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.inner(x))
