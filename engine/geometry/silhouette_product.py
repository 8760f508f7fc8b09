"""Soft silhouettes as SoftRas and pytorch3d define them: a product over all faces near a pixel."""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .silhouette_outline import Nearest, middles

_PAIRS = 1 << 17  # of faces and pixels that are measured at once
_MOST_FACES = 100  # at a pixel, the nearest to the camera: all that pytorch3d keeps


def soft_product(
    points: Tensor,
    depth: Tensor,
    faces: list[Tensor],
    size: tuple[int, int],
    softness: float,
    reach: float,
) -> Tensor:
    """(B, H, W): 1 - prod(1 - sigmoid(-d / softness)), d in squared pixels, negative inside.

    The product goes over those faces of each picture (F, 3) that hold the middle of the pixel or
    come within `reach` pixels of it. `points` (B, V, 2) pixels, `depth` (B, V) metres, `size` width
    and height. On CUDA pytorch3d does it where it is installed.
    """
    if points.is_cuda and importlib.util.find_spec("pytorch3d"):
        return by_pytorch3d(points, depth, faces, size, softness, reach)
    pairs = zip(points, faces, strict=True)
    return torch.stack([_picture(*pair, size, softness, reach) for pair in pairs])


def by_pytorch3d(
    points: Tensor,
    depth: Tensor,
    faces: list[Tensor],
    size: tuple[int, int],
    softness: float,
    reach: float,
) -> Tensor:
    """The same by pytorch3d, on any device; where many faces meet, of the nearest ones alone."""
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.structures import Meshes

    half = min(size) / 2
    plane = (points.new_tensor(size) / 2 - points) / half  # its x runs to the left, its y upwards
    meshes = Meshes(list(torch.cat([plane, depth[..., None]], 2).float()), faces)
    found, _, _, square = rasterize_meshes(
        meshes, (size[1], size[0]), (reach / half) ** 2, _MOST_FACES
    )
    logarithm = logsigmoid(square * (half**2 / softness))
    return 1 - torch.where(found >= 0, logarithm, 0.0).sum(3).exp().to(points.dtype)


def _picture(
    points: Tensor, faces: Tensor, size: tuple[int, int], softness: float, reach: float
) -> Tensor:
    """(H, W) of one mesh with vertices at `points` (V, 2)."""
    with torch.no_grad():
        face, pixel = _boxes(points[faces], size, reach)
        pieces = zip(face.split(_PAIRS), pixel.split(_PAIRS), strict=True)
        kept = [_nearest_side(points, faces[f], p, size, reach) for f, p in pieces]
        nearest = Nearest(*(torch.cat(x) for x in zip(*(n for n, _ in kept), strict=True)))
        inside = torch.cat([x for _, x in kept])
    square = nearest.squares(points, size)
    logarithm = logsigmoid(torch.where(inside, -square, square) / softness)
    total = points.new_zeros(size[1] * size[0]).index_add(0, nearest.pixel, logarithm)
    return 1 - total.exp().view(size[1], size[0])


def _boxes(corners: Tensor, size: tuple[int, int], reach: float) -> tuple[Tensor, Tensor]:
    """Each face of corners (F, 3, 2) with each pixel of its box, made wider by `reach`."""
    limit = torch.tensor(size, device=corners.device)
    low = (corners.amin(1) - reach - 0.5).ceil().clamp(min=0).minimum(limit).long()
    high = (corners.amax(1) + reach + 0.5).floor().clamp(min=0).minimum(limit).long()
    wide, tall = (high - low).clamp(min=0).unbind(1)
    area = wide * tall
    face = torch.arange(len(corners), device=corners.device).repeat_interleave(area)
    step = torch.arange(len(face), device=corners.device) - (area.cumsum(0) - area)[face]
    row, column = low[face, 1] + step // wide[face], low[face, 0] + step % wide[face]
    return face, row * size[0] + column


def _nearest_side(
    points: Tensor, faces: Tensor, pixel: Tensor, size: tuple[int, int], reach: float
) -> tuple[Nearest, Tensor]:
    """Of pairs of faces (N, 3) and pixels (N,) those that count; which lie inside."""
    others = faces.roll(-1, 1)
    side = points[others] - points[faces]  # (N, 3, 2)
    away = middles(pixel, size, points)[:, None] - points[faces]
    along = ((away * side).sum(2) / side.square().sum(2)).clamp(0, 1)
    square, nearest = (away - along[..., None] * side).square().sum(2).min(1)
    turn = side[..., 0] * away[..., 1] - side[..., 1] * away[..., 0]
    area = side[:, 0, 0] * side[:, 1, 1] - side[:, 0, 1] * side[:, 1, 0]
    inside = (turn * area[:, None] > 0).all(1)
    keep = (inside | (square < reach**2)) & (area != 0)
    column = nearest[keep, None]
    chosen = (x[keep].gather(1, column)[:, 0] for x in (faces, others, along))
    return Nearest(pixel[keep], *chosen), inside[keep]
