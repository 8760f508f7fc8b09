"""Footage of a camera that turns and zooms, fitted as a camera that stands would have seen it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..formats.camera import Camera
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from ..progress import Progress
from .params import FitParams

if TYPE_CHECKING:
    from ..capture.camera_motion import CameraMotion
    from ..capture.video import Footage


def looks_for_motion(params: FitParams, keypoints_only: bool) -> bool:
    """Whether the footage is to be searched for a moving camera.

    Raises InputError where a moving camera is asked for but cannot be found.
    """
    if params.camera_motion == "moving" and (keypoints_only or params.independent):
        raise InputError(
            f"{params.source}: the camera's motion is read off the background of a film.",
            "Give the film itself, or leave out --camera-motion moving.",
        )
    return not (params.camera_motion == "fixed" or keypoints_only or params.independent)


def steady(
    params: FitParams, clip: KeypointClip, footage: Footage, progress: Progress
) -> tuple[KeypointClip, CameraMotion | None]:
    """`clip` as a fixed reference camera sees it, and the motion that was taken out, if any."""
    from ..capture.camera_motion import estimate_camera_motion
    from ..capture.stabilise import stabilise

    progress.begin(clip.frame_count, "Looking whether the camera moves")
    told = params.focal if params.focal is not None else clip.focal
    focal = float(told) if isinstance(told, (int, float)) else None
    expected = params.camera_motion == "moving"
    motion, notes = estimate_camera_motion(footage, clip, focal, progress.tick, expected)
    clip.notes += notes
    if motion is None:
        return clip, None
    still, notes = stabilise(clip, motion)
    still.notes += notes
    return still, motion


def in_footage(points: np.ndarray, frames: np.ndarray, motion: CameraMotion | None) -> np.ndarray:
    """Points (T, ..., 3) of the reference camera, px and confidence, in pixels of the `frames`."""
    if motion is None:
        return points
    centre = np.array([motion.width / 2, motion.height / 2])
    ray = np.concatenate([points[..., :2] - centre, np.ones_like(points[..., :1])], -1)
    ray = np.einsum("tij,t...j->t...i", motion.homographies()[frames], ray.astype(np.float64))
    seen = points[..., 2:] > 0
    plane = ray[..., :2] / np.where(seen, ray[..., 2:], 1.0) + centre
    return np.concatenate([np.where(seen, plane, 0.0), points[..., 2:]], -1).astype(points.dtype)


def motion_of(camera: Camera, frames: int) -> tuple[np.ndarray, CameraMotion | None]:
    """The reference camera (3, 4) of a result and its motion in all `frames` of the clip.

    The motion is None for a camera that stands still; frames that the result does not hold are as
    the nearest ones.
    """
    world = camera.world_to_camera.astype(np.float64)
    zoom = np.ones(len(world)) if camera.zoom is None else camera.zoom.astype(np.float64)
    if np.allclose(world, world[:1], atol=1e-6) and np.allclose(zoom, 1.0):
        return world[0], None
    from ..capture.background_graph import from_the_middle
    from ..capture.camera_motion import CameraMotion

    seen = np.ones(len(world), bool)
    rotation = from_the_middle(world[:, :, :3] @ world[0, :, :3].T, seen)
    reference = rotation[0].T @ world[0]
    rows = np.clip(np.arange(frames) - int(camera.frame_ids[0]), 0, len(world) - 1)
    motion = CameraMotion(
        frame_ids=np.arange(frames),
        rotation=rotation[rows],
        zoom=zoom[rows],
        focal=camera.fx,
        focal_spread=0.0,
        width=camera.width,
        height=camera.height,
        agreeing=1.0,
        lost=0,
    )
    return reference, motion


def as_seen(clip: KeypointClip, motion: CameraMotion | None) -> KeypointClip:
    """A clip of the reference camera in the pixels of the footage."""
    if motion is None:
        return clip
    return replace(clip, points=in_footage(clip.points, np.arange(clip.frame_count), motion))
