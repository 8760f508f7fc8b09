"""The camera that regressors of a body tell of: scale and shift of a square crop, focal 5000 px.

A camera is (s, x, y): scale, then metres that the body lies right of and below the crop's middle.
"""

from __future__ import annotations

import torch
from torch import Tensor

SIZE = 224  # pixels of a side of the crop
FOCAL = 5000.0  # pixels of the crop


def crop_translation(camera: Tensor) -> Tensor:
    """Where a body (N, 3) lies before the crop's camera, metres, of cameras (N, 3)."""
    depth = 2 * FOCAL / (SIZE * camera[:, :1] + 1e-9)
    return torch.cat([camera[:, 1:], depth], dim=1)


def project(points: Tensor, camera: Tensor) -> Tensor:
    """Points (N, P, 3), metres in body space, in the crop (N, P, 2): x, y from -1 to 1, y down."""
    seen = points + crop_translation(camera)[:, None]
    return seen[..., :2] / seen[..., 2:] * (FOCAL / (SIZE / 2))


def picture_translation(
    camera: Tensor, centre: Tensor, side: Tensor, size: tuple[int, int], focal: float
) -> Tensor:
    """Where a body (N, 3) lies before the camera of the whole picture, metres.

    The crops are squares of `side` (N,) px about `centre` (N, 2) of a picture of `size` (width,
    height) px, whose camera has `focal` px and looks through the picture's middle.
    """
    extent = camera[:, :1] * side[:, None]  # of two metres, px
    middle = torch.tensor(size).to(centre) / 2
    return torch.cat([camera[:, 1:] + 2 * (centre - middle) / extent, 2 * focal / extent], dim=1)


def picture_camera(camera: Tensor, centre: Tensor, side: Tensor, size: tuple[int, int]) -> Tensor:
    """Weak-perspective cameras (N, 4) of the whole picture: scales x, y, then shifts x, y.

    Arguments as of `picture_translation`. A point is seen at scale * (point + shift), -1 to 1.
    """
    whole = torch.tensor(size).to(centre)
    scale = camera[:, :1] * side[:, None] / whole
    return torch.cat([scale, (centre - whole / 2) / (whole / 2) / scale + camera[:, 1:]], dim=1)


def translation_to(
    points: Tensor, pixels: Tensor, confidence: Tensor, focal: float = FOCAL, size: int = SIZE
) -> Tensor:
    """The translations (N, 3), metres, that bring points (N, P, 3) closest to pixels (N, P, 2).

    Least squares of the equations of projection, weighted by `confidence` (N, P), for a picture of
    `size` x `size` px. Without a point that is seen, zero.
    """
    points, pixels = points.double(), pixels.double() - size / 2
    along = torch.eye(2).to(points).mul(focal).expand(*pixels.shape[:-1], 2, 2)
    matrix = torch.cat([along, -pixels[..., None]], dim=-1)  # (N, P, 2, 3)
    known = pixels * points[..., 2:] - focal * points[..., :2]
    weight = confidence.double()[..., None]
    left = (matrix * weight[..., None]).flatten(1, 2).mT
    normal = left @ matrix.flatten(1, 2)
    solved = torch.linalg.pinv(normal, hermitian=True) @ (left @ known.flatten(1, 2)[..., None])
    return solved.squeeze(-1).to(confidence)
