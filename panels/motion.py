"""Motion of the active character: on other rigs, feet, smoothing, BVH, poses."""

import bpy

from ..operators.rig_body import rig_of
from .base import LayfigurePanel, draw_switched, draw_text


class LAYFIGURE_UL_bone_map(bpy.types.UIList):
    """One of our bones and the rig's that is it."""

    def draw_item(
        self, _context, layout, data, item, _icon, _active_data, _active_name, _index=0, _flag=0
    ) -> None:
        """Ours on the left, theirs on the right."""
        row = layout.split(factor=0.34)
        row.label(text=item.name)
        lost = bool(item.bone) and item.bone not in data.id_data.data.bones
        row.prop(item, "bone", text="", emboss=False, icon="ERROR" if lost else "BONE_DATA")


class LAYFIGURE_PT_motion(LayfigurePanel, bpy.types.Panel):
    """Of the active character; works without an engine."""

    bl_idname = "LAYFIGURE_PT_motion"
    bl_label = "Motion"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the parts, folded but for the first."""
        layout, settings, armature = self.layout, context.scene.layfigure, rig_of(context)
        if armature is None:
            draw_text(layout, context, "Select the character whose motion is wanted.", "INFO")
            layout.operator("layfigure.motion_import_bvh", text="Import BVH…", icon="IMPORT")
            return
        layout.label(text=armature.name, icon="OUTLINER_OB_ARMATURE")
        row = layout.row(heading="Frame Range")
        row.prop(settings, "motion_part", text="" if settings.motion_part else "Only a part")
        if settings.motion_part:
            row.prop(settings, "motion_first", text="")
            row.prop(settings, "motion_last", text="")
        _draw_retarget(layout, settings)
        _draw_feet(layout, settings)
        _draw_smooth(layout, settings)
        _draw_bvh(layout, settings)
        _draw_poses(layout, settings)


def _part(
    layout: bpy.types.UILayout, name: str, label: str, closed: bool = True
) -> bpy.types.UILayout | None:
    """A part that can be folded; None while it is."""
    header, body = layout.panel(f"layfigure_motion_{name}", default_closed=closed)
    header.label(text=label)
    if body is not None:
        body.use_property_split = True
        body.use_property_decorate = False
    return body


def _draw_retarget(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    body = _part(layout, "retarget", "Retarget", closed=False)
    if body is None:
        return
    body.prop(settings, "motion_target")
    body.prop(settings, "motion_root")
    draw_switched(body, settings, "Start Frame", "motion_start_known", "motion_start", "Change")
    body.prop(settings, "motion_lock")
    target = settings.motion_target
    if target is not None:
        _draw_map(body, target.layfigure_bone_map)
    row = body.row()
    row.scale_y = 1.4
    row.operator("layfigure.motion_retarget", icon="ARMATURE_DATA")


def _draw_map(layout: bpy.types.UILayout, saved: bpy.types.PropertyGroup) -> None:
    body = _part(layout, "map", f"Bone Map: {saved.label or 'guessed by names'}")
    if body is None:
        return
    row = body.row(align=True)
    row.operator("layfigure.motion_guess", text="Guess", icon="VIEWZOOM")
    row.operator_menu_enum("layfigure.motion_load_map", "preset", text="Preset", icon="PRESET")
    row.operator("layfigure.motion_save_map", text="", icon="ADD")
    if saved.bones:
        body.template_list("LAYFIGURE_UL_bone_map", "", saved, "bones", saved, "active", rows=8)


def _draw_feet(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    body = _part(layout, "feet", "Foot Lock")
    if body is not None:
        for name in ("foot_height", "foot_speed", "foot_blend"):
            body.prop(settings, name)
        body.operator("layfigure.foot_lock", icon="LOCKED")


def _draw_smooth(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    body = _part(layout, "smooth", "Smooth")
    if body is not None:
        body.prop(settings, "smooth_strength")
        body.prop(settings, "smooth_feet")
        body.operator("layfigure.smooth_motion", icon="SMOOTHCURVE")


def _draw_bvh(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    body = _part(layout, "bvh", "BVH")
    if body is not None:
        body.prop(settings, "bvh_onto")
        body.prop(settings, "bvh_scale")
        row = body.row(align=True)
        row.operator("layfigure.motion_import_bvh", text="Import…", icon="IMPORT")
        row.operator("layfigure.motion_export_bvh", text="Export…", icon="EXPORT")


def _draw_poses(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    body = _part(layout, "poses", "Pose Library")
    if body is not None:
        body.prop(settings, "pose_frames")
        if settings.pose_frames == "DIFFERENT":
            body.prop(settings, "pose_count")
        body.operator("layfigure.pose_assets", icon="ASSET_MANAGER")
