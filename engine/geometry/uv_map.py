"""The UV map of a mesh as texels: which point of the surface each of them shows, and the gaps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .rasteriser import rasterise

_LAYER = 1e-9  # that a face lies behind the one before


@dataclass
class UvMap:
    """The N texels of a square picture that lie on the mesh. Row 0 is the top, where v = 1."""

    size: int  # px, both sides
    pixel: np.ndarray  # (N,) row * size + column
    face: np.ndarray  # (N,) int32
    barycentric: np.ndarray  # (N, 3) float32, of the face's corners

    def picture(self, values: np.ndarray, empty: float = 0) -> np.ndarray:
        """(size, size, ...) with `values` (N, ...) at the texels and `empty` elsewhere."""
        whole = np.full((self.size * self.size, *values.shape[1:]), empty, values.dtype)
        whole[self.pixel] = values
        return whole.reshape(self.size, self.size, *values.shape[1:])

    def covered(self) -> np.ndarray:
        """(size, size) bool: where there is surface."""
        return self.picture(np.ones(len(self.pixel), bool))


def uv_map(vt: np.ndarray, ft: np.ndarray, size: int) -> UvMap:
    """Texels of a mesh with corners `ft` (F, 3) at `vt` (U, 2), u right and v up, both 0..1.

    Where faces overlap, and on the edge between two, the first of them is seen.
    """
    flat = np.column_stack([vt[:, 0] * size, (1 - vt[:, 1]) * size, np.ones(len(vt))])
    layer = 1 + _LAYER * np.arange(len(ft))  # as seen, a face stays where it is
    corners = flat[ft] * layer[:, None, None]
    own = np.arange(3 * len(ft)).reshape(-1, 3)
    raster = rasterise(corners.reshape(-1, 3), own, 1.0, 1.0, 0.0, 0.0, size, size)
    face = raster.face_index.ravel()
    pixel = np.flatnonzero(face >= 0)
    weights = raster.barycentric.reshape(-1, 3)[pixel]
    return UvMap(size, pixel, face[pixel], weights)


def sample_vertices(texels: UvMap, faces: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(N, C) of the texels from `values` (V, C) of the vertices; `faces` (F, 3)."""
    corners = faces[texels.face]
    result = texels.barycentric[:, :1] * values[corners[:, 0]]
    for k in (1, 2):
        result += texels.barycentric[:, k : k + 1] * values[corners[:, k]]
    return result


def gather_to_vertices(
    texels: UvMap, faces: np.ndarray, values: np.ndarray, use: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Means (V, C) of the texels' `values` (N, C) round each of `count` vertices, and weights (V,).

    Only texels in `use` (N,) bool take part; a vertex without any has weight 0 and mean 0.
    """
    corners = faces[texels.face[use]].ravel()
    shares = texels.barycentric[use].astype(np.float64).ravel()
    weight = np.bincount(corners, shares, count)
    chosen = np.repeat(values[use], 3, 0)
    total = [np.bincount(corners, shares * channel, count) for channel in chosen.T]
    return np.stack(total, 1) / np.maximum(weight, 1e-12)[:, None], weight


def pad(picture: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """`picture` (H, W, C) with the nearest covered pixel's value everywhere else: no seam shows."""
    if not covered.any():
        return picture.copy()
    empty = (~covered).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(
        empty, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Labels count the covered pixels in an order of OpenCV's own.
    at = np.zeros(label.max() + 1, np.int64)
    at[label[covered]] = np.flatnonzero(covered.ravel())
    return picture.reshape(-1, picture.shape[-1])[at[label]]


def bilinear(picture: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(N, C) of `picture` (H, W, C) at pixels (N, 2), column and row; a pixel's centre is at + 0.5.

    Outside, the border goes on. uint8 stays uint8.
    """
    wide = 8192  # OpenCV takes no list longer than 32767
    rows = -(-len(pixels) // wide)
    places = np.zeros((2, rows * wide), np.float32)
    places[:, : len(pixels)] = pixels.T - 0.5
    across, down = places.reshape(2, rows, wide)
    found = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, picture.shape[2])[: len(pixels)]
