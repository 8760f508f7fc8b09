"""The losses of the three stages, as published. Each returns its terms, already weighted.

Shapes: B frames, N points, J joints; MSE is the mean over all elements.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from .networks import Conditions, SdfNet, SkinNet
from .skinning import pose_points, unpose

Terms = dict[str, Tensor]


@dataclass(frozen=True)
class SkinWeights:
    """Weights of the skinning networks' losses."""

    body: float = 10.0  # weights at the body's own vertices, in canonical space
    body_posed: float = 10.0
    scan: float = 1.0  # weights at scan points
    scan_posed: float = 1.0
    cycle: float = 0.1  # scan points come back
    body_cycle: float = 0.0
    sparse: float = 0.001
    power: float = 0.8
    edge: float = 0.1  # weights change little along a triangle
    edge_length: float = 0.0
    code: float = 0.01

    def with_cycles(self, times: float) -> SkinWeights:
        """The same with `times` the weight of coming back."""
        return replace(self, cycle=times * self.cycle, body_cycle=times * self.body_cycle)


@dataclass(frozen=True)
class SdfWeights:
    """Weights of the signed distance's losses."""

    surface: float = 1.0
    normal: float = 1.0
    eikonal: float = 1.0
    box: float = 1.0  # the sides of the box lie outside
    off: float = 0.1  # away from the surface the distance is not zero
    code: float = 1.0
    bound: int = 500  # points on each side of the box


@dataclass
class SkinBatch:
    """A batch of frames for the skinning networks."""

    codes: Tensor  # (B, Z)
    box: tuple[Tensor, Tensor]  # of the posed body, each (B, 3)
    bones: Tensor  # (B, J, 4, 4) canonical to posed
    body_posed: Tensor  # (B, V, 3)
    body_canonical: Tensor  # (B, V, 3)
    body_weights: Tensor  # (V, J)
    scan: Tensor  # (B, N, 3) points of the scan, posed
    scan_weights: Tensor  # (B, N, J) those of the nearest vertex of the body
    corners: Tensor | None = None  # (B, F, 3, 3) corners of triangles of the scan, posed
    convex: Tensor | None = None  # (B, F) 0 or 1: which of them count


def stage_one(fwd: SkinNet, inv: SkinNet, batch: SkinBatch, w: SkinWeights) -> tuple[Terms, Terms]:
    """Terms of the inverse and of the forward network, each trained for itself."""
    scan = inv(batch.scan, batch.codes, batch.box)
    canonical = unpose(batch.scan, scan, batch.bones)[0].detach()
    forward = {
        "SW-SMPL_c": w.body * _mse(fwd(batch.body_canonical), batch.body_weights),
        "SW-SCAN_c": w.scan * _mse(fwd(canonical), batch.scan_weights),
    }
    return _inverse_terms(inv, batch, scan, w), forward


def stage_two(
    fwd: SkinNet, inv: SkinNet, batch: SkinBatch, w: SkinWeights
) -> tuple[Terms, Terms, Tensor, Tensor]:
    """Terms of both networks, trained together, and the scan (B, N, 3) in canonical space and back.

    The inverse network learns the nearest vertex's weights too; the forward one learns that a point
    has the same weights in both spaces and comes back to where it was.
    """
    scan = inv(batch.scan, batch.codes, batch.box)
    inverse = _inverse_terms(inv, batch, scan, w)
    inverse["SW-SCAN_p"] = w.scan_posed * _mse(scan, batch.scan_weights)
    canonical = unpose(batch.scan, scan, batch.bones)[0]
    again = fwd(canonical)
    back = pose_points(canonical, again, batch.bones)
    forward = {
        "SW-SMPL_c": w.body * _mse(fwd(batch.body_canonical), batch.body_weights),
        "Cy-SCAN": w.cycle * (back - batch.scan).abs().mean(),
        "SW-SCAN-Cy": w.scan * (again - scan).square().sum(-1).mean(),
    }
    if w.edge or w.edge_length:
        inverse |= _edge_terms(inv, batch, w)
    if w.body_cycle:
        forward["Cy-SMPL"] = w.body_cycle * _body_cycle(fwd, inv, batch)
    return inverse, forward, canonical, back


def _inverse_terms(inv: SkinNet, batch: SkinBatch, scan: Tensor, w: SkinWeights) -> Terms:
    body = inv(batch.body_posed, batch.codes, batch.box)
    sparse = (scan.abs() + 1e-12).pow(w.power).sum(-1).mean()
    return {
        "SW-SMPL_p": w.body_posed * _mse(body, batch.body_weights),
        "Sprs": w.sparse * sparse,
        "z-lbs_p": w.code * batch.codes.norm(dim=-1).mean(),
    }


def _edge_terms(inv: SkinNet, batch: SkinBatch, w: SkinWeights) -> Terms:
    if batch.corners is None or batch.convex is None:
        return {}
    corners = batch.corners.flatten(1, 2)
    weights = inv(corners, batch.codes, batch.box)
    spread = _around(weights.unflatten(1, (-1, 3))).abs().sum((-2, -1))
    terms = {"SW-Edge": w.edge * (batch.convex * spread).mean()}
    if w.edge_length:
        flat = unpose(corners, weights, batch.bones)[0].unflatten(1, (-1, 3))
        change = _around(flat).norm(dim=-1) - _around(batch.corners).norm(dim=-1)
        terms["L-Edge"] = w.edge_length * (batch.convex * change.abs().sum(-1)).mean()
    return terms


def _body_cycle(fwd: SkinNet, inv: SkinNet, batch: SkinBatch) -> Tensor:
    weights = inv(batch.body_posed, batch.codes, batch.box)
    canonical = unpose(batch.body_posed, weights, batch.bones)[0]
    posed = pose_points(batch.body_canonical, fwd(batch.body_canonical), batch.bones)
    there = (canonical - batch.body_canonical).abs().mean()
    return there + (posed - batch.body_posed).abs().mean()


def _around(corners: Tensor) -> Tensor:
    """The three differences (..., 3, C) between corners (..., 3, C) of triangles."""
    return corners - corners.roll(-1, dims=-2)


def _mse(found: Tensor, wanted: Tensor) -> Tensor:
    return (found - wanted).square().mean()


def gradient(values: Tensor, points: Tensor) -> Tensor:
    """d values / d points (..., N, 3), itself differentiable."""
    return torch.autograd.grad(values.sum(), points, create_graph=True)[0]


@dataclass
class SdfBatch:
    """Points of B frames in canonical space, metres."""

    surface: Tensor  # (B, N, 3)
    normals: Tensor  # (B, N, 3) outward
    near: Tensor  # (B, M, 3) about the surface and the body
    box: Tensor  # (B, K, 3) anywhere in the box


def sdf_terms(
    sdf: SdfNet,
    weights: Callable[[Tensor], Tensor],
    batch: SdfBatch,
    given: Conditions,
    w: SdfWeights,
) -> Terms:
    """Terms of the signed distance. `weights` is the forward skinning network, frozen.

    On the surface the gradient includes how the pose as seen by a point changes with the point;
    elsewhere it does not. This is how the original learns, and the normals depend on it.
    """

    def distance(points: Tensor, attached: bool = False) -> Tensor:
        with torch.set_grad_enabled(attached):
            local = weights(points)
        return sdf(points, local, given)[0]

    surface = batch.surface.detach().requires_grad_(True)
    on = distance(surface, attached=True)
    normal = gradient(on, surface)
    around = torch.cat([batch.near, batch.box], dim=-2).detach().requires_grad_(True)
    away = distance(around)
    slope = torch.cat([normal, gradient(away, around)], dim=-2).norm(dim=-1)
    sides = distance(box_sides(batch.box[:, : w.bound], sdf.bbox_min, sdf.bbox_max))
    off = away[..., batch.near.shape[-2] :]
    return {
        "LS": w.surface * on.abs().mean(),
        "N": w.normal * (normal - batch.normals).norm(dim=-1).mean(),
        "R": w.eikonal * (slope - 1).square().mean(),
        "BB": w.box * functional.leaky_relu(-sides, 1e-6).mean(),
        "NZ": w.off * (-100 * off.abs()).exp().mean(),
        "z-sdf": w.code * given.code.norm(dim=-1).mean(),
    }


def box_sides(points: Tensor, box_min: Tensor, box_max: Tensor) -> Tensor:
    """Points (B, K, 3) in a box, moved onto each of its six sides: (B, 6 K, 3)."""
    sides = []
    for axis in range(3):
        for limit in (box_min, box_max):
            side = points.clone()
            side[..., axis] = limit[axis]
            sides.append(side)
    return torch.cat(sides, dim=-2)


def color_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of colours (..., 3), 0 to 1."""
    return (found - wanted).abs().mean()
