"""Characters as glTF, one binary file, for Godot, the web and viewers."""

from __future__ import annotations

import os
from collections.abc import Sequence

import bpy

from .. import compat
from .export_fbx import need_addon
from .export_stage import ExportOptions, add_things, staged
from .whole_file import whole_file


def write_gltf(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write armatures with their skinned meshes, loose meshes, and one animation of all of them.

    As `write_fbx`: y up, metres, sampled at every frame, four weights a vertex as every reader
    knows them, textures in the file.
    """
    need_addon("io_scene_gltf2", "EXPORT_SCENE_OT_gltf", "glTF 2.0 format")
    with staged(context, things, options) as stage, whole_file(path) as place:
        add_things(stage)
        with stage.on_stage():
            compat.call(
                bpy.ops.export_scene.gltf,
                filepath=str(place),
                export_format="GLB",
                use_active_scene=True,
                export_animation_mode="SCENE",  # skeleton and keys in one animation
                export_anim_scene_split_object=False,
                export_nla_strips=False,
                export_frame_range=True,
                export_force_sampling=True,
                export_anim_slide_to_zero=True,
                export_def_bones=False,
                export_image_format="AUTO",
                export_lights=False,
                export_cameras=False,
            )
    return stage.notes
