"""The overlay film: fitted bodies drawn over the footage, without a display or OpenGL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat

import cv2
import numpy as np
from scipy.sparse import csr_matrix

from ..formats.camera import Camera
from ..formats.errors import Cancelled
from ..formats.keypoints import BODY_25, BODY_EDGES, KeypointClip
from ..geometry.rasteriser import rasterise
from .detect import Progress
from .movie import write_movie
from .video import Footage

# Told apart also by eyes that mix up red and green.
COLOURS = np.array(
    [(165, 140, 230), (240, 160, 60), (120, 205, 110), (70, 160, 240), (225, 100, 160)], np.float32
)
_OPACITY = 0.78
_AMBIENT = 0.3
_GROUND = 40  # grey where there is no footage
_DRAWN = 0.05  # confidence from which a keypoint is drawn
_LEFT, _RIGHT, _MIDDLE = (90, 220, 255), (255, 120, 90), (240, 240, 240)


class BodyPainter:
    """Draws shaded bodies of one topology into pictures of one camera."""

    def __init__(self, faces: np.ndarray, camera: Camera) -> None:
        """`faces` (F, 3) of a body; `camera` tells intrinsics and size, its pose is not used."""
        self.faces, self.camera = faces, camera
        corner = np.repeat(np.arange(len(faces)), 3)
        shape = (int(faces.max()) + 1, len(faces))
        self._of_vertex = csr_matrix((np.ones(len(corner)), (faces.ravel(), corner)), shape)

    def paint(self, picture: np.ndarray, people: Sequence[np.ndarray]) -> np.ndarray:
        """A copy of `picture` (H, W, 3) uint8 with people over it: vertices (V, 3), camera space.

        Person i has colour i; bodies with a vertex that is not finite are left out.
        """
        drawn = [(i, v) for i, v in enumerate(people) if np.isfinite(v).all()]
        if not drawn:
            return picture.copy()
        offsets = np.cumsum([0] + [len(v) for _, v in drawn])
        faces = np.concatenate([self.faces + o for o in offsets[:-1]])
        vertices = np.concatenate([v for _, v in drawn])
        camera = self.camera
        height, width = picture.shape[:2]
        raster = rasterise(
            vertices, faces, camera.fx, camera.fy, camera.cx, camera.cy, width, height, True
        )
        covered = raster.face_index >= 0
        corners = faces[raster.face_index[covered]]
        weights = raster.barycentric[covered]
        normals = np.concatenate([self._normals(v) for _, v in drawn])
        light = self._headlight(corners, weights, normals, vertices)
        person = np.searchsorted(offsets, corners[:, 0], side="right") - 1
        colours = COLOURS[np.array([i for i, _ in drawn])[person] % len(COLOURS)]
        alpha = cv2.blur(covered.astype(np.float32), (3, 3))[covered, None] * _OPACITY
        result = picture.copy()
        mixed = (1 - alpha) * picture[covered] + alpha * light[:, None] * colours
        result[covered] = np.clip(mixed, 0, 255).astype(np.uint8)
        return result

    def _normals(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) smooth unit normals, outward; area-weighted means of the faces round a vertex."""
        a, b, c = (vertices[self.faces[:, i]] for i in range(3))
        normals = self._of_vertex @ np.cross(b - a, c - a)
        missing = len(vertices) - len(normals)
        normals = np.pad(normals, ((0, missing), (0, 0)))
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)

    @staticmethod
    def _headlight(
        corners: np.ndarray, weights: np.ndarray, normals: np.ndarray, vertices: np.ndarray
    ) -> np.ndarray:
        """Brightness (N,) of surface points under a lamp at the camera."""
        normal = np.einsum("nk,nki->ni", weights, normals[corners])
        place = np.einsum("nk,nki->ni", weights, vertices[corners])
        facing = -np.einsum("ni,ni->n", normal, place)
        facing /= np.maximum(np.linalg.norm(normal, axis=1) * np.linalg.norm(place, axis=1), 1e-20)
        return _AMBIENT + (1 - _AMBIENT) * np.clip(facing, 0, 1)


def draw_keypoints(picture: np.ndarray, people: np.ndarray, skeleton: bool = False) -> None:
    """Draw points (P, 137, 3) as dots into `picture`, in place; with `skeleton` the body's lines.

    The left side is blue, the right side red; unsure points are darker.
    """
    radius = max(round(max(picture.shape[:2]) / 500), 1)
    for points in people:
        seen = points[:, 2] > _DRAWN
        places = [tuple(int(x) for x in np.round(p)) for p in np.clip(points[:, :2], -1e4, 1e4)]
        if skeleton:
            for a, b in BODY_EDGES:
                if seen[a] and seen[b]:
                    cv2.line(picture, places[a], places[b], (150, 150, 150), radius, cv2.LINE_AA)
        for k in np.flatnonzero(seen):
            size = radius + 1 if k < len(BODY_25) else max(radius - 1, 1)
            shade = 0.4 + 0.6 * min(float(points[k, 2]), 1.0)
            colour = tuple(int(c * shade) for c in _side_colour(int(k)))
            cv2.circle(picture, places[k], size, colour, -1, cv2.LINE_AA)


def write_overlay(
    path: str | os.PathLike,
    footage: Footage | None,
    vertices_per_person: Callable[[int], Sequence[np.ndarray]],
    faces: np.ndarray,
    camera: Camera,
    keypoints: KeypointClip | None = None,
    progress: Progress | None = None,
    should_cancel: Callable[[], bool] | None = None,
    frame_count: int | None = None,
) -> int:
    """Write an H.264 film of the fit over `footage`, or over dark grey; give its frame count.

    `vertices_per_person(frame)` gives a list of (V, 3) in camera space, metres; person i has colour
    i in every frame, and one who is absent has NaN vertices (or comes last and is left out).
    `keypoints` adds dots, and without footage the skeleton. The film ends after `frame_count`
    frames, by default those of `keypoints`, else those of the footage. Raises InputError when the
    file cannot be written or the footage is damaged, Cancelled when `should_cancel()` says so;
    then no file is left.
    """
    if frame_count is None:
        frame_count = _count(footage, keypoints)
    painter = BodyPainter(faces, camera)
    pictures = _grounds(footage, camera)
    done = 0
    with write_movie(path, camera.fps) as movie:
        for frame, picture in zip(range(frame_count), pictures, strict=False):
            if should_cancel is not None and should_cancel():
                raise Cancelled
            picture = painter.paint(picture, vertices_per_person(frame))
            if keypoints is not None and frame < keypoints.frame_count:
                draw_keypoints(picture, keypoints.points[frame], skeleton=footage is None)
            movie.add(picture)
            done = frame + 1
            if progress is not None:
                progress(done, frame_count, "drawing the overlay")
    return done


def _count(footage: Footage | None, keypoints: KeypointClip | None) -> int:
    if keypoints is not None:
        return keypoints.frame_count
    if footage is None:
        raise ValueError("without footage and keypoints frame_count is needed")
    return footage.frame_count


def _grounds(footage: Footage | None, camera: Camera) -> Iterator[np.ndarray]:
    """What is drawn on, at the camera's size."""
    size = (camera.width, camera.height)
    if footage is None:
        yield from repeat(np.full((*size[::-1], 3), _GROUND, np.uint8))
        return
    for picture in footage:
        fits = picture.shape[1::-1] == size
        yield picture if fits else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _side_colour(point: int) -> tuple[int, int, int]:
    if point < len(BODY_25):
        return {"L": _LEFT, "R": _RIGHT}.get(BODY_25[point][0], _MIDDLE)
    return _LEFT if point < 46 else _RIGHT if point < 67 else _MIDDLE
