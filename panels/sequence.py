"""What moves the active object from a file, and the files that the scene needs."""

import os

import bpy

from ..addon.scene.bake_cache import cache_of
from ..addon.scene.clip_time import CLIP_FRAME, has_clip_frame
from ..addon.scene.external import absolute
from ..operators.pack import LAYFIGURE_OT_pack
from .base import LayfigurePanel, columns, draw_text, shorten


class LAYFIGURE_PT_sequence(LayfigurePanel, bpy.types.Panel):
    """Clothes and points that play from disk: their time, shape keys, files to take along."""

    bl_idname = "LAYFIGURE_PT_sequence"
    bl_label = "Sequence"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what plays, then what can be done with the files."""
        thing = context.view_layer.objects.active
        layout = self.layout
        _draw_played(layout, context, thing)
        packing = LAYFIGURE_OT_pack.running
        column = layout.column(align=True)
        if packing is not None:
            row = column.row(align=True)
            row.progress(factor=packing.part, type="BAR", text=f"Copying, {packing.part:.0%}")
            row.operator("layfigure.pack_cancel", text="", icon="X")
        elif bpy.data.filepath:
            column.operator("layfigure.pack", icon="PACKAGE")
        else:
            draw_text(layout, context, "Save the file to pack what it needs beside it.", "INFO")
            layout.operator("wm.save_mainfile", text="Save", icon="FILE_TICK")
            column = layout.column(align=True)
        column.operator("layfigure.find_files", icon="VIEWZOOM")


def _draw_played(
    layout: bpy.types.UILayout, context: bpy.types.Context, thing: bpy.types.Object | None
) -> None:
    cache = cache_of(thing)
    armature = thing.parent if cache is not None else thing
    if cache is None and not has_clip_frame(armature):
        draw_text(layout, context, "Select an object that plays a point cache.", "INFO")
        return
    if cache is not None:
        path = str(absolute(cache.filepath))
        there = os.path.isfile(path)
        name = shorten(path, columns(context))
        layout.label(text=name, icon="FILE_CACHE" if there else "ERROR")
        if not there:
            draw_text(layout, context, "The file is not there: press Find Missing Files.")
    if has_clip_frame(armature):
        last = armature.id_properties_ui(CLIP_FRAME).as_dict()["max"]
        row = layout.row(align=True)
        row.active = False  # it is keyed
        row.prop(armature, f'["{CLIP_FRAME}"]', text=f"Frame of 0 to {last:.0f}")
    if cache is not None and thing.data.polygons:
        layout.operator("layfigure.bake_keys", text="Bake to Shape Keys…", icon="SHAPEKEY_DATA")
