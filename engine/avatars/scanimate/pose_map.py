"""How a pose conditions a point: quaternions of the joints, weighted by the joints nearby."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

POSE_MAPS = ("both", "parent", "children")
_TINY = 1e-16  # keeps the zero rotation from dividing by zero, as the original has it


def pose_feature(pose: Tensor) -> Tensor:
    """Quaternions x, y, z, w - 1 (..., J - 1, 4) of the joints after the root; zero at rest.

    `pose` (..., J, 3) axis-angle, radians.
    """
    turns = pose[..., 1:, :]
    angle = (turns + _TINY).norm(dim=-1, keepdim=True)
    half = angle / 2
    return torch.cat([turns / angle * half.sin(), half.cos() - 1], dim=-1)


def build_pose_map(
    parents: Sequence[int], kind: str = "both", reach: int = 4, normalise: bool = True
) -> Tensor:
    """Which joints' weights let a point know joint c + 1: column c of (J, J - 1).

    kind "both": the joint and up to `reach` ancestors; "parent": the joint alone; "children": the
    ancestors alone. Normalised columns sum to 1.
    """
    columns = torch.zeros(len(parents), len(parents) - 1)
    for column in range(len(parents) - 1):
        joint = column + 1
        chain = [joint]
        while parents[chain[-1]] >= 0 and len(chain) <= reach:
            chain.append(parents[chain[-1]])
        chosen = {"both": chain, "parent": chain[:1], "children": chain[1:]}[kind]
        columns[chosen, column] = 1.0 / len(chosen) if normalise else 1.0
    return columns


def local_pose(feature: Tensor, weights: Tensor, pose_map: Tensor) -> Tensor:
    """What points with skinning weights (..., N, J) know of a pose (..., J - 1, 4).

    (..., N, 4 (J - 1)), joint by joint.
    """
    known = weights @ pose_map
    return (feature[..., None, :, :] * known[..., None]).flatten(-2)
