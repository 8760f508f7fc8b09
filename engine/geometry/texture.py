"""Pictures of a posed mesh gathered into its UV map: the hidden is left out, the best kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .rasteriser import NEAR, Raster, rasterise
from .uv_fill import spread
from .uv_map import UvMap, bilinear, gather_to_vertices, pad, sample_vertices

ToPixels = Callable[[np.ndarray], np.ndarray]

_KEPT = 6  # best views a texel remembers
_MARGIN = 0.015  # of the person's size: so near an outline the picture may show something else
_STEEP = 0.2  # cosine of the view angle below which a view is worth nothing
_STEP = 0.05  # metres; a jump in depth by so much is an outline
_DEEP = 0.012  # metres; tolerance of the depth test
_LARGEST = 640  # px, longer side of the depth picture
_TOLERANCE = 28.0  # grey levels by which views of one point differ without one being wrong
_PREFER = 3.0  # power that lets the best views rule: detail stays where views disagree by a little
_LEADING = 6.0  # power of the support of the others
_HELD = 0.3  # texels round a vertex from which its colour is known
_FEATHER = 4  # texels over which what was seen passes into what was filled


@dataclass
class Lens:
    """The pinhole that people are seen through: u = focal X/Z + cx."""

    focal: float  # px
    cx: float
    cy: float


class TextureMaker:
    """The texture of one mesh, built from pictures one after the other."""

    def __init__(
        self, rest: np.ndarray, faces: np.ndarray, texels: UvMap, along: np.ndarray
    ) -> None:
        """`rest` (V, 3) metres, symmetric in x where the mesh is; `faces` (F, 3); see uv_map.

        `along` (V, 3): unit vectors along the limbs, round which clothes keep their colour; or 0.
        """
        self.rest, self.faces, self.texels, self.along = rest, faces, texels, along
        count = len(self.texels.pixel)
        self._weights = np.zeros((_KEPT, count), np.float32)
        self._colours = np.zeros((_KEPT, count, 3), np.uint8)

    def add(
        self,
        picture: np.ndarray,
        vertices: np.ndarray,
        others: Sequence[np.ndarray],
        lens: Lens,
        to_pixels: ToPixels,
        speed: np.ndarray | None = None,
        trust: float = 1.0,
    ) -> int:
        """Take what `picture` (H, W, 3) uint8 shows of the mesh at `vertices` (V, 3), camera space.

        `others`: vertices of everybody else of the same topology, who may stand in front. `lens`
        tells how depth is compared; `to_pixels` takes points (N, 3) to the picture's pixels (N, 2).
        `speed` (V,) px a frame: motion blur. `trust`: weight of this view against others.
        Returns how many texels it showed.
        """
        scene = _Scene.of(vertices, others, self.faces, lens)
        if scene is None:
            return 0
        towards = self._towards_eye(vertices)
        blur = np.zeros(len(vertices)) if speed is None else speed
        values = np.column_stack([vertices, towards, blur]).astype(np.float32)
        near = (towards[self.faces] > 0).any(1)[self.texels.face]
        row = np.flatnonzero(near)
        some = UvMap(0, row, self.texels.face[row], self.texels.barycentric[row])
        values = sample_vertices(some, self.faces, values)
        border = scene.look(values[:, :3], values[:, 3])
        keep = (border > 0) & (values[:, 3] > _STEEP)
        row, values, border = row[keep], values[keep], border[keep]
        pixels = to_pixels(values[:, :3]).astype(np.float32)
        height, width = picture.shape[:2]
        inside = ((pixels >= 1) & (pixels <= (width - 1, height - 1))).all(1)
        row, values, border, pixels = (x[inside] for x in (row, values, border, pixels))
        if not len(row):
            return 0
        sharp = _sharpness(picture, pixels)
        weight = values[:, 3] ** 2 * (lens.focal / values[:, 2]) * border
        weight *= trust * sharp / (1 + (values[:, 4] / 4) ** 2)
        self._keep(row, weight.astype(np.float32), bilinear(picture, pixels))
        return len(row)

    def finish(self) -> np.ndarray:
        """(size, size, 4) uint8 RGBA; alpha is 255 where a picture showed it, 0 where filled.

        Texels off the mesh repeat the nearest one, so that no seam shows.
        """
        colours, seen = self._blend()
        seen = self._without_specks(seen)
        means, trust = self._of_vertices(colours, seen)
        smooth = spread(self.rest, self.faces, self.along, means, trust).astype(np.float32)
        filled = sample_vertices(self.texels, self.faces, smooth)
        share = self._feather(seen)[:, None]
        rgb = np.where(seen[:, None], share * colours + (1 - share) * filled, filled)
        rgba = np.column_stack([np.clip(np.rint(rgb), 0, 255), np.where(seen, 255, 0)])
        return pad(self.texels.picture(rgba.astype(np.uint8)), self.texels.covered())

    def _towards_eye(self, vertices: np.ndarray) -> np.ndarray:
        """(V,) cosine between the smooth normal and the way to the camera."""
        a, b, c = (vertices[self.faces[:, i]] for i in range(3))
        turned = np.cross(b - a, c - a)
        corners = self.faces.ravel()
        normal = [np.bincount(corners, np.repeat(t, 3), len(vertices)) for t in turned.T]
        normals = np.stack(normal, 1)
        length = np.linalg.norm(normals, axis=1) * np.linalg.norm(vertices, axis=1)
        return -np.einsum("vi,vi->v", normals, vertices) / np.maximum(length, 1e-20)

    def _keep(self, row: np.ndarray, weight: np.ndarray, colour: np.ndarray) -> None:
        """Put this view in the place of the least of those kept, where it is better."""
        slot = self._weights[:, row].argmin(0)
        better = weight > self._weights[slot, row]
        row, slot = row[better], slot[better]
        self._weights[slot, row] = weight[better]
        self._colours[slot, row] = colour[better]

    def _blend(self) -> tuple[np.ndarray, np.ndarray]:
        """Colours (N, 3) float of the texels and whether any view showed them (N,).

        Those that the others agree with lead; what is far from them counts little.
        """
        weight = self._weights
        seen = weight.max(0) > 0
        colours = self._colours.astype(np.float32)
        support = np.zeros_like(weight)
        for a in range(_KEPT):
            for b in range(_KEPT):
                gap = ((colours[a] - colours[b]) ** 2).sum(-1) / _TOLERANCE**2
                support[a] += weight[b] / (1 + gap)
        support *= weight > 0
        leader = _mean(colours, (support / np.maximum(support.max(0), 1e-20)) ** _LEADING)
        share = (weight / np.maximum(weight.max(0), 1e-20)) ** _PREFER
        share /= 1 + (((colours - leader) ** 2).sum(-1) / _TOLERANCE**2) ** 2
        return _mean(colours, share), seen

    def _of_vertices(self, colours: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the texels say of the vertices: colours (V, 3), and 0..1 for how sure they are."""
        best = self._weights.max(0)
        usual = float(np.median(best[seen])) if seen.any() else 1.0
        values = np.column_stack([colours, np.minimum(best / usual, 1)])
        means, weight = gather_to_vertices(self.texels, self.faces, values, seen, len(self.rest))
        return means[:, :3], np.where(weight > _HELD, means[:, 3], 0)

    def _without_specks(self, seen: np.ndarray) -> np.ndarray:
        """`seen` (N,) without islands of a few texels, which are mostly wrong."""
        least = (self.texels.size / 150) ** 2
        mask = self.texels.picture(seen).astype(np.uint8)
        _, label, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
        large = stats[:, cv2.CC_STAT_AREA] >= least
        return seen & large[label.ravel()[self.texels.pixel]]

    def _feather(self, seen: np.ndarray) -> np.ndarray:
        """(N,) 0..1, rising from the holes inwards over a few texels."""
        hole = self.texels.picture(~seen)
        if not hole.any():
            return np.ones(len(seen), np.float32)
        away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        return np.clip(away.ravel()[self.texels.pixel] / _FEATHER, 0, 1)


@dataclass
class _Scene:
    """Depth round one person, and how far each pixel is from the next outline."""

    raster: Raster
    lens: Lens  # of the depth picture
    clear: np.ndarray  # (H, W) px from the next outline
    margin: float  # px

    @classmethod
    def of(
        cls, vertices: np.ndarray, others: Sequence[np.ndarray], faces: np.ndarray, lens: Lens
    ) -> _Scene | None:
        """None where nothing of the person lies before the camera."""
        front = vertices[vertices[:, 2] > 100 * NEAR]
        if not len(front):
            return None
        place = front[:, :2] / front[:, 2:] * lens.focal
        low, high = place.min(0), place.max(0)
        extent = np.maximum(high - low, 1.0)
        scale = min(_LARGEST / extent.max(), 1.0)
        own = Lens(lens.focal * scale, *(4 - low * scale))
        width, height = (int(x) + 9 for x in np.ceil(extent * scale))
        near = [vertices, *(o for o in others if np.isfinite(o).all())]
        count = len(vertices)
        raster = rasterise(
            np.concatenate(near),
            np.concatenate([faces + k * count for k in range(len(near))]),
            *(own.focal, own.focal, own.cx, own.cy, width, height),
            True,
        )
        clear = _outline_distance(raster, len(faces), own.focal)
        return cls(raster, own, clear, max(_MARGIN * float((high - low).max()) * scale, 1.5))

    def look(self, points: np.ndarray, towards: np.ndarray) -> np.ndarray:
        """How clearly points (N, 3) with cosines (N,) are seen: 0 hidden or at an outline, to 1."""
        lens = self.lens
        depth = np.maximum(points[:, 2], NEAR)
        place = points[:, :2] / depth[:, None] * lens.focal + (lens.cx, lens.cy)
        step = depth / lens.focal / np.maximum(towards, _STEEP)
        maps = np.dstack([self.raster.depth, self.clear])
        met, clear = bilinear(np.where(np.isfinite(maps), maps, 0), place).T
        hidden = np.abs(met - points[:, 2]) / (_DEEP + step)
        off = (clear / self.margin - 0.7) / 1.3
        return np.clip(2 - hidden, 0, 1) * np.clip(off, 0, 1)


def _outline_distance(raster: Raster, faces: int, focal: float) -> np.ndarray:
    """(H, W) px to the next place where the person ends or one part of it passes before another."""
    depth = np.where(raster.face_index >= 0, raster.depth, 0).astype(np.float32)
    own = (raster.face_index >= 0) & (raster.face_index < faces)
    kernel = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel)
    limit = np.maximum(_STEP, 10 * depth / focal)
    inner = (own & (jump < limit)).astype(np.uint8)
    inner[[0, -1]], inner[:, [0, -1]] = 0, 0
    return cv2.distanceTransform(inner, cv2.DIST_L2, cv2.DIST_MASK_5)


def _mean(colours: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(N, 3) weighted mean of views (K, N, 3) with `share` (K, N)."""
    return np.einsum("kn,knc->nc", share, colours) / np.maximum(share.sum(0), 1e-20)[:, None]


def _sharpness(picture: np.ndarray, pixels: np.ndarray) -> float:
    """How much fine detail the picture has where the person is."""
    low, high = pixels.min(0).astype(int), pixels.max(0).astype(int) + 1
    grey = cv2.cvtColor(picture[low[1] : high[1] + 1, low[0] : high[0] + 1], cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).std()) + 1.0
