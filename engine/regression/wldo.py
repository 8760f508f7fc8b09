"""WLDO's network (Biggs et al. 2020): the picture of a dog to a SMAL body before a camera.

The names of its parts are those of the official checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .resnet import CHANNELS, STRIDE, ResNet50

SIZE = 224  # pixels of a side of the picture
JOINTS, BETAS, LIMBS = 35, 20, 6
_FEATURES = 100
_CELLS = (SIZE // STRIDE // 2) ** 2
_ENCODED = CHANNELS * _CELLS
_GROUPS = 128
_FOCAL = 2700.0  # model units times pixels; the scale that is predicted changes it in proportion
_DISTANCE = 20.0  # model units from the camera to where the animal is predicted around
# The turn of the root about which the network predicts: the animal seen from the side.
_ROOT = (1.20919958, 1.20919958, -1.20919958)


@dataclass
class AnimalPrediction:
    """What the network says about N pictures: numbers of `AnimalBody` and the camera's scale."""

    betas: Tensor  # (N, 20)
    limb_logscale: Tensor  # (N, 6)
    pose: Tensor  # (N, 35, 3) axis-angle, radians
    trans: Tensor  # (N, 3) model units
    scale: Tensor  # (N, 1)


class WldoNetwork(nn.Module):
    """Pictures (N, 3, 224, 224), ImageNet-normalised, to an AnimalPrediction."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.code_predictor = Heads()

    def forward(self, pictures: Tensor) -> AnimalPrediction:
        """What is in `pictures`, see the class."""
        return self.code_predictor(*self.encoder(pictures))


class Encoder(nn.Module):
    """Pictures to 100 features for pose and place, and 18432 for the shape."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet_conv = nn.ModuleDict({"resnet": ResNet50()})
        self.enc_conv1 = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, 4, 2, 1),
            nn.GroupNorm(_GROUPS, CHANNELS),
            nn.LeakyReLU(0.2),
        )
        self.enc_fc = nn.Sequential(_dense(_ENCODED), _dense(_FEATURES))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 100) and (N, 18432) of (N, 3, 224, 224)."""
        encoded = self.enc_conv1(self.resnet_conv["resnet"](pictures)).flatten(1)
        return self.enc_fc(encoded), encoded


class Heads(nn.Module):
    """Linear maps from the features to the numbers that are predicted."""

    def __init__(self) -> None:
        super().__init__()
        self.scale_predictor = _head(pred_layer=(_FEATURES, 1))
        self.trans_predictor = _head(pred_layer_xy=(_FEATURES, 2), pred_layer_z=(_FEATURES, 1))
        self.pose_predictor = _head(pred_layer=(_FEATURES, 3 * JOINTS))
        self.betas_predictor = _head(pred_layer=(_ENCODED, BETAS))
        self.betas_scale_predictor = _head(pred_layer=(_ENCODED, LIMBS))

    def forward(self, features: Tensor, encoded: Tensor) -> AnimalPrediction:
        """The prediction from features (N, 100) and (N, 18432)."""
        xy = self.trans_predictor["pred_layer_xy"](features)
        z = self.trans_predictor["pred_layer_z"](features)
        trans = torch.cat([xy, z], dim=1) + torch.tensor([1.0, 0.0, 1.0]).to(xy)
        pose = self.pose_predictor["pred_layer"](features).unflatten(1, (JOINTS, 3))
        root = pose[:, :1] + torch.tensor(_ROOT).to(pose)
        return AnimalPrediction(
            betas=self.betas_predictor["pred_layer"](encoded),
            limb_logscale=self.betas_scale_predictor["pred_layer"](encoded),
            pose=torch.cat([root, pose[:, 1:]], dim=1),
            trans=trans,
            scale=self.scale_predictor["pred_layer"](features),
        )


def project(points: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Where WLDO's camera sees points (N, P, 3), in model units.

    `scale` (N, 1) of the prediction. Returns pixels (N, P, 2) of the 224 x 224 picture as (row,
    column), and (N, P, 3): x right and y up in half widths of the picture, then the depth.
    """
    depth = (points[..., 2:] + _DISTANCE).clamp(min=1e-6)
    focal = (_FOCAL + _FOCAL * scale)[..., None]
    place = focal / (depth * SIZE / 2) * points[..., :2]
    pixels = (place + 1) / 2 * SIZE
    pixels = torch.stack([SIZE - pixels[..., 1], pixels[..., 0]], dim=-1)
    return pixels, torch.cat([place, depth - 1], dim=-1)


def _dense(inputs: int) -> nn.Sequential:
    layer = nn.Linear(inputs, _FEATURES)
    return nn.Sequential(layer, nn.BatchNorm1d(_FEATURES), nn.LeakyReLU(0.2))


def _head(**layers: tuple[int, int]) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(*sizes) for name, sizes in layers.items()})
