"""Regression from poses to offsets of a surface, place by place: a Gaussian process per node.

A place knows of a pose what SCANimate's local conditioning lets it know: its own joint and four
ancestors, here both as turns and as where these joints are, seen by somebody who stands upright
behind the person. How a skirt hangs is a matter of where knees are rather than of hip angles. Far
from all that was learned the offsets go back to their mean, so that no pose tears the clothes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.rotations import axis_angle_to_matrix
from ..quick.influence import pose_code
from ..scanimate.body import CanonicalBody

_OF_PLACES = 4.0  # of squared metres beside squared turns (quaternion parts)
_WIDTH = 0.3  # of the kernel, in these units
_NOISE = 0.1  # of an offset's variance that the pose does not explain
_AT_ONCE = 1024  # nodes whose systems are solved in one go


def pose_features(body: CanonicalBody, pose: Tensor) -> Tensor:
    """(J, 7) of axis-angles (J, 3): the root's tilt, else quaternions; and the joints' places.

    Places in metres from the root, in axes that turn with the person about the vertical only.
    """
    turns = axis_angle_to_matrix(pose)
    _, places = body.chain(turns[None], body.joints[None])
    from_root = (places[0] - places[0, 0]) @ heading(turns[0])
    return torch.cat([pose_code(pose), _OF_PLACES**0.5 * from_root], 1)


def heading(turn: Tensor) -> Tensor:
    """(3, 3) the part of a rotation (3, 3) that is about the vertical, as swing and twist are."""
    across, ahead = turn[0, 2] - turn[2, 0], turn[0, 0] + turn[2, 2]
    about = torch.atan2(across, ahead)
    return axis_angle_to_matrix(torch.stack([torch.zeros_like(about), about, about.new_zeros(())]))


def kernel(influence: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """(N, A, B) likeness of features (A, J, 7) and (B, J, 7) for influence (N, J) of the joints."""
    apart = (one[:, None] - other[None]).square().sum(-1)  # (A, B, J)
    squared = torch.einsum("nj,abj->nab", influence.square(), apart)
    return torch.exp(squared / (-2 * _WIDTH**2))


def learn(influence: Tensor, features: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """From offsets (S, N, 3) at S poses: their mean (N, 3) and coefficients (N, S, 3).

    `influence` (N, J), `features` (S, J, 7). Third the offsets (S, N, 3) that every pose would have
    been given by all the others.
    """
    mean = offsets.mean(0)
    moved = (offsets - mean).transpose(0, 1)
    found, guessed = [], []
    known = features.double()
    noise = _NOISE * torch.eye(len(known), dtype=torch.float64)
    for part, own in zip(influence.split(_AT_ONCE), moved.split(_AT_ONCE), strict=True):
        inverse = torch.linalg.inv(
            kernel(part.double(), features.double(), features.double()) + noise
        )
        coefficients = inverse @ own.double()
        own_share = inverse.diagonal(dim1=1, dim2=2)[..., None]
        found.append(coefficients.float())
        guessed.append((own - coefficients / own_share).float())
    return mean, torch.cat(found), mean + torch.cat(guessed).transpose(0, 1)


def predict(
    influence: Tensor, learned: Tensor, features: Tensor, mean: Tensor, coefficients: Tensor
) -> Tensor:
    """Offsets (N, 3) in a pose of `features` (J, 7); `learned` (S, J, 7) and the rest as above."""
    share = kernel(influence, features[None], learned)[:, 0]
    return mean + (share[:, None] @ coefficients)[:, 0]
