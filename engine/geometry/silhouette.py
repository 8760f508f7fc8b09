"""Soft silhouettes of meshes, with gradients to the vertices, on the CPU and the GPU.

SoftRas and pytorch3d give each face a blurred picture of its own, sigmoid(-d / sigma) with d the
squared distance to its border (negative inside), and multiply what they leave uncovered. That costs
a visit to every pixel near every face, though only the outline of the whole counts in the end; and
since all the small faces beside the outline add up, the shape looks wider than it is, the more so
the finer the mesh: the shipped body's half-covered line lies about two pixels outside it at 256,
and fingers run together (benchmarks/silhouette.py: IoU 0.79 with the true silhouette).

Here the same formula is applied once, to the outline of all faces together: one half lies on the
outline, whatever the mesh, and for a single face it is the same as theirs. Gradients are exact
except at the few pixels nearest to a place where one part's outline runs behind another part: such
an end is taken to stay where it is on its edge. The product can be asked for instead.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from .rasteriser import NEAR
from .silhouette_outline import Edges, find_outline
from .silhouette_product import soft_product

Method = Literal["outline", "product"]
SIGMA = 1e-4
_LEAST = 1e-4  # coverage below it counts as none, and that above 1 - it as all


def silhouette(
    vertices: Tensor,
    mesh: Edges | Tensor,
    lens: tuple | Tensor,
    size: tuple[int, int],
    sigma: float = SIGMA,
    method: Method = "outline",
) -> Tensor:
    """(B, H, W) coverage 0..1 by meshes of `vertices` (B, V, 3), metres, camera space.

    `mesh`: faces (F, 3) or, made once for many pictures, their Edges. `lens`: fx, fy, cx, cy in
    pixels, numbers or a tensor (4,) or (B, 4). The rest is as in silhouette_of_points.
    """
    depth = vertices[..., 2]
    lens = torch.as_tensor(lens, dtype=vertices.dtype, device=vertices.device)
    fx, fy, cx, cy = lens[..., None, :].unbind(-1)
    before = torch.where(depth >= NEAR, depth, 1.0)
    x, y = vertices[..., 0] / before * fx + cx, vertices[..., 1] / before * fy + cy
    return silhouette_of_points(torch.stack([x, y], -1), depth, mesh, size, sigma, method)


def silhouette_of_points(
    points: Tensor,
    depth: Tensor,
    mesh: Edges | Tensor,
    size: tuple[int, int],
    sigma: float = SIGMA,
    method: Method = "outline",
) -> Tensor:
    """(B, H, W) coverage 0..1 by meshes with vertices at `points` (B, V, 2), pixels.

    `size`: width and height; the first pixel's middle is at (0.5, 0.5). Faces with a vertex before
    NEAR, by its `depth` (B, V), metres, or at no number are left out. `sigma`: softness, in squares
    of half the picture's shorter side, as pytorch3d counts; about 3 sqrt(sigma) from the outline
    coverage is 0 or 1 and has no gradient. Time grows with sigma.

    `method`: "outline", see above, or "product", that of SoftRas: on CUDA by pytorch3d where it is
    installed.
    """
    home = points.device
    if home.type not in ("cpu", "cuda"):  # others lack float64
        points, depth = points.cpu(), depth.cpu()
    softness = sigma * (min(size) / 2) ** 2
    reach = math.sqrt(softness * math.log(1 / _LEAST - 1))
    seen = (depth >= NEAR) & points.isfinite().all(-1)
    points = torch.where(seen[..., None], points, 0.0)
    edges = (mesh if isinstance(mesh, Edges) else Edges.of(mesh)).to(points.device)
    if method == "product":
        faces = [edges.faces[there[edges.faces].all(1)] for there in seen]
        return soft_product(points, depth, faces, size, softness, reach).to(home)
    covered, nearest = find_outline(points, seen, edges, size, reach)
    square = nearest.squares(points.flatten(0, 1), size)
    inside = covered.flatten()[nearest.pixel]
    value = torch.where(inside, square, -square).div(softness).sigmoid()
    soft = covered.to(points.dtype).flatten().index_put((nearest.pixel,), value)
    return soft.view(covered.shape).to(home)


def overlap_loss(soft: Tensor, mask: Tensor) -> Tensor:
    """(B,) 1 - intersection over union of coverages (B, H, W), 0..1; 0 where both are empty."""
    both = (soft * mask).sum((1, 2))
    either = (soft + mask).sum((1, 2)) - both
    return torch.where(either > 0, 1 - both / either.clamp(min=1e-9), 0.0)
