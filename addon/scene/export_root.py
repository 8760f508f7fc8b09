"""Where a character's way through the room is: in its hips, on a root bone, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np
from mathutils import Matrix

from .. import compat
from .axes import continuous, matrix_to_quaternion
from .keyframes import write_curves

ROOT = "root"
BONE_LENGTH = 0.2  # m of a bone that points nowhere


def move_root(
    context: bpy.types.Context, scene: bpy.types.Scene, armature: bpy.types.Object, how: str
) -> None:
    """Key the top bones of `armature`, on the stage `scene`, anew in its frame range.

    `root`: a bone on the floor, which is at the height of the armature's origin, takes the way and
    the heading of the hips; where the bones are in the world stays. `in_place`: the hips stay above
    the place where they are at rest.
    """
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    tops = [bone.name for bone in armature.data.bones if bone.parent is None]
    tops.sort(key=lambda name: -len(armature.data.bones[name].children_recursive))
    world, poses = _watch(scene, armature, tops, frames)
    rest = {name: np.array(armature.data.bones[name].matrix_local) for name in tops}
    hips = world @ poses[tops[0]]
    at_rest = world @ rest[tops[0]]
    if how == "in_place":
        shift = np.tile(np.eye(4), (len(frames), 1, 1))
        shift[:, :2, 3] = (at_rest - hips)[:, :2, 3]
        moved = {n: np.linalg.inv(world) @ shift @ world @ p for n, p in poses.items()}
        parent = parent_rest = np.eye(4)
    else:
        way = _on_floor(hips, at_rest, world[:, 2, 3])
        name, parent_rest = _add_bone(context, scene, armature, tops, world[0], at_rest[0])
        parent, moved = _unscaled(np.linalg.inv(world) @ way), poses
        _key(armature, name, frames, np.linalg.inv(parent_rest) @ parent)
    for name, pose in moved.items():
        local = np.linalg.inv(rest[name]) @ parent_rest @ np.linalg.inv(parent) @ pose
        _key(armature, name, frames, local)


def _watch(
    scene: bpy.types.Scene, armature: bpy.types.Object, bones: Sequence[str], frames: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(T, 4, 4) the armature's place in the world, and each bone's in the armature."""
    world, poses = [], []
    for frame in frames.tolist():
        scene.frame_set(frame)
        posed = armature.evaluated_get(scene.view_layers[0].depsgraph)
        world.append(np.array(posed.matrix_world))
        poses.append([np.array(posed.pose.bones[name].matrix) for name in bones])
    return np.array(world), dict(zip(bones, np.array(poses).swapaxes(0, 1), strict=True))


def _on_floor(hips: np.ndarray, at_rest: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """(T, 4, 4) below the `hips` (T, 4, 4) on the `floor` (T,), turned as they are about z."""
    turned = _unscaled(hips)[:, :3, :3] @ _unscaled(at_rest)[:, :3, :3].transpose(0, 2, 1)
    quaternions = matrix_to_quaternion(turned)
    heading = 2 * np.arctan2(quaternions[:, 3], quaternions[:, 0])  # the turn's share about z
    way = np.tile(np.eye(4), (len(hips), 1, 1))
    cos, sin = np.cos(heading), np.sin(heading)
    way[:, 0, 0], way[:, 0, 1], way[:, 1, 0], way[:, 1, 1] = cos, -sin, sin, cos
    way[:, :2, 3], way[:, 2, 3] = hips[:, :2, 3], floor
    return way


def _add_bone(
    context: bpy.types.Context,
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    children: Sequence[str],
    world: np.ndarray,
    hips: np.ndarray,
) -> tuple[str, np.ndarray]:
    """Name and rest matrix, in the armature, of a new bone above `children`, below the feet."""
    ends = [end for bone in armature.data.bones for end in (bone.head_local, bone.tail_local)]
    lowest = (np.array(ends) @ world[:3, :3].T + world[:3, 3])[:, 2].min()
    upright = np.eye(4)
    upright[:3, 3] = hips[0, 3], hips[1, 3], lowest
    rest = _unscaled(np.linalg.inv(world) @ upright)
    name = ROOT if ROOT not in armature.data.bones else f"{ROOT}_motion"
    with edit_bones(context, scene, armature) as bones:
        new = bones.new(name)
        new.tail = (0, BONE_LENGTH, 0)
        new.matrix = Matrix(rest.tolist())
        new.use_deform = True
        for child in children:
            bones[child].parent = new
    armature.pose.bones[name].rotation_mode = "QUATERNION"
    return name, np.array(armature.data.bones[name].matrix_local)


@contextmanager
def edit_bones(
    context: bpy.types.Context, scene: bpy.types.Scene, armature: bpy.types.Object
) -> Iterator[bpy.types.ArmatureEditBones]:
    """The bones of an `armature` on the stage `scene`, to be edited inside the block."""
    layer = scene.view_layers[0]
    layer.objects.active = armature
    here = {"scene": scene, "view_layer": layer, "active_object": armature, "object": armature}
    with context.temp_override(**here):
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            yield armature.data.edit_bones
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")


def _key(armature: bpy.types.Object, bone: str, frames: np.ndarray, local: np.ndarray) -> None:
    """Key place and turn of `bone`, `local` (T, 4, 4) from its rest, instead of what it has."""
    posed = armature.pose.bones[bone]
    for constraint in list(posed.constraints):  # they are in the numbers
        posed.constraints.remove(constraint)
    posed.rotation_mode = "QUATERNION"
    if armature.animation_data is None or armature.animation_data.action is None:
        compat.new_action(armature, f"{armature.name} motion")
    turns = continuous(matrix_to_quaternion(_unscaled(local)[:, :3, :3]))
    for channel, values in (("location", local[:, :3, 3]), ("rotation_quaternion", turns)):
        path = f'pose.bones["{bone}"].{channel}'
        compat.remove_fcurve(armature, path)
        write_curves(armature, path, frames, values, bone)


def _unscaled(matrices: np.ndarray) -> np.ndarray:
    """(..., 4, 4) without the scale of their axes."""
    result = matrices.copy()
    result[..., :3, :3] /= np.linalg.norm(result[..., :3, :3], axis=-2, keepdims=True)
    return result
