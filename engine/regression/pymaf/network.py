"""PyMAF: features are looked up where the body of the last estimate lies, three times, ever finer.

The names of its parts are those of the official checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ...bodies.initialiser import load_initialiser
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ..resnet import ResNet
from .architecture import OFFICIAL, Architecture
from .body_joints import SeenBody
from .camera import project
from .estimate import BETAS, JOINTS, Estimate, Regressor
from .joints import OPENPOSE
from .lifted import lifted

STAGES = 3
MARKERS = 431  # vertices at which features are looked up
GRID = 21  # points of a side of the grid that the first stage looks at
_KEPT = 5  # numbers that are kept of each point
_TOLD = 5  # numbers of each keypoint: whether it is seen and where, and how far the body is from it


class PymafNetwork(nn.Module):
    """Crops (N, 3 or 4, S, S), ImageNet-normalised, to estimates of the body of 24 joints in each.

    A fourth channel is the mask of who is meant, 0 or 1. Weights, mean person and `markers` come
    from a checkpoint.
    """

    markers: Tensor  # (431,) rows of the vertices of the body that it was trained with

    def __init__(self, architecture: Architecture = OFFICIAL) -> None:
        super().__init__()
        self.architecture = architecture
        width = architecture.width
        self.feature_extractor = ResNet(architecture.backbone, 4 if architecture.mask else 3)
        before = (self.feature_extractor.channels, *[width] * (STAGES - 1))
        steps = [_doubled(channels, width) for channels in before]
        self.deconv_layers = nn.Sequential(*(layer for step in steps for layer in step))
        self.maf_extractor = nn.ModuleList(PointFeatures(width) for _ in range(STAGES))
        told = _TOLD * OPENPOSE if architecture.keypoints else 0
        points = [GRID**2, *(MARKERS for _ in range(STAGES - 1))]
        hidden, blocks = architecture.hidden, architecture.blocks
        regressors = [Regressor(_KEPT * count + told, hidden, blocks) for count in points]
        if told:  # it begins with what it is told; what it sees comes on top, as it learns to see
            for regressor, count in zip(regressors, points, strict=True):
                nn.init.zeros_(regressor.fc1.weight[:, : _KEPT * count])
        self.regressor = nn.ModuleList(regressors)
        self.dp_head = DenseHead(width)
        self.register_buffer("markers", torch.zeros(MARKERS, dtype=torch.long))

    def forward(
        self,
        pictures: Tensor,
        body: SeenBody,
        points: Tensor | None = None,
        keypoints: Tensor | None = None,
    ) -> list[Estimate]:
        """The estimate to start from, then those of the three stages.

        It starts from the mean person, or with keypoints from what they say.
        `body` as of `seen_body`; `points` (N, 441, 2) are where the first stage looks, x, y from
        -1 to 1, of each picture its own: points of the person's mask; a grid by default.
        `keypoints` (N, 25, 3), BODY_25, x, y and confidence, are for networks that are told them.
        """
        return self.regress(self.pyramid(pictures), body, points, keypoints)

    def pyramid(self, pictures: Tensor) -> list[Tensor]:
        """Features (N, C, S / 32, S / 32) of pictures, then (N, width, s, s), S / 16, 8 and 4."""
        levels = [self.feature_extractor(pictures)]
        step = len(self.deconv_layers) // STAGES
        for start in range(0, len(self.deconv_layers), step):
            levels.append(self.deconv_layers[start : start + step](levels[-1]))
        return levels

    def regress(
        self,
        pyramid: Sequence[Tensor],
        body: SeenBody,
        points: Tensor | None = None,
        keypoints: Tensor | None = None,
    ) -> list[Estimate]:
        """As of `forward`, from the features of `pyramid`."""
        count = len(pyramid[0])
        if points is None:
            points = grid_points().to(pyramid[0]).expand(count, -1, -1)
        found = [self._first(count, body, keypoints)]
        stages = zip(pyramid[1:], self.maf_extractor, self.regressor, strict=True)
        for stage, (level, look, regressor) in enumerate(stages):
            last = found[-1].detached()
            markers, joints = self._seen(last, body)
            if stage:
                points = markers
            features = look(level, points)
            if self.architecture.keypoints:
                features = torch.cat([features, _told(keypoints, joints)], dim=1)
            said = regressor(features, last)
            said.points = points
            found.append(said)
        return found

    def from_keypoints(self, keypoints: Tensor, body: SeenBody) -> list[Estimate]:
        """As of `forward`, where there is no picture: its features are zero."""
        found = [self._first(len(keypoints), body, keypoints)]
        for stage, regressor in enumerate(self.regressor):
            last = found[-1].detached()
            blank = keypoints.new_zeros(len(keypoints), _KEPT * (MARKERS if stage else GRID**2))
            told = _told(keypoints, self._seen(last, body)[1])
            found.append(regressor(torch.cat([blank, told], dim=1), last))
        return found

    def seen_body(self, data: BodyData) -> SeenBody:
        """Of a body what the network looks at, for `forward`.

        Raises InputError for another body than one of SMPL's 24 joints with all the markers.
        """
        rows = self.markers.cpu().numpy()
        shapes = data.shapedirs.shape[-1]
        if len(data.parents) != JOINTS or len(data.v_template) <= rows.max() or shapes < BETAS:
            raise InputError(
                f"{data.name} is not the body that this network tells of: it needs {JOINTS} "
                f"joints, {BETAS} shape components and more than {rows.max()} vertices.",
                "Give the body that it was trained with, for official checkpoints SMPL.",
            )
        return SeenBody(data, rows).to(self.markers.device)

    def _first(self, count: int, body: SeenBody, keypoints: Tensor | None) -> Estimate:
        """The mean person, or one who stands as the keypoints say."""
        mean = cast(Regressor, self.regressor[0]).mean(count)
        if not self.architecture.keypoints or keypoints is None:
            return mean
        return lifted(load_initialiser().to(keypoints.device), keypoints, body, mean)

    @torch.no_grad()
    def _seen(self, estimate: Estimate, body: SeenBody) -> tuple[Tensor, Tensor]:
        """Where the markers (N, 431, 2) and BODY_25 (N, 25, 2) of an estimate are in the crop."""
        markers, joints = body(estimate)
        seen = project(torch.cat([markers, joints[:, :OPENPOSE]], dim=1), estimate.camera)
        return seen[:, :-OPENPOSE], seen[:, -OPENPOSE:]


class PointFeatures(nn.Module):
    """Of each point of a picture's features a few numbers."""

    def __init__(self, width: int = OFFICIAL.width) -> None:
        super().__init__()
        self.conv0 = nn.Conv1d(width, width // 2, 1)
        self.conv1 = nn.Conv1d(width // 2 + width, width // 4, 1)
        self.conv2 = nn.Conv1d(width // 4 + width, _KEPT, 1)

    def forward(self, level: Tensor, points: Tensor) -> Tensor:
        """Numbers (N, 5 P), all points' first ones first, of features (N, width, h, w).

        `points` (N, P, 2) are x, y from -1 to 1, the middles of the outermost cells.
        """
        raw = nn.functional.grid_sample(level, points[:, :, None], align_corners=True).squeeze(-1)
        kept = nn.functional.leaky_relu(self.conv0(raw))
        kept = nn.functional.leaky_relu(self.conv1(torch.cat([kept, raw], dim=1)))
        return self.conv2(torch.cat([kept, raw], dim=1)).relu().flatten(1)


@dataclass
class Dense:
    """Where on the body's surface each pixel lies (DensePose); scores before the softmax."""

    u: Tensor  # (N, 25, s, s) of each part, 0 the background
    v: Tensor  # (N, 25, s, s)
    index: Tensor  # (N, 25, s, s) scores of the parts
    part: Tensor  # (N, 15, s, s) scores of coarser parts


class DenseHead(nn.Module):
    """The surface from the finest features: trained beside the network, which runs without."""

    def __init__(self, width: int = OFFICIAL.width) -> None:
        super().__init__()
        self.predict_u = nn.Conv2d(width, 25, 3, 1, 1)
        self.predict_v = nn.Conv2d(width, 25, 3, 1, 1)
        self.predict_ann_index = nn.Conv2d(width, 15, 3, 1, 1)
        self.predict_uv_index = nn.Conv2d(width, 25, 3, 1, 1)

    def forward(self, level: Tensor) -> Dense:
        """Of features (N, width, s, s)."""
        heads = (self.predict_u, self.predict_v, self.predict_uv_index, self.predict_ann_index)
        return Dense(*(head(level) for head in heads))


def grid_points() -> Tensor:
    """A grid (441, 2) over a picture, x, y from -1 to 1, column by column."""
    line = torch.linspace(-1, 1, GRID)
    return torch.cartesian_prod(line, line)


def suppressed(pyramid: Sequence[Tensor], masks: Tensor) -> list[Tensor]:
    """The features of a pyramid where a mask (N, S, S) bool shows the person, zero elsewhere.

    A picture without mask keeps all of its features.
    """
    kept = masks | ~masks.any(dim=(1, 2), keepdim=True)
    levels = kept[:, None].float()
    pooled = (nn.functional.adaptive_max_pool2d(levels, level.shape[-2:]) for level in pyramid)
    return [level * mask for level, mask in zip(pyramid, pooled, strict=True)]


def _told(keypoints: Tensor | None, joints: Tensor) -> Tensor:
    """Numbers (N, 125) of keypoints (N, 25, 3) and where the body's (N, 25, 2) are."""
    if keypoints is None:
        return joints.new_zeros(len(joints), _TOLD * OPENPOSE)
    seen = keypoints[..., 2:]
    where = keypoints[..., :2] * (seen > 0)
    away = (keypoints[..., :2] - joints) * (seen > 0)
    return torch.cat([seen, where, away], dim=-1).flatten(1)


def _doubled(channels: int, width: int) -> tuple[nn.Module, ...]:
    deconvolution = nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=False)
    return deconvolution, nn.BatchNorm2d(width), nn.ReLU()
