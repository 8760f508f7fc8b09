"""Armature objects."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from .rest_pose import RestBone


def build_armature(
    context: bpy.types.Context,
    name: str,
    bones: Sequence[RestBone],
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """An armature of `bones` in `collection`, posed by quaternions, active and in object mode."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    collection.objects.link(armature)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for bone in bones:
            edit = data.edit_bones.new(bone.name)
            edit.head, edit.tail = bone.head, bone.tail
            edit.align_roll(bone.z_axis)
            if bone.parent >= 0:
                edit.parent = data.edit_bones[bones[bone.parent].name]
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    data.display_type = "STICK"
    armature.show_in_front = True
    for pose_bone in armature.pose.bones:
        pose_bone.rotation_mode = "QUATERNION"
    return armature


def rest_axes(armature: bpy.types.Object, names: Sequence[str]) -> np.ndarray:
    """(J, 3, 3) the rest axes of the bones, as columns in armature space."""
    bones = armature.data.bones
    return np.array([bones[name].matrix_local.to_3x3() for name in names])
