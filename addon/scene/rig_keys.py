"""The motion of a fit as keyframes on the user's own armature, and its shape on the shape keys."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ...engine.formats.body_file import BodyData, load_body
from ...engine.formats.errors import InputError
from ...engine.formats.motion import Motion, load_motion
from ...engine.formats.result import read_result
from .. import compat
from .axes import TO_BLENDER, axis_angle_to_matrix, continuous
from .keyframes import write_curves
from .mesh import WIDEST
from .rig_body import RigOptions, shape_keys
from .rig_mesh import meshes_of
from .rig_release import release, stash
from .rig_skeleton import to_animal

# An animal's axes (x front, y left, z up) to Blender's as results are shown (x left, y back, z up).
_SHOWN = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
_STILL = 1e-5  # units: a bone that never leaves its place farther needs no location


@dataclass
class KeyedRig:
    """What was keyed, and sentences for the user."""

    frames: np.ndarray  # (T,) Blender frames
    notes: list[str] = field(default_factory=list)


def key_rig(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    folder: str | os.PathLike,
    options: RigOptions | None = None,
    start_frame: int = 1,
) -> KeyedRig:
    """Key the first motion of the result `folder` on `armature`, whose body it was fitted to.

    Every vertex comes to lie where the result has it: bones that carry joints are keyed, their
    constraints muted, bendy ones made straight, ancestors that carry none held at rest; the
    shape keys take the fitted shape. What the armature played before is stashed in its NLA.
    Raises InputError, with nothing changed, where the two do not belong together.
    """
    options = options or RigOptions()
    result = read_result(folder)
    files = result.people[0]
    body, motion = load_body(result.body), load_motion(files.motion)
    context.view_layer.update()  # where things were moved just now
    unit = context.scene.unit_settings.scale_length
    rest = np.eye(4)
    rest[:3, :3] = _SHOWN @ to_animal(armature, options.facing, unit)[:3, :3]
    _check(armature, body, motion, rest, result.folder)
    keys = shape_keys(armature, options)
    if len(keys) < len(motion.betas):
        raise InputError(
            f"{result.folder}: its shape has {len(motion.betas)} components, {armature.name} "
            f"{len(keys)} shape keys for them.",
            "Choose the shape keys that are left out as when the body was saved.",
        )
    frames = np.asarray(motion.frame_ids, np.int64) - result.frame_start + start_frame
    made = KeyedRig(frames)
    world = np.array(armature.matrix_world)
    world[:3] *= unit
    # where each joint's bone lies in armature space, so that the bone moves the mesh as the
    # joint does, wherever the fitted shape has put the joint
    moves = _moves(body, motion)
    bones = [armature.data.bones[name] for name in body.joint_names]
    at_rest = np.array([rest @ np.array(bone.matrix_local) for bone in bones])
    poses = np.linalg.inv(world) @ moves @ at_rest  # (T, J, 4, 4)
    poses[..., :3, :3] /= np.linalg.norm(poses[..., :3, :3], axis=-2, keepdims=True)

    local = _local(bones, poses)
    # names from here on: an armature that was edited has other bones
    names = list(body.joint_names)
    held = [b.name for b in armature.data.bones if b not in bones and _is_above(b, bones)]
    far = np.abs(local[..., :3]).max(axis=(0, 2)) > _STILL
    placed = [name for name, goes in zip(names, far, strict=True) if goes]
    made.notes += release(context, armature, [*names, *held], placed)
    armature.data.pose_position = "POSE"
    made.notes += stash(armature)
    compat.new_action(armature, f"{armature.name} {Path(result.folder).resolve().name}")
    _write(armature, names, frames, local)
    for name in held:
        _hold(armature, name, frames[:1])
    made.notes += _set_shape(armature, keys, motion.betas)
    return made


def _check(
    armature: bpy.types.Object, body: BodyData, motion: Motion, rest: np.ndarray, folder: Path
) -> None:
    """Raise InputError where the body is not the armature's, or the motion not the body's."""
    missing = [name for name in body.joint_names if name not in armature.data.bones]
    if missing:
        raise InputError(
            f"{folder}: it moves the joint {missing[0]}, and {armature.name} has no such bone.",
            "Choose the armature that the body was saved from.",
        )
    if motion.pose_vectors.shape[1] != len(body.parents):
        raise InputError(
            f"{folder}: it moves {motion.pose_vectors.shape[1]} joints but its body has "
            f"{len(body.parents)}.",
            "Copy the whole folder again.",
        )
    heads = np.array([armature.data.bones[name].head_local for name in body.joint_names])
    joints = body.joints(body.v_template) @ TO_BLENDER.T
    size = np.ptp(body.v_template, axis=0).max()
    off = np.abs(joints - heads @ rest[:3, :3].T).max(1)
    if off.max() > 2e-3 * size:
        raise InputError(
            f"{folder}: its body does not lie as {armature.name} does (the joint "
            f"{body.joint_names[off.argmax()]} is {off.max():.3g} m away).",
            "Undo what was changed since the body was saved (bones, scale, rotation, Facing), or "
            "save the body and fit it again.",
        )


def _moves(body: BodyData, motion: Motion) -> np.ndarray:
    """(T, J, 4, 4) how each joint moves the rest mesh, Blender's axes, metres."""
    joints = body.joints(body.shaped(motion.betas)).astype(float)
    turns = axis_angle_to_matrix(motion.pose_vectors)
    moves = np.zeros((*turns.shape[:2], 4, 4))
    moves[..., 3, 3] = 1
    for j, parent in enumerate(body.parents):
        local = np.zeros((len(turns), 4, 4))
        local[:, :3, :3], local[:, 3, 3] = turns[:, j], 1
        local[:, :3, 3] = joints[j] - turns[:, j] @ joints[j]  # about the joint's place
        if parent < 0:
            local[:, :3, 3] += motion.trans
        moves[:, j] = local if parent < 0 else moves[:, parent] @ local
    axes = np.eye(4)
    axes[:3, :3] = TO_BLENDER
    return axes @ moves @ axes.T


def _is_above(bone: bpy.types.Bone, bones: Sequence[bpy.types.Bone]) -> bool:
    return any(bone in other.parent_recursive for other in bones)


def _local(bones: Sequence[bpy.types.Bone], poses: np.ndarray) -> np.ndarray:
    """(T, J, 7) location and quaternion of each bone for its `poses` (T, J, 4, 4).

    Blender itself converts them, since it knows all the ways in which a bone may inherit. An
    ancestor that is no joint stays at rest under the nearest that is one.
    """
    row = {bone: j for j, bone in enumerate(bones)}
    local = np.empty((*poses.shape[:2], 7))
    for j, bone in enumerate(bones):
        parent, above = bone.parent, next((b for b in bone.parent_recursive if b in row), None)
        for t in range(len(poses)):
            under = {}
            if parent is not None:
                posed = parent.matrix_local
                if above is not None:
                    posed = Matrix(poses[t, row[above]]) @ above.matrix_local.inverted() @ posed
                under = {"parent_matrix": posed, "parent_matrix_local": parent.matrix_local}
            basis = bone.convert_local_to_pose(
                Matrix(poses[t, j]), bone.matrix_local, invert=True, **under
            )
            local[t, j, :3] = basis.translation
            local[t, j, 3:] = basis.to_quaternion()
    local[..., 3:] = continuous(local[..., 3:])
    return local


def _write(
    armature: bpy.types.Object, names: Sequence[str], frames: np.ndarray, local: np.ndarray
) -> None:
    """Key the bones with their location and quaternion, `local` (T, J, 7)."""
    for j, name in enumerate(names):
        posed, path = armature.pose.bones[name], f'pose.bones["{name}"]'
        posed.rotation_mode = "QUATERNION"
        posed.scale = (1, 1, 1)
        write_curves(armature, f"{path}.rotation_quaternion", frames, local[:, j, 3:], name)
        place = local[:, j, :3]
        if np.abs(place).max() > _STILL:
            write_curves(armature, f"{path}.location", frames, place, name)
        else:
            posed.location = (0, 0, 0)


def _hold(armature: bpy.types.Object, name: str, frames: np.ndarray) -> None:
    """Key a bone that is no joint at rest."""
    path, mode = f'pose.bones["{name}"]', armature.pose.bones[name].rotation_mode
    turn = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
    turned = {"QUATERNION": (1, 0, 0, 0), "AXIS_ANGLE": (0, 0, 1, 0)}
    values = {
        "location": (0, 0, 0),
        turn.get(mode, "rotation_euler"): turned.get(mode, (0, 0, 0)),
        "scale": (1, 1, 1),
    }
    for channel, value in values.items():
        write_curves(armature, f"{path}.{channel}", frames, np.array([value], float), name)


def _set_shape(armature: bpy.types.Object, keys: Sequence[str], betas: np.ndarray) -> list[str]:
    """Give the shape keys the values `betas` (b,), and 0 those beyond."""
    values = dict.fromkeys(keys, 0.0) | dict(zip(keys, betas.tolist(), strict=False))
    for thing in meshes_of(armature):
        shapes = thing.data.shape_keys
        for curve in compat.fcurves(shapes) if shapes else ():
            named = any(curve.data_path == f'key_blocks["{name}"].value' for name in values)
            curve.mute = curve.mute or named
        for block in shapes.key_blocks if shapes else ():
            if block.name in values:
                value = values[block.name]
                block.slider_min = max(min(block.slider_min, value), -WIDEST)
                block.slider_max = min(max(block.slider_max, value), WIDEST)
                block.value = value
    notes = [f"{len(values)} shape keys have the fitted shape."] if values else []
    beyond = [name for name, value in values.items() if abs(value) > WIDEST]
    if beyond:
        notes.append(f"{', '.join(beyond)}: Blender's sliders end at {WIDEST:g}.")
    return notes
