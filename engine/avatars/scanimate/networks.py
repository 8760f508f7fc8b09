"""The networks of SCANimate. Points are rows: (..., N, 3), metres; J joints, Z numbers of a code.

Names of parameters and buffers follow the published checkpoints, whose tensors have a further
dimension of size 1 (see checkpoints.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .pose_map import local_pose

OCTAVES = 4
ENCODED = 3 + 3 * 2 * OCTAVES
_SHARPNESS = 100.0  # of the softplus
SKIN_WIDTHS, SKIN_SKIPS = (256, 256, 256), (2,)
SDF_WIDTHS, SDF_SKIPS = (512, 512, 512, 343, 512, 512), (4,)


def encode(x: Tensor) -> Tensor:
    """x, then sine and cosine of x, 2x, 4x, 8x: (..., 27) of (..., 3)."""
    blocks = [x]
    for octave in range(OCTAVES):
        blocks += [(2**octave * x).sin(), (2**octave * x).cos()]
    return torch.cat(blocks, dim=-1)


def in_box(points: Tensor, box_min: Tensor, box_max: Tensor) -> Tensor:
    """Coordinates -1..1 in a box; boxes (3,) or (..., 1, 3)."""
    return 2 * (points - box_min) / (box_max - box_min) - 1


class NormedLinear(nn.Module):
    """A layer whose rows have a direction and a length of their own (weight normalisation)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        limit = 1 / math.sqrt(inputs)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_v = nn.Parameter(torch.empty(outputs, inputs).uniform_(-limit, limit))
        self.weight_g = nn.Parameter(self.weight_v.detach().norm(dim=1, keepdim=True))

    def forward(self, x: Tensor) -> Tensor:
        """(..., outputs) of (..., inputs)."""
        scale = self.weight_g / self.weight_v.norm(dim=1, keepdim=True)
        return functional.linear(x, self.weight_v * scale, self.bias)


def _plain(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer


class Mlp(nn.Module):
    """Layers of `widths`, then one of `outputs`; layers in `skips` see the input again.

    normed: weight normalisation and a sharp softplus; else plain layers and a leaky ReLU.
    """

    def __init__(
        self, inputs: int, widths: Sequence[int], outputs: int, skips: Sequence[int], normed: bool
    ) -> None:
        super().__init__()
        self.skips, self.normed = tuple(skips), normed
        entering = [inputs, *widths]
        for layer in self.skips:
            entering[layer] += inputs
        hidden = NormedLinear if normed else _plain
        layers = [hidden(a, b) for a, b in zip(entering, widths, strict=False)]
        self.filters = nn.ModuleList([*layers, _plain(entering[-1], outputs)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The answer (..., outputs) and what the last hidden layer says (..., width)."""
        hidden = x
        *inner, last = self.filters
        for index, layer in enumerate(inner):
            if index in self.skips:
                hidden = torch.cat([hidden, x], dim=-1)
            hidden = layer(hidden)
            if self.normed:
                hidden = functional.softplus(hidden, beta=_SHARPNESS)
            else:
                hidden = functional.leaky_relu(hidden)
        return last(hidden), hidden


class _Boxed(nn.Module):
    bbox_min: Tensor  # (3,)
    bbox_max: Tensor  # (3,)

    def __init__(self, box: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.register_buffer("bbox_min", box[0].clone())
        self.register_buffer("bbox_max", box[1].clone())


class SkinNet(_Boxed):
    """Skinning weights of points: in canonical space, or (with a code) in the space of a frame."""

    def __init__(
        self,
        box: tuple[Tensor, Tensor],
        joints: int = 24,
        code: int = 0,
        widths: Sequence[int] = SKIN_WIDTHS,
        skips: Sequence[int] = SKIN_SKIPS,
    ) -> None:
        super().__init__(box)
        self.joints = joints
        self.mlp = Mlp(ENCODED + code, widths, joints, skips, normed=False)

    def forward(
        self,
        points: Tensor,
        code: Tensor | None = None,
        box: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Weights (..., N, J). code (..., Z); box: that of the frame, each (..., 3)."""
        least, most = box or (self.bbox_min, self.bbox_max)
        x = encode(in_box(points, least[..., None, :], most[..., None, :]))
        return self.mlp(_with_code(x, code))[0].softmax(-1)


class Conditions(NamedTuple):
    """What the surface depends on besides the point."""

    code: Tensor  # (Z,) of the subject, or (..., Z)
    pose: Tensor  # (..., J - 1, 4), see pose_feature


class SdfNet(_Boxed):
    """Signed distance of canonical points, positive outside."""

    pose_map: Tensor  # (J, J - 1)

    def __init__(
        self,
        box: tuple[Tensor, Tensor],
        pose_map: Tensor,
        code: int = 64,
        widths: Sequence[int] = SDF_WIDTHS,
        skips: Sequence[int] = SDF_SKIPS,
    ) -> None:
        super().__init__(box)
        self.register_buffer("pose_map", pose_map.clone())
        self.code, self.features = code, widths[-1]
        self.inputs = ENCODED + code + 4 * pose_map.shape[1]
        self.mlp = Mlp(self.inputs, widths, 1, skips, normed=True)
        # The answer begins as a rough ball: the published geometric initialisation, whose effect
        # on the weight-normed layers is undone by their normalisation.
        last = self.mlp.filters[-1]
        nn.init.constant_(last.get_parameter("weight"), math.sqrt(math.pi / widths[-1]))
        nn.init.constant_(last.get_parameter("bias"), -1.0)

    def network_input(self, points: Tensor, weights: Tensor, given: Conditions) -> Tensor:
        """(..., N, 27 + Z + 4 (J - 1)): encoding, subject, pose as seen with `weights` (N, J)."""
        x = in_box(points, self.bbox_min, self.bbox_max).clamp(-1, 1)
        local = local_pose(given.pose, weights, self.pose_map)
        return torch.cat([_with_code(encode(x), given.code), local], dim=-1)

    def forward(
        self, points: Tensor, weights: Tensor, given: Conditions
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Distance (..., N), the last hidden layer (..., N, width) and the network's input."""
        x = self.network_input(points, weights, given)
        value, hidden = self.mlp(x)
        return value.squeeze(-1), hidden, x


class TextureNet(nn.Module):
    """Colour, from the SDF network's input and its last hidden layer, `inputs` in all."""

    def __init__(
        self, inputs: int, widths: Sequence[int] = SDF_WIDTHS, skips: Sequence[int] = SDF_SKIPS
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.mlp = Mlp(inputs, widths, 3, skips, normed=True)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Red, green, blue (..., N, 3), about 0 to 1."""
        return self.mlp(torch.cat([x, hidden], dim=-1))[0]


def _with_code(x: Tensor, code: Tensor | None) -> Tensor:
    if code is None:
        return x
    return torch.cat([x, code[..., None, :].expand(*x.shape[:-1], -1)], dim=-1)
