"""Characters as USD (skeleton and blend shapes) and Alembic (vertices), where Blender has them."""

from __future__ import annotations

import os
from collections.abc import Sequence

import bpy

from .. import compat
from .export_stage import ExportOptions, add_things, staged
from .export_vertices import add_moving
from .whole_file import whole_file


def write_usd(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write armatures with their skinned meshes, and loose meshes, as one .usdz with its textures.

    As `write_fbx`: z up and metres, which the file says.
    """
    with staged(context, things, options) as stage, whole_file(path) as place:
        add_things(stage)
        with stage.on_stage():
            compat.call(
                bpy.ops.wm.usd_export,
                filepath=str(place),
                export_animation=True,
                export_armatures=True,
                export_shapekeys=True,
                only_deform_bones=False,
                export_hair=False,
                export_lights=False,
                export_cameras=False,
                convert_world_material=False,
                export_custom_properties=False,
                root_prim_path="/root",
            )
    return stage.notes


def write_alembic(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write what is seen of the characters and meshes, vertices of every frame; y up, metres."""
    with staged(context, things, options) as stage, whole_file(path) as place:
        add_moving(stage)
        with stage.on_stage():
            compat.call(
                bpy.ops.wm.alembic_export,
                filepath=str(place),
                start=stage.scene.frame_start,
                end=stage.scene.frame_end,
                uvs=True,
                normals=True,
                vcolors=True,
                face_sets=True,
                export_hair=False,
                export_particles=False,
                export_custom_properties=False,
                evaluation_mode="VIEWPORT",
                as_background_job=False,
            )
    return stage.notes
