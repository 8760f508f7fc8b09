"""What a network says of an animal in a crop, and where that puts its body before a camera.

Whatever a network is called and however it was trained, its answer is a `Guess`. Its numbers hang
on the crop alone, so that one network serves every camera: `stand` asks for the camera's lens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ...bodies.animal_posing import Rest
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle


@dataclass
class Guess:
    """N animals in N crops."""

    betas: Tensor  # (N, B)
    limb_logscale: Tensor  # (N, L)
    pose: Tensor  # (N, J, 3) axis-angle; the root's is seen along the ray through the crop's middle
    place: Tensor  # (N, 3) see `stand`

    def __getitem__(self, rows: slice | Tensor) -> Guess:
        """Some of the animals."""
        return Guess(*(getattr(self, field.name)[rows] for field in fields(self)))

    def map(self, change: Callable[[Tensor], Tensor]) -> Guess:
        """The same with every tensor changed."""
        return Guess(*(change(getattr(self, field.name)) for field in fields(self)))


def join(guesses: list[Guess]) -> Guess:
    """All animals of `guesses`, one after the other."""
    names = [field.name for field in fields(Guess)]
    return Guess(*(torch.cat([getattr(guess, name) for guess in guesses]) for name in names))


def body_size(rest: Rest) -> Tensor:
    """(N,) how far joints at rest lie from their middle (root mean square), in the body's unit."""
    joints = rest.joints
    return (joints - joints.mean(1, keepdim=True)).square().sum(-1).mean(-1).sqrt()


def stand(guess: Guess, rest: Rest, lens: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Pose (N, J, 3) and transl (N, 3) before the camera, as `AnimalPosing` takes them.

    lens (N, 4): fx, fy, cx, cy of the picture's camera in pixels of its crop, which is `size` wide.
    `place` is where the root joint is seen from the crop's middle, right and down in half crops,
    and the logarithm of how many body sizes half a crop measures at the root's depth.
    """
    half = size / 2
    depth = (guess.place[:, 2].exp() * body_size(rest) * lens[:, 0] / half)[:, None]
    at = (half * (1 + guess.place[:, :2]) - lens[:, 2:]) / lens[:, :2]
    root = torch.cat([at * depth, depth], 1)
    turn = _towards(lens, half) @ axis_angle_to_matrix(guess.pose[:, 0])
    pose = torch.cat([matrix_to_axis_angle(turn)[:, None], guess.pose[:, 1:]], 1)
    return pose, root - rest.joints[:, 0]


def guess_from(
    pose: Tensor, transl: Tensor, betas: Tensor, limbs: Tensor, rest: Rest, lens: Tensor, size: int
) -> Guess:
    """The guess that `stand` puts there: its inverse, for truths that are known."""
    half = size / 2
    root = rest.joints[:, 0] + transl
    depth = root[:, 2:].clamp(min=1e-3)
    at = (root[:, :2] / depth * lens[:, :2] + lens[:, 2:]) / half - 1
    span = (depth[:, 0] * half / lens[:, 0] / body_size(rest)).log()
    turn = _towards(lens, half).mT @ axis_angle_to_matrix(pose[:, 0])
    seen = torch.cat([matrix_to_axis_angle(turn)[:, None], pose[:, 1:]], 1)
    return Guess(betas, limbs, seen, torch.cat([at, span[:, None]], 1))


def project(points: Tensor, lens: Tensor) -> Tensor:
    """Pixels (N, P, 2) of points (N, P, 3) in camera space; lens (N, 4)."""
    depth = points[..., 2:].clamp(min=1e-3)
    return points[..., :2] / depth * lens[:, None, :2] + lens[:, None, 2:]


def _towards(lens: Tensor, half: float) -> Tensor:
    """(N, 3, 3) the least turn that takes the camera's axis to the ray through the crop's middle.

    An animal beside the picture's middle is seen from another side than its orientation before the
    camera says; the crop shows only the former.
    """
    ray = torch.cat([(half - lens[:, 2:]) / lens[:, :2], torch.ones_like(lens[:, :1])], 1)
    x, y, z = torch.nn.functional.normalize(ray, dim=1).unbind(1)
    common = -x * y / (1 + z)
    rows = [1 - x * x / (1 + z), common, x, common, 1 - y * y / (1 + z), y, -x, -y, z]
    return torch.stack(rows, 1).unflatten(1, (3, 3))
