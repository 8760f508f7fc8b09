"""Keyframes, written whole curves at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import bpy
import numpy as np

from .. import compat
from .axes import TO_BLENDER, axis_angle_to_quaternion, continuous

CONSTANT, LINEAR = 0, 1  # their numbers in Keyframe.interpolation
BONES_A_STEP = 14


def write_curves(
    datablock: bpy.types.ID,
    path: str,
    frames: np.ndarray,
    values: np.ndarray,
    group: str,
    interpolation: int = LINEAR,
) -> None:
    """Key `path` of `datablock`: one curve for each column of `values` (T, N)."""
    points = np.empty((len(frames), 2), np.float32)
    points[:, 0] = frames
    between = np.full(len(frames), interpolation, np.int32)
    for index in range(values.shape[1]):
        curve = compat.new_fcurve(datablock, path, index, group)
        points[:, 1] = values[:, index]
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set("co", points.ravel())
        curve.keyframe_points.foreach_set("interpolation", between)
        curve.update()


def key_pose(
    armature: bpy.types.Object,
    bones: Sequence[str],
    rest_axes: np.ndarray,
    frames: np.ndarray,
    poses: np.ndarray,
    trans: np.ndarray,
) -> Iterator[None]:
    """Key every bone's quaternion, and the root's location, in short steps.

    Args:
        bones: J names in joint order; the first is the root.
        rest_axes: (J, 3, 3) rest axes of the bones as columns, Blender's axes.
        frames: (T,) Blender frames.
        poses: (T, J, 3) axis-angle, engine axes.
        trans: (T, 3) root translation from rest, engine axes, metres.
    """
    compat.new_action(armature, f"{armature.name} motion")
    # A turn about an axis is the same turn in other axes: only its axis is re-expressed.
    to_local = np.einsum("jba,bc->jac", rest_axes, TO_BLENDER)
    quaternions = continuous(axis_angle_to_quaternion(np.einsum("jac,tjc->tja", to_local, poses)))
    for j, bone in enumerate(bones):
        path = f'pose.bones["{bone}"].rotation_quaternion'
        write_curves(armature, path, frames, quaternions[:, j], bone)
        if j % BONES_A_STEP == 0:
            yield
    location = trans @ to_local[0].T
    write_curves(armature, f'pose.bones["{bones[0]}"].location', frames, location, bones[0])
