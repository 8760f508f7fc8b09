"""The nearest points of a set and the chamfer distances of two: exact, and differentiable.

On the CPU a KD-tree finds them, on a GPU pytorch3d where it is installed; else all distances are
computed, in pieces. Distances are SQUARED and carry gradients to both sets; of several nearest
points the first is taken (pytorch3d makes no such promise).
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

import torch
from torch import Tensor

_ALIKE = 1e-12  # relative difference of squared distances (float64) below which they are a tie
_PIECE = 1 << 24  # distances that are computed at once


class Chamfer(NamedTuple):
    """Squared distances (B, N), (B, M) from each point of one set to the other, and to which."""

    a_to_b: Tensor
    b_to_a: Tensor
    index_ab: Tensor
    index_ba: Tensor


def chamfer(a: Tensor, b: Tensor) -> Chamfer:
    """Both ways between the sets of each item: a (B, N, 3), b (B, M, 3)."""
    there = [nearest(x, y) for x, y in zip(a, b, strict=True)]
    back = [nearest(y, x) for x, y in zip(a, b, strict=True)]
    (ab, index_ab), (ba, index_ba) = (
        map(torch.stack, zip(*way, strict=True)) for way in (there, back)
    )
    return Chamfer(ab, ba, index_ab, index_ba)


def nearest(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """For queries (N, 3) the nearest of points (M, 3): squared distance (N,) and index (N,)."""
    index = _search(queries.detach(), points.detach(), 1)[:, 0]
    return (queries - points[index]).square().sum(-1), index


def nearest_other(points: Tensor) -> tuple[Tensor, Tensor]:
    """The same for each of points (N, 3), two at least, among all the others."""
    first, second = _search(points.detach(), points.detach(), 2).unbind(1)
    itself = torch.arange(len(points), device=points.device)
    index = torch.where(first == itself, second, first)
    return (points - points[index]).square().sum(-1), index


def _search(queries: Tensor, points: Tensor, count: int) -> Tensor:
    """Indices (N, count) of the nearest points, in order."""
    if queries.device.type == "cpu":
        return _by_tree(queries, points, count)
    if queries.is_cuda and importlib.util.find_spec("pytorch3d"):
        from pytorch3d.ops import knn_points

        return knn_points(queries[None], points[None], K=count).idx[0]
    return _by_distance(queries, points, count)


def _by_tree(queries: Tensor, points: Tensor, count: int) -> Tensor:
    from scipy.spatial import cKDTree

    # A training that diverges asks for points that are no numbers; distances to them are none.
    queries, points = queries.double().nan_to_num(), points.double().nan_to_num()
    # One more is asked for: it shows where there is a tie, which trees break anyhow.
    ranks = list(range(1, 1 + min(count + 1, len(points))))
    tree = cKDTree(points.numpy(), balanced_tree=False)
    distance, index = tree.query(queries.numpy(), ranks, workers=torch.get_num_threads())
    square, found = torch.from_numpy(distance).square(), torch.from_numpy(index)[:, :count]
    tied = (square[:, 1:] - square[:, :-1] <= _ALIKE * square[:, 1:]).any(1)
    if tied.any():
        found[tied] = _by_distance(queries[tied], points, count)
    return found


def _by_distance(queries: Tensor, points: Tensor, count: int) -> Tensor:
    found = []
    for some in queries.split(max(1, _PIECE // len(points))):
        square = (some[:, None] - points).square().sum(-1)
        found.append(square.sort(dim=1, stable=True).indices[:, :count])
    return torch.cat(found)
