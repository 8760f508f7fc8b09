"""From the 2D keypoints of a frame straight to poses and root turns that explain them.

A small network looks at one person in one frame, as seen by a camera turned towards that person,
and answers with a mixture: a few turns of the root with the trunk's pose, and for each of them a
few ways each limb may bend, for a picture does not tell whether an arm points at it or away. Every
angle has a spread. The answers start the fit and are its pose prior. The network was trained by
tools/train_initialiser.py on the shipped body in generated poses alone.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..geometry.rotations import rotation_6d_to_matrix, turn_to_ray

WEIGHTS = Path(__file__).parent / "data" / "initialiser.safetensors"
JOINTS = 21  # the body's joints after the root, in SMPL-X's order; below, 0 is the first of them
TRUNK = (2, 5, 8, 11, 14, 12, 13)  # spine, neck, head, collars
LIMBS = ((0, 3, 6, 9), (1, 4, 7, 10), (15, 17, 19), (16, 18, 20))  # legs, arms; left, right
TURNS, WAYS = 3, 4  # hypotheses of the root and trunk, and of each limb for each of them
_WIDTH, _BLOCKS = 640, 3
_LEAST, _MOST = 0.04, 1.2  # rad, spreads
_FAR = 6.0  # normalised coordinates beyond this are cut off
_ROOT = 6 + 1 + 1  # turn, its spread, log share
_SIZES = (_ROOT, 6 * len(TRUNK), *(WAYS * (6 * len(limb) + 1) for limb in LIMBS))


@dataclass
class Answer:
    """The mixture for N frames: H turns, M ways of each limb."""

    root: Tensor  # (N, H, 3, 3) body to camera
    root_spread: Tensor  # (N, H) rad
    share: Tensor  # (N, H) log probability
    trunk: Tensor  # (N, H, 7, 3) axis-angle
    trunk_spread: Tensor  # (N, H, 7, 3) rad
    limbs: list[Tensor]  # of each limb (N, H, M, joints, 3)
    limb_spreads: list[Tensor]  # likewise, rad
    limb_shares: list[Tensor]  # of each limb (N, H, M) log probability


class Initialiser(nn.Module):
    """The network: features (N, F) to raw answers (N, H, ...)."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.points = points  # keypoints that it is shown, BODY_25 first
        self.enter = nn.Linear(3 * points + 4, _WIDTH)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(_WIDTH, _WIDTH), nn.GELU(), nn.Linear(_WIDTH, _WIDTH))
            for _ in range(_BLOCKS)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(_WIDTH) for _ in range(_BLOCKS))
        self.leave = nn.Linear(_WIDTH, TURNS * sum(_SIZES))

    def forward(self, features: Tensor) -> Tensor:
        """Raw answers (N, H, ...), see read_answers."""
        x = torch.nn.functional.gelu(self.enter(features))
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = x + block(norm(x))
        return self.leave(x).unflatten(-1, (TURNS, -1))


def look_at(points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Features of what a person looks like to a camera turned towards them.

    points (N, K, 2): (x - cx) / f, (y - cy) / f. weight (N, K): confidence, 0 = not seen. Returns
    features (N, 3 K + 4) and the turn (N, 3, 3) from the camera's axes to the turned ones.
    """
    seen = (weight > 0).to(points)
    total = seen.sum(1, keepdim=True).clamp_min(1)
    middle = (points * seen[..., None]).sum(1) / total
    turn = turn_to_ray(middle)
    rays = torch.cat([points, torch.ones_like(points[..., :1])], -1) @ turn.transpose(1, 2)
    plane = rays[..., :2] / rays[..., 2:].clamp_min(0.1)
    size = ((plane.square().sum(-1) * seen).sum(1, keepdim=True) / total).sqrt().clamp_min(1e-4)
    near = (plane / size[..., None]).clamp(-_FAR, _FAR) * seen[..., None]
    features = [near.flatten(1), weight, size.log() + 1.5, -turn[:, :, 1]]
    return torch.cat(features, 1), turn


def read_answers(raw: Tensor, turn: Tensor) -> Answer:
    """What the raw answers (N, H, ...) mean in the camera's own axes; turn as of `look_at`."""
    root, trunk, *limbs = raw.split(_SIZES, -1)
    six, rest = root[..., :6], root[..., 6:]
    trunk = trunk.unflatten(-1, (2, len(TRUNK), 3))
    ways = [limb.unflatten(-1, (WAYS, -1)) for limb in limbs]
    angles = [way[..., 1:].unflatten(-1, (2, -1, 3)) for way in ways]
    return Answer(
        root=turn.transpose(1, 2)[:, None] @ rotation_6d_to_matrix(six),
        root_spread=spread_of(rest[..., 0]),
        share=rest[..., 1].log_softmax(-1),
        trunk=trunk[..., 0, :, :],
        trunk_spread=spread_of(trunk[..., 1, :, :]),
        limbs=[a[..., 0, :, :] for a in angles],
        limb_spreads=[spread_of(a[..., 1, :, :]) for a in angles],
        limb_shares=[way[..., 0].log_softmax(-1) for way in ways],
    )


def spread_of(raw: Tensor) -> Tensor:
    """A spread in radians between the least and the most that is allowed."""
    return _LEAST * (_MOST / _LEAST) ** torch.sigmoid(raw)


@functools.cache
def load_initialiser() -> Initialiser:
    """The network that ships."""
    weights = {k: v.float() for k, v in load_file(WEIGHTS).items()}
    points = (weights["enter.weight"].shape[1] - 4) // 3
    network = Initialiser(points)
    network.load_state_dict(weights)
    return network.eval()
