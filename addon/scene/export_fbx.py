"""Characters as FBX for other programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...engine.formats.errors import InputError
from ...engine.formats.skeleton import MIXAMO_NAMES, UNREAL_NAMES
from .export_root import BONE_LENGTH, ROOT, edit_bones
from .export_stage import (
    ExportOptions,
    Stage,
    add_character,
    add_loose_mesh,
    skinned_meshes,
    staged,
)
from .whole_file import whole_file

__all__ = ["PRESETS", "Preset", "export_fbx", "skinned_meshes", "write_fbx"]


@dataclass(frozen=True)
class Preset:
    """What a program wants of an FBX file."""

    bones: Mapping[str, str] = field(default_factory=dict)  # our bone -> theirs; others keep ours
    armature: str = ""  # name of the armature's node; empty: its own
    first_frame: int | None = None  # where the animation starts; None: where it is
    scale: str = "FBX_SCALE_NONE"  # the exporter's apply_scale_options
    needs_armature: bool = False  # also for a mesh that moves by shape keys alone


PRESETS: dict[str, Preset] = {
    "generic": Preset(),
    # Unreal makes the armature's node the root bone, and its mannequin calls that "root"
    "unreal": Preset(UNREAL_NAMES, ROOT, 0, "FBX_SCALE_ALL"),
    # Unity maps Mixamo's names onto its humanoid by itself
    "unity": Preset(MIXAMO_NAMES, "", None, "FBX_SCALE_ALL", True),
}


def export_fbx(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    preset: str = "generic",
) -> list[str]:
    """`write_fbx` with nothing but a preset chosen."""
    return write_fbx(context, things, path, ExportOptions(preset=preset))


def write_fbx(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write armatures with their skinned meshes, loose meshes, and their animation.

    The fitted shape (shape keys shape_…) is baked in; expressions and correctives stay shape keys
    with their animation, textures lie in the file. Nothing of the open file changes. Returns
    sentences about what was left out. Raises InputError when there is nothing to write or the place
    cannot be written; then no file is left behind.
    """
    need_addon("io_scene_fbx", "EXPORT_SCENE_OT_fbx", "FBX format")
    preset = PRESETS[options.preset]
    # Unreal leaves out an armature of that name, so that the bone is its root
    name = "Armature" if preset.armature and options.root_motion == "root" else preset.armature
    with staged(context, things, options, preset.first_frame) as stage, whole_file(path) as place:
        for thing in stage.things:
            if thing.type == "ARMATURE":
                add_character(stage, thing, preset.bones, name)
            else:
                _add_mesh(stage, thing, preset)
        _write(stage, place, preset)
    return stage.notes


def need_addon(module: str, operator: str, name: str) -> None:
    """Switch on one of Blender's own add-ons. Raises InputError where it cannot be."""
    if hasattr(bpy.types, operator):
        return
    import addon_utils

    addon_utils.enable(module)
    if not hasattr(bpy.types, operator):
        raise InputError(
            f"Blender's exporter for {name} is switched off.", f"Enable the add-on '{name}'."
        )


def _add_mesh(stage: Stage, mesh: bpy.types.Object, preset: Preset) -> None:
    twin = add_loose_mesh(stage, mesh)
    if not preset.needs_armature:
        return
    data = bpy.data.armatures.new(mesh.name)
    armature = bpy.data.objects.new(f"{mesh.name} armature", data)
    stage.scene.collection.objects.link(armature)
    with edit_bones(stage.context, stage.scene, armature) as bones:
        bones.new(ROOT).tail = (0, BONE_LENGTH, 0)
    twin.parent = armature
    twin.vertex_groups.new(name=ROOT).add(range(len(twin.data.vertices)), 1.0, "REPLACE")
    twin.modifiers.new("Armature", "ARMATURE").object = armature


def _write(stage: Stage, path: Path, preset: Preset) -> None:
    with stage.on_stage():
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
