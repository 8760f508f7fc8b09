"""SMALST's network (Zuffi et al. 2019): the picture of a zebra to its body, shape and coat.

The shape is moved vertex by vertex instead of by shape components, one half of the body being the
mirror image of the other; the coat is a flow that says where in the picture each place of the
texture map is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...bodies.skinning import Chain, skin
from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from ...geometry.rotations import axis_angle_to_matrix
from ..wldo import DISTANCE, FOCAL, Encoder, Heads, encoded_count

SIZE = 256  # pixels of a side of the picture, and of the texture map
FEATURES, KEYPOINTS = 1024, 28
_COMPONENTS = 40  # numbers that the shape is squeezed into
# The texture map is four pieces, each with a decoder of its own. Their sizes are known; where they
# lie follows from them: the last is a column, and the first a row beside it.
_HEIGHTS, _WIDTHS = (96, 160, 160, 256), (224, 128, 96, 32)
_CORNERS = ((0, 0), (96, 0), (96, 128), (0, 224))  # row, column
_STEPS, _DEEP = 5, 256  # doublings of a decoder, and channels before the first


@dataclass
class SmalstPrediction:
    """What the network says of N pictures; lengths in model units."""

    pose: Tensor  # (N, 35, 3) axis-angle, radians
    trans: Tensor  # (N, 3)
    scale: Tensor  # (N, 1) of the camera
    delta_v: Tensor  # (N, V, 3) from the mean shape to the animal's
    flow: Tensor  # (N, 2, 256, 256) for each place of the texture map x, y in the picture, -1..1


class SmalstNetwork(nn.Module):
    """Pictures (N, 3, 256, 256), ImageNet-normalised, to a SmalstPrediction.

    Raises InputError for a body of which it is not known which vertices are twins.
    """

    mirror: Tensor  # (V,) row of the half body, and
    side: Tensor  # (V, 3) 1, or -1 for y on the mirrored side
    regressor: Tensor
    weights: Tensor

    def __init__(self, data: AnimalData) -> None:
        super().__init__()
        self.encoder = Encoder(FEATURES, SIZE)
        half, row, side = _halves(data)
        self.code_predictor = _SmalstHeads(data.shapedirs[half], len(data.parents))
        self.mean_v = nn.Parameter(torch.from_numpy(data.v_template.copy()))
        self.vert2kp = nn.Parameter(torch.zeros(KEYPOINTS, len(data.v_template)))
        with torch.device("cpu"):
            self.chain = Chain(data.parents)
        for name, array in (
            *(("mirror", row), ("side", side)),
            *(("regressor", data.J_regressor), ("weights", data.weights)),
        ):
            # On the CPU also where the rest is only planned (meta).
            self.register_buffer(name, torch.as_tensor(array, device="cpu"), persistent=False)

    def forward(self, pictures: Tensor) -> SmalstPrediction:
        """What is in `pictures`, see the class."""
        features, encoded = self.encoder(pictures)
        heads = self.code_predictor
        said = heads(features, encoded)
        delta = heads.shape_predictor(features).unflatten(1, (-1, 3))
        return SmalstPrediction(
            pose=said.pose,
            trans=said.trans,
            scale=said.scale,
            delta_v=delta[:, self.mirror] * self.side,
            flow=heads.flow(features),
        )

    def vertices(self, said: SmalstPrediction) -> Tensor:
        """(N, V, 3) of the bodies, in the space of SMALST's camera: x right, y down, z forward."""
        rest = self.mean_v + said.delta_v
        joints = self.regressor @ rest
        turns, places = self.chain(axis_angle_to_matrix(said.pose), joints)
        return skin(rest, self.weights, turns, places, joints) + said.trans[:, None]

    def keypoints(self, vertices: Tensor) -> Tensor:
        """(N, 28, 3) on vertices (N, V, 3)."""
        return self.vert2kp @ vertices


def project(points: Tensor, scale: Tensor) -> Tensor:
    """Pixels (N, P, 2) x, y where SMALST's camera sees points (N, P, 3) in its picture."""
    depth = (points[..., 2:] + DISTANCE).clamp(min=1e-6)
    place = (FOCAL + FOCAL * scale)[..., None] / (depth * SIZE / 2) * points[..., :2]
    return (place + 1) / 2 * SIZE


class _SmalstHeads(Heads):
    """WLDO's heads of camera and pose, and two more."""

    def __init__(self, directions: np.ndarray, joints: int) -> None:
        super().__init__(FEATURES, encoded_count(SIZE), joints, betas=0, limbs=0)
        self.shape_predictor = _Shape(directions)
        self.texture_predictor = nn.ModuleList(
            _Flow(height, width) for height, width in zip(_HEIGHTS, _WIDTHS, strict=True)
        )

    def flow(self, features: Tensor) -> Tensor:
        whole = features.new_zeros(len(features), 2, SIZE, SIZE)
        for (row, column), decoder in zip(_CORNERS, self.texture_predictor, strict=True):
            piece = decoder(features)
            height, width = piece.shape[2:]
            whole[:, :, row : row + height, column : column + width] = piece
        return whole


class _Shape(nn.Sequential):
    """Features to the moves (N, 3 H) of half the vertices, at first along shape components."""

    def __init__(self, directions: np.ndarray) -> None:
        last = nn.Linear(_COMPONENTS, directions[..., 0].size)
        with torch.no_grad():
            last.weight.zero_()
            known = directions.reshape(len(last.weight), -1)[:, :_COMPONENTS]
            last.weight[:, : known.shape[1]] = torch.from_numpy(known)
            last.bias.zero_()
        squeeze = nn.Sequential(
            nn.Linear(FEATURES, _COMPONENTS), nn.BatchNorm1d(_COMPONENTS), nn.LeakyReLU(0.2)
        )
        super().__init__(squeeze, last)


class _Flow(nn.Module):
    """Features to a piece of the flow, (N, 2, height, width)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self._start = (_DEEP, height >> _STEPS, width >> _STEPS)
        count = int(np.prod(self._start))
        self.dense = nn.Sequential(_dense(FEATURES, count), _dense(count, count))
        layers: list[nn.Module] = []
        for step in range(_STEPS):
            before, after = _DEEP >> step, _DEEP >> (step + 1)
            layers += [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.BatchNorm2d(after)]
            layers += [nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(_DEEP >> _STEPS, 2, 3, 1, 1), nn.Tanh()]
        self.decoder = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return self.decoder(self.dense(features).unflatten(1, self._start))


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.LeakyReLU(0.2))


def _halves(data: AnimalData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (H,) of the left half (y < 0, as SMALST counts) with the middle; for each vertex the
    row of itself or its twin among them, and by what its move is multiplied, (V, 3)."""
    if data.left_right is None:
        raise InputError(
            f"{data.name}: it is not known which vertices are each other's mirror image.",
            "SMAL's symIdx.pkl beside the model file says it.",
        )
    y = data.v_template[:, 1]
    twin = data.left_right
    middle = twin == np.arange(len(twin))
    half = np.flatnonzero((y < 0) | middle)
    place = np.full(len(twin), -1)
    place[half] = np.arange(len(half))
    row = np.where(place >= 0, place, place[twin])
    if (row < 0).any():
        raise InputError(
            f"{data.name}: its two sides do not mirror each other.", "Give its symIdx."
        )
    side = np.ones((len(twin), 3), np.float32)
    side[place < 0, 1] = -1
    return half, row, side
