"""Characters as FBX for other programs, staged on copies in a scene of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from ...engine.formats.skeleton import MIXAMO_NAMES, UNREAL_NAMES
from .. import compat
from .mesh import SHAPE_PREFIX
from .whole_file import whole_file


@dataclass(frozen=True)
class Preset:
    """What a program wants of an FBX file."""

    bones: Mapping[str, str] = field(default_factory=dict)  # our bone -> theirs; others keep ours
    armature: str = ""  # name of the armature's node; empty: its own
    first_frame: int | None = None  # where the animation starts; None: where it is
    scale: str = "FBX_SCALE_NONE"  # the exporter's apply_scale_options


PRESETS: dict[str, Preset] = {
    "generic": Preset(),
    # Unreal makes the armature's node the root bone, and its mannequin calls that "root"
    "unreal": Preset(UNREAL_NAMES, "root", 0, "FBX_SCALE_ALL"),
    # Unity maps Mixamo's names onto its humanoid by itself
    "unity": Preset(MIXAMO_NAMES, "", None, "FBX_SCALE_ALL"),
}


def export_fbx(
    context: bpy.types.Context,
    armatures: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    preset: str = "generic",
) -> None:
    """Write `armatures`, their skinned meshes and their animation in the scene's frame range.

    The fitted shape (shape keys shape_…) is baked in; expressions and correctives stay shape keys
    with their animation, textures lie in the file. Nothing of the open file changes. Raises
    InputError when there is nothing to write or the place cannot be written; then no file is left
    behind.
    """
    armatures = [thing for thing in armatures if thing.type == "ARMATURE"]
    if not armatures:
        raise InputError("No armature to export.", "Select an imported character.")
    if context.mode != "OBJECT":
        raise InputError("FBX export needs object mode.", "Leave the edit or pose mode first.")
    _need_exporter()
    with whole_file(path) as place, _staged(context, armatures, PRESETS[preset]) as scene:
        _write(context, scene, place, PRESETS[preset])


def skinned_meshes(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes that `armature` moves."""
    return [
        thing
        for thing in bpy.data.objects
        if thing.type == "MESH"
        and any(m.type == "ARMATURE" and m.object == armature for m in thing.modifiers)
    ]


def _need_exporter() -> None:
    if hasattr(bpy.types, "EXPORT_SCENE_OT_fbx"):
        return
    import addon_utils

    addon_utils.enable("io_scene_fbx")
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_fbx"):
        raise InputError(
            "Blender's FBX exporter is switched off.", "Enable the add-on 'FBX format'."
        )


def _write(context: bpy.types.Context, scene: bpy.types.Scene, path: Path, preset: Preset) -> None:
    with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        bpy.ops.export_scene.fbx(
            filepath=str(path),
            object_types={"ARMATURE", "MESH"},
            apply_scale_options=preset.scale,
            use_mesh_modifiers=False,  # they would drop the shape keys
            mesh_smooth_type="FACE",
            path_mode="COPY",
            embed_textures=True,
            add_leaf_bones=False,
            bake_anim=True,
            bake_anim_use_all_bones=True,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_force_startend_keying=True,
            bake_anim_simplify_factor=0.0,
        )


@contextmanager
def _staged(
    context: bpy.types.Context, armatures: Sequence[bpy.types.Object], preset: Preset
) -> Iterator[bpy.types.Scene]:
    """A scene with copies of the characters, baked and renamed; gone when the block ends."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in _KINDS}
    source = context.scene
    lent: list[tuple[bpy.types.Object, str]] = []
    try:
        scene = bpy.data.scenes.new("FBX export")
        render, given = scene.render, source.render
        render.fps, render.fps_base = given.fps, given.fps_base
        scene.unit_settings.scale_length = source.unit_settings.scale_length
        first = source.frame_start if preset.first_frame is None else preset.first_frame
        shift = first - source.frame_start
        scene.frame_start, scene.frame_end = first, source.frame_end + shift
        for armature in armatures:
            _copy_character(scene, armature, preset, shift, lent)
        yield scene
    finally:
        for kind in _KINDS:
            things = getattr(bpy.data, kind)
            for thing in set(things) - before[kind]:
                things.remove(thing)
        for thing, name in reversed(lent):
            thing.name = name


# everything that staging makes, users first
_KINDS = ("scenes", "objects", "meshes", "armatures", "actions")


def _copy_character(
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    preset: Preset,
    shift: int,
    lent: list[tuple[bpy.types.Object, str]],
) -> None:
    copy = armature.copy()
    copy.data = armature.data.copy()
    copy.data.pose_position = "POSE"
    scene.collection.objects.link(copy)
    _copy_action(armature, copy, shift)
    for mesh in skinned_meshes(armature):
        twin = mesh.copy()
        twin.data = mesh.data.copy()
        twin.parent = copy
        twin.hide_viewport = False  # else Blender would not pose it
        for modifier in twin.modifiers:
            if modifier.type == "ARMATURE":
                modifier.object = copy
        scene.collection.objects.link(twin)
        if mesh.data.shape_keys:
            _copy_action(mesh.data.shape_keys, twin.data.shape_keys, shift)
            bake_shape(twin)
        _lend_name(scene, twin, mesh.name, lent)
    for bone in copy.data.bones:  # renames groups and animation paths of the copies with it
        bone.name = preset.bones.get(bone.name, bone.name)
    _lend_name(scene, copy, preset.armature or armature.name, lent)


def _lend_name(
    scene: bpy.types.Scene,
    copy: bpy.types.Object,
    name: str,
    lent: list[tuple[bpy.types.Object, str]],
) -> None:
    """Give `copy` the name that the file shall show; `lent` tells whom to give it back."""
    owner = bpy.data.objects.get(name)
    if owner is not None and scene.objects.get(name) is None:
        lent.append((owner, name))
        owner.name = f"{name} (exporting)"
    copy.name = name


def _copy_action(source: bpy.types.ID, copy: bpy.types.ID, shift: int) -> None:
    """Give `copy` an action of its own, moved by `shift` frames."""
    if source.animation_data is None or source.animation_data.action is None:
        return
    compat.share_action(source, copy, source.animation_data.action.copy())
    if not shift:
        return
    for curve in compat.fcurves(copy):
        points = np.empty(len(curve.keyframe_points) * 2, np.float32)
        curve.keyframe_points.foreach_get("co", points)
        points[0::2] += shift
        curve.keyframe_points.foreach_set("co", points)
        curve.update()


def bake_shape(thing: bpy.types.Object) -> None:
    """Move the fitted shape of `thing` from its shape keys into the basis, under all other keys."""
    blocks = thing.data.shape_keys.key_blocks
    basis = _read(blocks[0])
    shape = [block for block in blocks[1:] if block.name.startswith(SHAPE_PREFIX)]
    offset = np.zeros_like(basis)
    for block in shape:
        if not block.mute:
            offset += block.value * (_read(block) - basis)
    for block in blocks:
        if block not in shape:
            block.points.foreach_set("co", (_read(block) + offset).ravel())
    for block in shape:
        thing.shape_key_remove(block)
    thing.data.vertices.foreach_set("co", (basis + offset).ravel())
    thing.data.update()


def _read(block: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", points)
    return points.reshape(-1, 3)
