"""PyMAF: features are looked up where the body of the last estimate lies, three times, ever finer.

The names of its parts are those of the official checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ...bodies.model import Body
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ..resnet import CHANNELS, ResNet50
from .camera import project
from .estimate import BETAS, JOINTS, Estimate, Regressor

STAGES = 3
MARKERS = 431  # vertices at which features are looked up
GRID = 21  # points of a side of the grid that the first stage looks at
_WIDE = 256  # channels of the pyramid
_KEPT = 5  # numbers that are kept of each point


class PymafNetwork(nn.Module):
    """Crops (N, 3, 224, 224), ImageNet-normalised, to estimates of the body of 24 joints in each.

    Weights, mean person and `markers` come from a checkpoint.
    """

    markers: Tensor  # (431,) rows of the vertices of the body that it was trained with

    def __init__(self) -> None:
        super().__init__()
        self.feature_extractor = ResNet50()
        steps = [_doubled(CHANNELS), *(_doubled(_WIDE) for _ in range(STAGES - 1))]
        self.deconv_layers = nn.Sequential(*(layer for step in steps for layer in step))
        self.maf_extractor = nn.ModuleList(PointFeatures() for _ in range(STAGES))
        points = [GRID**2, *(MARKERS for _ in range(STAGES - 1))]
        self.regressor = nn.ModuleList(Regressor(_KEPT * count) for count in points)
        self.dp_head = DenseHead()
        self.register_buffer("markers", torch.zeros(MARKERS, dtype=torch.long))

    def forward(self, pictures: Tensor, body: Body, points: Tensor | None = None) -> list[Estimate]:
        """The mean person, then the estimates of the three stages.

        `body` as of `marker_body`; `points` (N, 441, 2) are where the first stage looks, x, y from
        -1 to 1, of each picture its own: points of the person's mask; a grid by default.
        """
        return self.regress(self.pyramid(pictures), body, points)

    def pyramid(self, pictures: Tensor) -> list[Tensor]:
        """Features (N, 2048, 7, 7) of pictures, then (N, 256, s, s) with s = 14, 28 and 56."""
        levels = [self.feature_extractor(pictures)]
        step = len(self.deconv_layers) // STAGES
        for start in range(0, len(self.deconv_layers), step):
            levels.append(self.deconv_layers[start : start + step](levels[-1]))
        return levels

    def regress(
        self, pyramid: Sequence[Tensor], body: Body, points: Tensor | None = None
    ) -> list[Estimate]:
        """As of `forward`, from the features of `pyramid`."""
        count = len(pyramid[0])
        if points is None:
            points = grid_points().to(pyramid[0]).expand(count, -1, -1)
        found = [cast(Regressor, self.regressor[0]).mean(count)]
        stages = zip(pyramid[1:], self.maf_extractor, self.regressor, strict=True)
        for stage, (level, look, regressor) in enumerate(stages):
            last = found[-1].detached()
            if stage:
                points = _seen(last, body)
            said = regressor(look(level, points), last)
            said.points = points
            found.append(said)
        return found

    def marker_body(self, data: BodyData) -> Body:
        """The vertices of a body that the network looks at, for `forward`.

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
        return Body(data, rows=rows).to(self.markers.device)


class PointFeatures(nn.Module):
    """Of each point of a picture's features a few numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv1d(_WIDE, 128, 1)
        self.conv1 = nn.Conv1d(128 + _WIDE, 64, 1)
        self.conv2 = nn.Conv1d(64 + _WIDE, _KEPT, 1)

    def forward(self, level: Tensor, points: Tensor) -> Tensor:
        """Numbers (N, 5 P), all points' first ones first, of features (N, 256, h, w).

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

    def __init__(self) -> None:
        super().__init__()
        self.predict_u = nn.Conv2d(_WIDE, 25, 3, 1, 1)
        self.predict_v = nn.Conv2d(_WIDE, 25, 3, 1, 1)
        self.predict_ann_index = nn.Conv2d(_WIDE, 15, 3, 1, 1)
        self.predict_uv_index = nn.Conv2d(_WIDE, 25, 3, 1, 1)

    def forward(self, level: Tensor) -> Dense:
        """Of features (N, 256, s, s)."""
        heads = (self.predict_u, self.predict_v, self.predict_uv_index, self.predict_ann_index)
        return Dense(*(head(level) for head in heads))


def grid_points() -> Tensor:
    """A grid (441, 2) over a picture, x, y from -1 to 1, column by column."""
    line = torch.linspace(-1, 1, GRID)
    return torch.cartesian_prod(line, line)


@torch.no_grad()
def _seen(estimate: Estimate, body: Body) -> Tensor:
    vertices, _ = body.turned(estimate.betas, estimate.rotations)
    return project(vertices, estimate.camera)


def _doubled(channels: int) -> tuple[nn.Module, ...]:
    deconvolution = nn.ConvTranspose2d(channels, _WIDE, 4, 2, 1, bias=False)
    return deconvolution, nn.BatchNorm2d(_WIDE), nn.ReLU()
