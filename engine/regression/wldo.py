"""WLDO's network (Biggs et al. 2020): the picture of a dog to a SMAL body before a camera.

The names of its parts are those of the official checkpoint. SMALST's and SMAL4V's networks are made
of the same parts in other sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .resnet import CHANNELS, STRIDE, ResNet

SIZE = 224  # pixels of a side of the picture
JOINTS, BETAS, LIMBS = 35, 20, 6
FEATURES = 100
_GROUPS = 128
FOCAL = 2700.0  # model units times pixels; the scale that is predicted changes it in proportion
DISTANCE = 20.0  # model units from the camera to where the animal is predicted around
# The turn of the root about which the network predicts: the animal seen from the side.
_ROOT = (1.20919958, 1.20919958, -1.20919958)


def encoded_count(size: int) -> int:
    """Numbers that the encoder keeps of a picture of `size` pixels a side."""
    return CHANNELS * (size // STRIDE // 2) ** 2


@dataclass
class AnimalPrediction:
    """What the network says about N pictures: numbers of `AnimalBody` and the camera's scale."""

    betas: Tensor  # (N, B), of WLDO 20
    limb_logscale: Tensor  # (N, L), of WLDO 6
    pose: Tensor  # (N, J, 3) axis-angle, radians; of SMAL J is 35
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
    """Pictures to 100 features for pose and place, and 18432 for the shape; these are WLDO's."""

    def __init__(self, features: int = FEATURES, size: int = SIZE) -> None:
        super().__init__()
        encoded = encoded_count(size)
        self.resnet_conv = nn.ModuleDict({"resnet": ResNet()})
        self.enc_conv1 = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, 4, 2, 1),
            nn.GroupNorm(_GROUPS, CHANNELS),
            nn.LeakyReLU(0.2),
        )
        self.enc_fc = nn.Sequential(_dense(encoded, features), _dense(features, features))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Both for pictures (N, 3, size, size)."""
        encoded = self.enc_conv1(self.resnet_conv["resnet"](pictures)).flatten(1)
        return self.enc_fc(encoded), encoded


class Heads(nn.Module):
    """Linear maps from the features to the numbers that are predicted.

    Without betas or limbs (0) there is no such head, and none of the numbers.
    """

    def __init__(
        self,
        features: int = FEATURES,
        encoded: int = encoded_count(SIZE),
        joints: int = JOINTS,
        betas: int = BETAS,
        limbs: int = LIMBS,
    ) -> None:
        super().__init__()
        self.scale_predictor = _head(pred_layer=(features, 1))
        self.trans_predictor = _head(pred_layer_xy=(features, 2), pred_layer_z=(features, 1))
        self.pose_predictor = _head(pred_layer=(features, 3 * joints))
        if betas:
            self.betas_predictor = _head(pred_layer=(encoded, betas))
        if limbs:
            self.betas_scale_predictor = _head(pred_layer=(encoded, limbs))

    def forward(self, features: Tensor, encoded: Tensor) -> AnimalPrediction:
        """The prediction from what an Encoder gives."""
        xy = self.trans_predictor["pred_layer_xy"](features)
        z = self.trans_predictor["pred_layer_z"](features)
        trans = torch.cat([xy, z], dim=1) + torch.tensor([1.0, 0.0, 1.0]).to(xy)
        pose = self.pose_predictor["pred_layer"](features).unflatten(1, (-1, 3))
        root = pose[:, :1] + torch.tensor(_ROOT).to(pose)
        return AnimalPrediction(
            betas=self._shape("betas_predictor", encoded),
            limb_logscale=self._shape("betas_scale_predictor", encoded),
            pose=torch.cat([root, pose[:, 1:]], dim=1),
            trans=trans,
            scale=self.scale_predictor["pred_layer"](features),
        )

    def _shape(self, head: str, encoded: Tensor) -> Tensor:
        if head not in self._modules:
            return encoded.new_zeros(len(encoded), 0)
        return self.get_submodule(f"{head}.pred_layer")(encoded)


def project(points: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Where WLDO's camera sees points (N, P, 3), in model units.

    `scale` (N, 1) of the prediction. Returns pixels (N, P, 2) of the 224 x 224 picture as (row,
    column), and (N, P, 3): x right and y up in half widths of the picture, then the depth.
    """
    depth = (points[..., 2:] + DISTANCE).clamp(min=1e-6)
    focal = (FOCAL + FOCAL * scale)[..., None]
    place = focal / (depth * SIZE / 2) * points[..., :2]
    pixels = (place + 1) / 2 * SIZE
    pixels = torch.stack([SIZE - pixels[..., 1], pixels[..., 0]], dim=-1)
    return pixels, torch.cat([place, depth - 1], dim=-1)


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.LeakyReLU(0.2))


def _head(**layers: tuple[int, int]) -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(*sizes) for name, sizes in layers.items()})
