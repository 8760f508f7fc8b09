"""Export of characters to game engines."""

import bpy

from .base import LayfigurePanel


class LAYFIGURE_PT_export(LayfigurePanel, bpy.types.Panel):
    """FBX for other programs; works without an engine."""

    bl_idname = "LAYFIGURE_PT_export"
    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw preset and button."""
        layout, settings = self.layout, context.scene.layfigure
        layout.row().prop(settings, "preset", expand=True)
        button = layout.operator("layfigure.export_fbx", text="Export FBX…", icon="EXPORT")
        button.preset = settings.preset
