"""Silhouettes of an annotated animal: a mask with one layer for each frame that has one.

Masks' shape keys are not for scripts; a layer of its own for each frame, shown in that frame only,
needs none, and splines of different frames may have different points. A layer's name ends in the
number of its frame. Places are px of the film from its top left.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .annotate import ANIMAL, points_at, require_animal, scene_frame

_CLIP = "layfigure_clip"  # on a mask: the clip that it is of
_NAME = "frame "
_STEPS = 12  # points of a curved piece of outline
_START = 20  # points of a silhouette to begin with
_MARGIN = 1.15  # by which it is larger than the hull of the keypoints


def mask_of(clip: bpy.types.MovieClip) -> bpy.types.Mask | None:
    """The silhouettes of the animal that is annotated in `clip`."""
    animal = str(clip.get(ANIMAL, ""))
    masks = [mask for mask in bpy.data.masks if mask.get(_CLIP) == clip]
    return next((mask for mask in masks if mask.get(ANIMAL) == animal), None)


def silhouette_frames(clip: bpy.types.MovieClip) -> list[int]:
    """The frames that have one."""
    mask = mask_of(clip)
    layers = mask.layers if mask is not None else ()
    filled = {_frame_of(layer) for layer in layers if len(layer.splines)}
    return sorted(frame for frame in filled if frame is not None)


def set_silhouette(
    clip: bpy.types.MovieClip,
    frame: int,
    polygons: Sequence[np.ndarray],
    smooth: bool = False,
) -> bpy.types.MaskLayer:
    """Make or exchange the silhouette of `frame`: closed outlines (N, 2) that add up."""
    mask = mask_of(clip) or _new_mask(clip)
    old = _layer(mask, frame)
    if old is not None:
        mask.layers.remove(old)
    layer = mask.layers.new(name=f"{_NAME}{frame}")
    for polygon in polygons:
        spline = layer.splines.new()
        spline.use_cyclic = True
        spline.points.add(len(polygon) - len(spline.points))
        for point, place in zip(spline.points, _to_mask(polygon, clip.size), strict=True):
            kind = "AUTO" if smooth else "VECTOR"
            point.handle_left_type = point.handle_right_type = kind
            point.co = point.handle_left = point.handle_right = place
    _show_only_at(layer, scene_frame(clip, frame))
    mask.update_tag()
    bpy.context.view_layer.update()  # places the handles
    return layer


def hull_silhouette(clip: bpy.types.MovieClip, frame: int) -> bpy.types.MaskLayer:
    """A round outline of the keypoints of `frame`, to be drawn out. Raises InputError for less
    than three."""
    points = points_at(clip, frame)
    hull = _hull(points[points[:, 2] > 0, :2])
    if len(hull) < 3:
        raise InputError(
            f"Frame {frame} has too few keypoints for a silhouette to begin with.",
            "Set three that are not on a line.",
        )
    middle = hull.mean(0)
    return set_silhouette(clip, frame, [_even(middle + _MARGIN * (hull - middle))], smooth=True)


def choose_silhouette(clip: bpy.types.MovieClip, frame: int) -> bpy.types.Mask:
    """Make the silhouette of `frame`, which is there, the one that new points are added to."""
    mask = mask_of(clip)
    mask.layers.active = _layer(mask, frame)
    return mask


def silhouette_at(clip: bpy.types.MovieClip, frame: int) -> list[np.ndarray]:
    """The outlines (N, 2) of `frame`; curves as many short lines."""
    mask = mask_of(clip)
    layer = _layer(mask, frame) if mask is not None else None
    splines = [s for s in layer.splines if len(s.points) > 2] if layer is not None else []
    return [_to_film(_outline(spline), clip.size) for spline in splines]


def _new_mask(clip: bpy.types.MovieClip) -> bpy.types.Mask:
    animal = require_animal(clip).name
    mask = bpy.data.masks.new(f"{animal} silhouettes")
    mask[_CLIP], mask[ANIMAL] = clip, animal
    mask.use_fake_user = True  # nothing in the scene uses it, and it is to be saved
    return mask


def _layer(mask: bpy.types.Mask, frame: int) -> bpy.types.MaskLayer | None:
    return next((layer for layer in mask.layers if _frame_of(layer) == frame), None)


def _frame_of(layer: bpy.types.MaskLayer) -> int | None:
    number = layer.name.removeprefix(_NAME)
    return int(number) if number.isdecimal() else None


def _show_only_at(layer: bpy.types.MaskLayer, frame: int) -> None:
    for at, hidden in ((frame - 1, True), (frame, False), (frame + 1, True)):
        layer.hide = hidden
        layer.keyframe_insert("hide", frame=at)
    layer.hide = bpy.context.scene.frame_current != frame


def _to_mask(places: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Masks live in a square around the film's middle, as wide as its longer side, y up."""
    half = np.array(size, np.float64) / 2
    return (np.asarray(places, np.float64) - half) * (1, -1) / max(size) + 0.5


def _to_film(places: np.ndarray, size: Sequence[int]) -> np.ndarray:
    half = np.array(size, np.float64) / 2
    return (places - 0.5) * (1, -1) * max(size) + half


def _outline(spline: bpy.types.MaskSpline) -> np.ndarray:
    """(N, 2) the closed Bezier curve in the mask's places, without the last point again."""
    pieces = []
    for point, following in zip(spline.points, [*spline.points[1:], spline.points[0]], strict=True):
        straight = point.handle_right_type == following.handle_left_type == "VECTOR"
        t = np.linspace(0, 1, 1 if straight else _STEPS, endpoint=False)[:, None]
        corners = (point.co, point.handle_right, following.handle_left, following.co)
        a, b, c, d = (np.array(corner) for corner in corners)
        u = 1 - t
        pieces.append(u**3 * a + 3 * u**2 * t * b + 3 * u * t**2 * c + t**3 * d)
    return np.concatenate(pieces)


def _hull(points: np.ndarray) -> np.ndarray:
    """(N, 2) the corners of the convex hull, in turn."""
    order = points[np.lexsort(points.T[::-1])] if len(points) else points

    def half(row: np.ndarray) -> list[np.ndarray]:
        kept: list[np.ndarray] = []
        for point in row:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return np.array([*half(order), *half(order[::-1])]).reshape(-1, 2)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Above 0 where the way a, b, c turns one way, below for the other, 0 straight on."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _even(polygon: np.ndarray) -> np.ndarray:
    """Points at even distances along a closed line."""
    closed = np.concatenate([polygon, polygon[:1]])
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    at = np.linspace(0, way[-1], _START, endpoint=False)
    return np.column_stack([np.interp(at, way, side) for side in closed.T])
