"""Any rigged mesh as a body: its keypoints, Save as Body, and a fit applied to it."""

import bpy

from ..addon.rig_options import options_of
from ..addon.scene.rig_body import GROUP, shape_keys
from ..addon.scene.rig_mesh import meshes_of
from ..operators.rig_body import rig_of
from .base import LayfigurePanel, columns, draw_text, shorten


class LAYFIGURE_UL_rig_points(bpy.types.UIList):
    """A keypoint and what it is on."""

    def draw_item(
        self, _context, layout, _data, item, _icon, _active_data, _active_name, _index=0, _flag=0
    ) -> None:
        """Name on the left, place on the right."""
        row = layout.split(factor=0.45)
        row.label(text=item.name or "no name")
        place = item.group if item.end == GROUP else item.bone
        icon = "GROUP_VERTEX" if item.end == GROUP else "BONE_DATA"
        row.label(text=place or "nowhere", icon=icon if place else "ERROR")


class LAYFIGURE_PT_rig_body(LayfigurePanel, bpy.types.Panel):
    """Of the active armature."""

    bl_idname = "LAYFIGURE_PT_rig_body"
    bl_label = "Rigged Body"
    bl_parent_id = "LAYFIGURE_PT_animals"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what is known of the rig, the list of keypoints, the buttons."""
        layout, armature = self.layout, rig_of(context)
        if armature is None:
            draw_text(
                layout, context, "Select an armature that moves a mesh: it can be fitted.", "INFO"
            )
            return
        meshes, rig = meshes_of(armature), armature.layfigure_rig
        layout.label(text=armature.name, icon="OUTLINER_OB_ARMATURE")
        names = ", ".join(thing.name for thing in meshes)
        if not meshes:
            draw_text(layout, context, "It moves no mesh.", "ERROR")
            return
        layout.label(text=shorten(names, columns(context)), icon="OUTLINER_OB_MESH")
        row = layout.row(heading="Facing")
        row.prop(rig, "facing", expand=True)
        _draw_points(layout, rig)
        _draw_shape(layout, context, armature)
        column = layout.column()
        column.scale_y = 1.4
        column.operator("layfigure.rig_save", text="Save as Body…", icon="FILE_TICK")
        column.operator("layfigure.rig_apply", text="Apply Fit to This Armature…", icon="IMPORT")


def _draw_points(layout: bpy.types.UILayout, rig: bpy.types.PropertyGroup) -> None:
    layout.row(heading="Names").prop(rig, "vocabulary", expand=True)
    layout.operator("layfigure.rig_guess", text="Guess Keypoints", icon="VIEWZOOM")
    row = layout.row()
    row.template_list("LAYFIGURE_UL_rig_points", "", rig, "points", rig, "active_point", rows=5)
    buttons = row.column(align=True)
    buttons.operator("layfigure.rig_point", text="", icon="ADD")
    buttons.operator("layfigure.rig_point", text="", icon="REMOVE").remove = True
    if not 0 <= rig.active_point < len(rig.points):
        return
    point = rig.points[rig.active_point]
    column = layout.column()
    column.prop(point, "name")
    column.row().prop(point, "end", expand=True)
    if point.end == GROUP:
        column.prop(point, "group")
        column.operator("layfigure.rig_vertices", icon="GROUP_VERTEX")
    else:
        column.prop(point, "bone")


def _draw_shape(
    layout: bpy.types.UILayout, context: bpy.types.Context, armature: bpy.types.Object
) -> None:
    """The shape keys that a fit may change."""
    if not any(thing.data.shape_keys for thing in meshes_of(armature)):
        return
    keys = shape_keys(armature, options_of(armature))
    text = f"Shape: {', '.join(keys)}" if keys else "No shape key is left: its shape is fixed."
    draw_text(layout, context, _beginning(text, 90), "SHAPEKEY_DATA")
    layout.prop(armature.layfigure_rig, "without_keys")


def _beginning(text: str, width: int) -> str:
    """The beginning of a long list."""
    return text if len(text) <= width else text[: text.rindex(",", 0, width)] + ", …"
