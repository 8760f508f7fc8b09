"""The nodes follow every scan: where each piece of the clothes is in each of the learned poses.

Points go to the planes of the scan next to them and the scan's to those of the nodes, held together
by smoothness and by the lengths of the edges, which cloth hardly changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..rest_skinning import skin
from ..scanimate.body import CanonicalBody, vertex_normals
from .nodes import Nodes

_STEPS = 160
_RATES = ((0.6, 4e-3), (1.0, 1.5e-3))  # share of the steps, metres a step at most
_AGAIN = 4  # steps between two searches for neighbours
_SCAN_POINTS = 8000  # that look for their nodes
_FAR = (0.08, 0.1)  # m beyond which nodes and scan have nothing to do with each other
_FACING = 0.2  # cosine
_PULL = (0.05, 0.1)  # of a point itself beside its plane
_SMOOTH, _LENGTH = 10.0, 1e-3  # beside squared metres
_LATER = 0.5  # what is left of both once the nodes are about right


@dataclass
class Target:
    """A scan in the place of its body, whose root joint is where the rest has it."""

    points: np.ndarray  # (P, 3) metres
    normals: np.ndarray  # (P, 3) unit
    pose: np.ndarray  # (J, 3) axis-angle


class Follower:
    """Moves the nodes of a person's clothes, with skinning weights (N, J), onto scans."""

    def __init__(self, nodes: Nodes, body: CanonicalBody, weights: np.ndarray) -> None:
        self.body = body
        self.vertices = torch.from_numpy(nodes.vertices)
        self.weights = torch.from_numpy(weights).float()
        self.faces = torch.from_numpy(nodes.faces).long()
        self.edges = torch.from_numpy(nodes.edges)
        self.laplacian = _sparse(nodes.laplacian)
        self.length = self._lengths(self.vertices)

    def __call__(self, target: Target, seed: int = 0) -> np.ndarray:
        """Canonical offsets (N, 3) float32, metres, that bring the nodes onto a scan."""
        offsets = torch.zeros_like(self.vertices, requires_grad=True)
        optimizer = torch.optim.Adam([offsets])
        match = _Match(target, seed)
        pose = torch.as_tensor(target.pose, dtype=torch.float32)
        for step in range(_STEPS):
            done = step / _STEPS
            early = done < _RATES[0][0]
            optimizer.param_groups[0]["lr"] = next(r for share, r in _RATES if done < share)
            posed = self.posed(offsets, pose)
            if step % _AGAIN == 0:
                match.search(posed.detach(), vertex_normals(posed.detach(), self.faces))
            held = _SMOOTH * (self.laplacian @ offsets).square().sum(1).mean()
            longer = (self._lengths(posed) - self.length) / self.length.mean()
            held = held + _LENGTH * longer.square().mean()
            loss = match.cost(posed) + (1.0 if early else _LATER) * held
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return offsets.detach().numpy()

    def posed(self, offsets: Tensor, pose: Tensor) -> Tensor:
        """The nodes (N, 3) with canonical offsets (N, 3) in `pose` (J, 3)."""
        return skin(self.body, self.vertices + offsets, self.weights, pose)

    def _lengths(self, points: Tensor) -> Tensor:
        return (points[self.edges[:, 0]] - points[self.edges[:, 1]]).norm(dim=1)


class _Match:
    """Which points of a scan and which nodes belong together, and how far apart they are."""

    def __init__(self, target: Target, seed: int) -> None:
        self.points, self.normals = (
            torch.as_tensor(a, dtype=torch.float32) for a in (target.points, target.normals)
        )
        self.tree = cKDTree(target.points)
        random = torch.Generator().manual_seed(seed)
        self.chosen = torch.randperm(len(self.points), generator=random)[:_SCAN_POINTS]

    def search(self, posed: Tensor, normals: Tensor) -> None:
        """Find neighbours of nodes (N, 3) with `normals` (N, 3) anew, both ways."""
        distance, near = self.tree.query(posed.numpy())
        self.near = torch.from_numpy(near)
        facing = (self.normals[self.near] * normals).sum(1) > _FACING
        self.used = (torch.from_numpy(distance < _FAR[0]) & facing).nonzero().squeeze(1)
        points = self.points[self.chosen]
        distance, back = cKDTree(posed.numpy()).query(points.numpy())
        self.back = torch.from_numpy(back)
        facing = (self.normals[self.chosen] * normals[self.back]).sum(1) > _FACING
        self.seen = (torch.from_numpy(distance < _FAR[1]) & facing).nonzero().squeeze(1)
        self.planes = normals

    def cost(self, posed: Tensor) -> Tensor:
        """Mean squared metres between what belongs together."""
        near = self.near[self.used]
        there = _apart(posed[self.used] - self.points[near], self.normals[near], _PULL[0])
        back, chosen = self.back[self.seen], self.chosen[self.seen]
        return there + _apart(self.points[chosen] - posed[back], self.planes[back], _PULL[1])


def _apart(way: Tensor, normals: Tensor, pull: float) -> Tensor:
    if not len(way):
        return way.sum()
    along = (way * normals).sum(1).square()
    return (along + pull * way.square().sum(1)).mean()


def _sparse(matrix) -> Tensor:  # noqa: ANN001 (any of scipy's)
    rows = matrix.tocoo()
    where = torch.from_numpy(np.stack([rows.row, rows.col]).astype(np.int64))
    values = torch.from_numpy(rows.data.astype(np.float32))
    return torch.sparse_coo_tensor(where, values, rows.shape, check_invariants=False).coalesce()
