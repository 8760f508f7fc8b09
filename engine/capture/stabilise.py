"""A clip of a moving camera as a fixed one would see it, and back.

Wiring, with `motion` of camera_motion.estimate_camera_motion (skip all of it where it is None):

    still, notes = stabilise(clip, motion)        # fit this one; same size, centre and frames
    fit = fit_clip(still, ...)                    # camera space is the reference camera's
    w2c, zoom = frame_camera(motion, world_to_camera(...), focal)     # camera.npz, all frames
    camera = Camera(..., world_to_camera=w2c[ids], frame_ids=ids, zoom=zoom[ids])

Overlay and texture draw frame f with `vertices @ R.T` for R = frame_turns(motion, focal)[0][f] and
the focal length times zoom[f]. Files of keypoints that belong to the footage hold
`to_frame_pixels(motion, f, points)`; corrections come back by `to_reference_pixels`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from .background import transform
from .camera_motion import CameraMotion
from .rotation_bundle import join_homography

_STEEPEST = np.radians(75.0)  # from the reference's axis: pixels beyond run off to infinity
_GRID = np.linspace(-0.35, 0.35, 5)  # of the picture's size, from its centre
_MOST_LOST = 0.3  # share of the people's frames


def stabilise(clip: KeypointClip, motion: CameraMotion) -> tuple[KeypointClip, list[str]]:
    """`clip` in the pixels of the reference camera, where points may lie outside of the picture.

    Points too far aside of the reference's axis are dropped, which the notes tell; InputError where
    that is so of a large part of the clip. The focal length is the motion's where that is sure.
    """
    points = clip.points.astype(np.float64)
    back = np.linalg.inv(_in_corner(motion))[:, None, None]
    there = points[..., 2] > 0
    ray = np.concatenate([points[..., :2], np.ones_like(points[..., :1])], -1)
    moved = np.einsum("...ij,...j->...i", back, ray)
    # The homographies of a turn below 90 degrees keep the sign of the depth.
    plane = moved[..., :2] / np.where(np.abs(moved[..., 2:]) < 1e-9, 1e-9, moved[..., 2:])
    aside = np.linalg.norm(plane - (clip.width / 2, clip.height / 2), axis=-1) / motion.focal
    kept = there & (moved[..., 2] > 0) & (aside < np.tan(_STEEPEST))
    points[..., :2] = np.where(kept[..., None], plane, 0.0)
    points[..., 2] = np.where(kept, points[..., 2], 0.0)
    before, after = there.any(-1).sum(), _mostly(kept, there).sum()
    lost = int(before - after)
    notes = []
    if lost > _MOST_LOST * max(before, 1):
        raise InputError(
            f"{clip.source}: the camera turns too far to fit the clip as one.",
            "Cut the clip into parts in which it turns by less than 120 degrees.",
        )
    if lost:
        notes.append(
            f"The camera turns so far that people were left out in {lost} frames. Cut the clip "
            "into parts in which it turns by less than 120 degrees to have them all."
        )
    focal = motion.focal if motion.sure else clip.focal
    still = replace(clip, points=points.astype(np.float32), focal=focal)
    return still, notes


def _mostly(kept: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(F, P) whether at least half of a person's points (F, P, 137) could be kept."""
    return there.any(-1) & (kept.sum(-1) >= 0.5 * there.sum(-1))


def frame_turns(motion: CameraMotion, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 3, 3), reference camera to frame, and zooms (T,), for this focal length.

    A fit may move the focal length; what the pixels say stays, and the turns follow: those that
    put a grid of each frame's pixels nearest to where the motion has it in the reference.
    """
    if np.isclose(focal, motion.focal, rtol=1e-6):
        return motion.rotation, motion.zoom
    axes = np.meshgrid(*(_GRID * s for s in (motion.width, motion.height)))
    grid = np.stack([a.ravel() for a in axes], -1)
    back = np.linalg.inv(motion.homographies())
    rays = _unit(transform(back[:, None], grid) / focal)
    zoom = motion.zoom
    for _ in range(5):
        seen = _unit(grid / (focal * zoom[:, None, None]))
        u, _, vt = np.linalg.svd(np.einsum("tni,tnj->tij", seen, rays))
        u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
        rotation = u @ vt
        turned = np.einsum("tij,tnj->tni", rotation, rays)
        plane = focal * turned[..., :2] / turned[..., 2:]
        zoom = (plane * grid).sum((1, 2)) / (plane * plane).sum((1, 2))
    return rotation, zoom


def _unit(plane: np.ndarray) -> np.ndarray:
    """Unit rays (..., 3) through points (..., 2) of the plane at depth 1."""
    rays = np.concatenate([plane, np.ones_like(plane[..., :1])], -1)
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def frame_camera(
    motion: CameraMotion, world_to_camera: np.ndarray, focal: float
) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3, 4) world to each frame's camera, and its zoom (T,), of a reference camera (3, 4).

    `focal` px is the reference's, as fitted: a frame has focal * zoom.
    """
    rotation, zoom = frame_turns(motion, focal)
    return rotation @ world_to_camera, zoom


def to_frame_pixels(motion: CameraMotion, frame: int, pixels: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of the reference camera, in those of frame number `frame`.

    A third column (confidence) is kept; what is not seen (0 confidence) stays 0, 0, 0.
    """
    return _through(_in_corner(motion)[frame - motion.frame_ids[0]], pixels)


def to_reference_pixels(motion: CameraMotion, frame: int, pixels: np.ndarray) -> np.ndarray:
    """The inverse of `to_frame_pixels`."""
    return _through(np.linalg.inv(_in_corner(motion)[frame - motion.frame_ids[0]]), pixels)


def _through(matrix: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    moved = transform(matrix, pixels[..., :2])
    if pixels.shape[-1] == 2:
        return moved
    seen = pixels[..., 2:] > 0
    return np.concatenate([np.where(seen, moved, 0.0), pixels[..., 2:]], -1).astype(pixels.dtype)


def _in_corner(motion: CameraMotion) -> np.ndarray:
    """(T, 3, 3) reference pixels to the frames' pixels, both from the top left."""
    corner = np.eye(3)
    corner[:2, 2] = motion.width / 2, motion.height / 2
    full = join_homography(motion.rotation, motion.zoom, motion.focal)
    return corner @ full @ np.linalg.inv(corner)
