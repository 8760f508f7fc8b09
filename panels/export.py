"""Export of characters to other programs."""

import bpy

from ..addon.scene.export import FORMATS, lacking
from ..operators.export import characters, draw_choices
from .base import LayfigurePanel, draw_text


class LAYFIGURE_PT_export(LayfigurePanel, bpy.types.Panel):
    """Characters for other programs; works without an engine."""

    bl_idname = "LAYFIGURE_PT_export"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the format, what it can be told, and the button."""
        layout, settings = self.layout, context.scene.layfigure
        kind = settings.export_format.lower()
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "export_format")
        draw_choices(column, settings, kind)
        reason = lacking(kind)
        if reason:
            draw_text(layout, context, reason, "ERROR")
        elif not characters(context):
            draw_text(layout, context, "Select a character: its armature or its mesh.", "INFO")
        row = layout.row()
        row.enabled = not reason
        label = f"Export {FORMATS[kind].label}…"
        button = row.operator("layfigure.export", text=label, icon="EXPORT")
        button.format = settings.export_format
        for name in ("preset", "shape_keys", "components", "root_motion"):
            setattr(button, name, getattr(settings, name))
