"""A z-buffer on the CPU: which triangle each pixel sees, where on it, and how far away.

No triangle is clipped or projected for the test. Pixel rays are tested in camera space against the
three planes through the eye and the triangle's edges; the signed distances to these planes are the
perspective-correct barycentric weights. Projection only tells which pixels to try.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAR = 1e-3  # metres; nothing nearer is drawn
_AT_ONCE = 2_000_000  # pixel-triangle pairs tested in one go, to bound memory


@dataclass
class Raster:
    """What the pixels of a picture see. Pixel (row, column) has its centre at + 0.5."""

    face_index: np.ndarray  # (H, W) int32, -1 for none
    barycentric: np.ndarray  # (H, W, 3) float32, perspective correct, sum 1; 0 where none
    depth: np.ndarray  # (H, W) float32 camera z, inf where none


def rasterise(
    vertices_cam: np.ndarray,
    faces: np.ndarray,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    width: int,
    height: int,
    cull_back: bool = False,
) -> Raster:
    """Draw `faces` (F, 3) over `vertices_cam` (V, 3), camera space (x right, y down, z forward).

    With `cull_back`, faces whose corners run clockwise as seen are left out (half the work for a
    closed mesh). Triangles may reach behind the camera; what lies before NEAR is cut off.
    """
    corners = vertices_cam.astype(np.float64)[faces]  # (F, 3, 3)
    first = np.cross(corners[:, 1], corners[:, 2])
    volume = np.einsum("fi,fi->f", corners[:, 0], first)
    facing = np.flatnonzero((volume < 0) if cull_back else (volume != 0))
    boxes, visible = _pixel_boxes(corners[facing], fx, fy, cx, cy, width, height)
    chosen = facing[visible]
    boxes, volume, corners = boxes[visible], volume[chosen], corners[chosen]
    others = np.cross(corners[:, [2, 0]], corners[:, [0, 1]])
    planes = np.concatenate([first[chosen, None], others], 1)
    # In pixels the planes read a x + b y + c; turned so that inside is positive.
    planes = planes * np.sign(volume)[:, None, None] / (fx, fy, 1.0)
    planes[..., 2] -= planes[..., 0] * cx + planes[..., 1] * cy
    planes[..., 2] += 0.5 * (planes[..., 0] + planes[..., 1])
    buffer = _Buffer(width * height)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for part in _parts(areas):
        _draw(buffer, planes, np.abs(volume), boxes, part, width)
    face_index = np.where(buffer.face >= 0, chosen[buffer.face] if len(chosen) else -1, -1)
    return Raster(
        face_index.astype(np.int32).reshape(height, width),
        buffer.weights.reshape(height, width, 3),
        buffer.depth.astype(np.float32).reshape(height, width),
    )


class _Buffer:
    """The nearest hit of each pixel so far."""

    def __init__(self, pixels: int) -> None:
        self.face = np.full(pixels, -1, np.int64)
        self.weights = np.zeros((pixels, 3), np.float32)
        self.depth = np.full(pixels, np.inf)

    def keep_nearest(
        self, pixel: np.ndarray, face: np.ndarray, weights: np.ndarray, depth: np.ndarray
    ) -> None:
        """Enter hits (N,); several may be on one pixel."""
        nearer = np.flatnonzero(depth < self.depth[pixel])
        # Written from far to near, the nearest stays.
        order = nearer[np.argsort(-depth[nearer], kind="stable")]
        self.face[pixel[order]] = face[order]
        self.depth[pixel[order]] = depth[order]
        self.weights[pixel[order]] = weights[order]


def _parts(areas: np.ndarray) -> list[slice]:
    """Runs of triangles whose boxes hold about _AT_ONCE pixels together."""
    total = np.cumsum(areas)
    cuts = [0]
    while cuts[-1] < len(areas):
        done = total[cuts[-1] - 1] if cuts[-1] else 0
        end = int(np.searchsorted(total, done + _AT_ONCE, side="right"))
        cuts.append(max(end, cuts[-1] + 1))
    return [slice(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]


def _draw(
    buffer: _Buffer,
    planes: np.ndarray,
    volume: np.ndarray,
    boxes: np.ndarray,
    part: slice,
    width: int,
) -> None:
    """Test every pixel of the boxes of the triangles in `part` against them."""
    box = boxes[part]
    wide = box[:, 2] - box[:, 0]
    area = wide * (box[:, 3] - box[:, 1])
    face = np.repeat(np.arange(len(box)), area)
    step = np.arange(len(face)) - np.repeat(np.cumsum(area) - area, area)
    row, column = np.divmod(step, wide[face])
    column += box[face, 0]
    row += box[face, 1]
    distances: list[np.ndarray] = []
    for edge in range(3):
        a, b, c = planes[part, edge].T
        distance = a[face] * column + b[face] * row + c[face]
        inside = distance >= 0
        face, column, row = face[inside], column[inside], row[inside]
        distances = [d[inside] for d in distances] + [distance[inside]]
    total = distances[0] + distances[1] + distances[2]
    depth = volume[part][face] / np.where(total > 0, total, np.nan)
    good = np.flatnonzero(depth >= NEAR)  # False for the NaN of a triangle seen edge on
    weights = np.stack([d[good] / total[good] for d in distances], -1)
    pixel = row[good] * width + column[good]
    buffer.keep_nearest(pixel, face[good] + part.start, weights, depth[good])


def _pixel_boxes(
    corners: np.ndarray, fx: float, fy: float, cx: float, cy: float, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """For triangles (F, 3, 3): left, top, right, bottom (ends excluded) and whether any is seen."""
    z = corners[..., 2]
    front = z >= NEAR
    low, high = _extent(corners, front, fx, fy, cx, cy)
    crossing = np.flatnonzero(front.any(1) & ~front.all(1))
    if len(crossing):
        # Where edges pass the near plane; an edge that does not gives its front corner again.
        a, b = corners[crossing], corners[crossing][:, [1, 2, 0]]
        rise = b[..., 2] - a[..., 2]
        passing = front[crossing] != front[crossing][:, [1, 2, 0]]
        along = np.where(passing, (NEAR - a[..., 2]) / np.where(passing, rise, 1), 0)
        cut = a + along[..., None] * (b - a)
        cut[..., 2] = np.where(passing, NEAR, cut[..., 2])
        more_low, more_high = _extent(cut, passing, fx, fy, cx, cy)
        low[crossing] = np.minimum(low[crossing], more_low)
        high[crossing] = np.maximum(high[crossing], more_high)
    size = (width, height)
    # A pixel belongs to the box when its centre does.
    start = np.clip(np.nan_to_num(np.ceil(low - 0.5)), 0, size)
    end = np.clip(np.nan_to_num(np.floor(high - 0.5) + 1), 0, size)
    boxes = np.concatenate([start, end], 1).astype(np.int64)
    return boxes, front.any(1) & (end > start).all(1)


def _extent(
    points: np.ndarray, use: np.ndarray, fx: float, fy: float, cx: float, cy: float
) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest pixel position (F, 2) of those points (F, 3, 3) that are in `use`."""
    z = np.where(use, points[..., 2], 1.0)
    place = points[..., :2] / z[..., None] * (fx, fy) + (cx, cy)
    # One corner after the other: numpy reduces short axes slowly.
    low = np.minimum.reduce(list(np.where(use[..., None], place, np.inf).swapaxes(0, 1)))
    high = np.maximum.reduce(list(np.where(use[..., None], place, -np.inf).swapaxes(0, 1)))
    return low, high
