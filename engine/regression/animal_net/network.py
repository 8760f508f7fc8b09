"""What all networks have in common that see one picture, and SMAL4V's parent (WLDO's network)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...bodies.animal_posing import AnimalPosing
from ...formats.animal_file import AnimalData
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from ..wldo import DISTANCE, FEATURES, FOCAL, SIZE, AnimalPrediction, Encoder, Heads, encoded_count
from .few_vertices import few_vertices
from .guess import Guess, body_size
from .twins import mirror, twin_joints

_CAMERA_MIRROR = (1.0, -1.0, 1.0)  # WLDO's camera looks at the mirror image: its y points up


class AnimalNetwork(nn.Module):
    """What both have in common: an encoder, heads, and a Guess as answer."""

    size: int  # pixels of a side of the crop
    features: int  # numbers for pose and place that the encoder gives
    encoded: int  # numbers for the shape
    encoder: nn.Module
    code_predictor: nn.Module

    def read(self, features: Tensor, encoded: Tensor) -> Guess:
        """The answer of the heads to features (N, features) and (N, encoded)."""
        raise NotImplementedError

    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Features, encoded, and maps (N, K, H, W) in which the encoder looked for keypoints.

        Their softmax over the crop is where it thinks that they are; None: it has none.
        """
        return *self.encoder(pictures), None

    def forward(self, pictures: Tensor) -> Guess:
        """Animals in pictures (N, 3, size, size), ImageNet-normalised."""
        return self.read(*self.encoder(pictures))


class MeshNet(AnimalNetwork):
    """SMAL4V's parent: WLDO's network for any body, at 224 pixels.

    `betas` and `limbs`: how many of the body's numbers it has heads for; None for all.
    """

    size, features, encoded = SIZE, FEATURES, encoded_count(SIZE)

    def __init__(
        self, data: AnimalData, betas: int | None = None, limbs: int | None = None
    ) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.code_predictor = Heads(
            joints=len(data.parents),
            betas=data.shapedirs.shape[-1] if betas is None else betas,
            limbs=len(data.limb_scales) if limbs is None else limbs,
        )
        with torch.device("cpu"):  # also where the rest is only planned (meta)
            self.posing = AnimalPosing(few_vertices(data))
            twins = torch.as_tensor(twin_joints(data))
        self.register_buffer("twins", twins, persistent=False)

    twins: Tensor

    def read(self, features: Tensor, encoded: Tensor) -> Guess:
        """What WLDO's camera shows, told without its mirror."""
        said = self.code_predictor(features, encoded)
        return unmirrored(said, self.posing, self.twins)


def unmirrored(said: AnimalPrediction, posing: AnimalPosing, twins: Tensor) -> Guess:
    """A prediction of WLDO's kind for WLDO's mirrored camera as a guess for any camera.

    twins (J,): the joints' counterparts across the middle of `posing`'s animal.
    """
    limbs = said.limb_logscale
    missing = len(posing.data.limb_scales) - limbs.shape[1]
    limbs = nn.functional.pad(limbs, (0, missing))
    rest = posing.rest(said.betas, limbs)
    x, y, z = (rest.joints[:, 0] + said.trans).unbind(1)
    half = (z + DISTANCE).clamp(min=1e-3) * SIZE / 2
    half = half / (FOCAL * (1 + said.scale[:, 0])).clamp(min=FOCAL / 100)  # model units
    root = axis_angle_to_matrix(said.pose[:, 0])
    pose, root = mirror(said.pose, root, twins, torch.tensor(_CAMERA_MIRROR))
    return Guess(
        betas=said.betas,
        limb_logscale=limbs,
        pose=torch.cat([matrix_to_axis_angle(root)[:, None], pose[:, 1:]], 1),
        place=torch.stack([x / half, -y / half, (half / body_size(rest)).log()], 1),
    )
