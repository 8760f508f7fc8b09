"""Turns and places of bones as keys, in the way that each bone is keyed."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from .axes import continuous
from .keyframes import write_curves
from .retarget_maths import to_quaternions


def rotation_keys(mode: str, turns: np.ndarray) -> tuple[str, np.ndarray]:
    """The channel that a bone of this rotation_mode is turned by, and its values for (T, 3, 3)."""
    if mode == "QUATERNION":
        return "rotation_quaternion", to_quaternions(turns)
    if mode == "AXIS_ANGLE":
        quaternions = to_quaternions(turns)
        length = np.linalg.norm(quaternions[:, 1:], axis=1, keepdims=True)
        angle = 2 * np.arctan2(length, quaternions[:, :1])
        axis = np.where(length > 1e-9, quaternions[:, 1:] / np.maximum(length, 1e-12), (0, 1, 0))
        return "rotation_axis_angle", np.hstack([angle, axis])
    eulers = [Matrix(turns[0]).to_euler(mode)]
    for turn in turns[1:]:  # the one of all names of a turn that is next to the last
        eulers.append(Matrix(turn).to_euler(mode, eulers[-1]))
    return "rotation_euler", np.array(eulers)


def key_turns(armature: bpy.types.Object, name: str, frames: np.ndarray, turns: np.ndarray) -> None:
    """Key the turns (T, 3, 3) of a bone in its own axes; keys of other frames stay."""
    channel, values = rotation_keys(armature.pose.bones[name].rotation_mode, turns)
    path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].{channel}'
    if channel == "rotation_quaternion":
        values = _as_before(armature, path, frames, values)
    set_keys(armature, path, frames, values, name)


def key_places(
    armature: bpy.types.Object, name: str, frames: np.ndarray, shifts: np.ndarray
) -> None:
    """Key the location (T, 3) of a bone in its own axes; keys of other frames stay."""
    path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].location'
    set_keys(armature, path, frames, shifts, name)


def set_keys(
    datablock: bpy.types.ID, path: str, frames: np.ndarray, values: np.ndarray, group: str
) -> None:
    """Key `path` with `values` (T, N) in place of all keys from the first to the last frame."""
    curves = {
        curve.array_index: curve for curve in compat.fcurves(datablock) if curve.data_path == path
    }
    if not curves:
        write_curves(datablock, path, frames, values, group)
        return
    points = np.stack([np.repeat(frames[:, None], values.shape[1], 1), values], -1)
    for index in range(values.shape[1]):
        curve = curves.get(index) or compat.new_fcurve(datablock, path, index, group)
        _replace(curve, points[:, index])


def _replace(curve: bpy.types.FCurve, points: np.ndarray) -> None:
    """Put keys at `points` (T, 2) into the curve; those before and after stay as they are."""
    keys = curve.keyframe_points
    old = np.empty(len(keys) * 2, np.float32)
    keys.foreach_get("co", old)
    old = old.reshape(-1, 2)
    first, last = points[0, 0] - 1e-3, points[-1, 0] + 1e-3
    inside = np.flatnonzero((old[:, 0] > first) & (old[:, 0] < last))
    if len(inside) == len(points) and np.allclose(old[inside, 0], points[:, 0], atol=1e-3):
        old[inside] = points
        keys.foreach_set("co", old.ravel())
        for k in inside:
            keys[int(k)].interpolation = "LINEAR"
    else:
        for k in inside[::-1]:
            keys.remove(keys[int(k)], fast=True)
        for frame, value in points:
            keys.insert(frame, value, options={"FAST"}).interpolation = "LINEAR"
    curve.update()


def _as_before(
    armature: bpy.types.Object, path: str, frames: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Quaternions with the sign that fits what was keyed on the first frame until now."""
    old = [c for c in compat.fcurves(armature) if c.data_path == path]
    if len(old) != 4:
        return values
    first = np.array([c.evaluate(frames[0]) for c in sorted(old, key=lambda c: c.array_index)])
    return continuous(np.concatenate([first[None], values]))[1:]
