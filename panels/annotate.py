"""Annotate an animal: keypoints and silhouettes of a few frames of its film."""

import bpy

from ..addon.properties import LayfigureSettings
from ..addon.scene import annotate
from ..addon.scene.annotate_file import annotated_frames
from ..addon.scene.annotate_mask import silhouette_frames
from ..addon.scene.origin import origin
from .base import CATEGORY, LayfigurePanel, draw_labelled, draw_text


class _Annotate:
    """What the panel shows in either editor."""

    bl_label = "Annotate"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the start, or what is annotated."""
        layout, settings = self.layout, context.scene.layfigure
        clip = annotate.clip_in(context)
        if annotate.animal_of(clip) is None:
            _draw_start(layout, settings, clip)
            return
        in_editor = annotate.in_clip_editor(context)
        _draw_frame(layout, context, clip)
        if in_editor:
            _draw_tools(layout, context)
        layout.operator("layfigure.annotate_export", text="Export Annotations...", icon="EXPORT")
        if not in_editor:
            draw_text(layout, context, "Keypoints are set in the Clip Editor.", "INFO")
            header, body = layout.panel("layfigure_annotate_another", default_closed=True)
            header.label(text="Another Film")
            if body is not None:
                _draw_start(body, settings, None)


def _draw_start(
    layout: bpy.types.UILayout, settings: LayfigureSettings, clip: bpy.types.MovieClip | None
) -> None:
    column = layout.column(align=True)
    fields = ["annotate_animal", "annotate_list"]
    if clip is None:
        fields.insert(0, "annotate_film")
    if settings.annotate_list == "body":
        fields.append("annotate_body")
    draw_labelled(column, settings, *fields)
    row = layout.row()
    row.scale_y = 1.4
    start = row.operator("layfigure.annotate_start", icon="TRACKER")
    start.film = "" if clip is not None else settings.annotate_film
    start.animal, start.points = settings.annotate_animal, settings.annotate_list
    start.body = settings.annotate_body
    layout.operator("layfigure.annotate_import", text="Import Annotations...", icon="IMPORT")


def _draw_frame(
    layout: bpy.types.UILayout, context: bpy.types.Context, clip: bpy.types.MovieClip
) -> None:
    """Which animal, and what of this frame is set."""
    frames, frame = annotated_frames(clip), annotate.film_frame(clip, context.scene.frame_current)
    count = f"{len(frames)} frame{'' if len(frames) == 1 else 's'} annotated"
    layout.label(text=f"{annotate.require_animal(clip).name}: {count}", icon="TRACKER")
    row = layout.row(align=True)
    row.operator("layfigure.annotate_jump", text="", icon="PREV_KEYFRAME").step = -1
    first = clip.frame_offset
    inside = first <= frame < first + clip.frame_duration
    left = annotate.unset_at(clip, frame) if inside else []
    total = len(annotate.names_of(clip))
    told = f"Frame {frame}: {total - len(left)} of {total}" if inside else "Outside the film"
    row.label(text=told, icon="MOD_MASK" if frame in silhouette_frames(clip) else "NONE")
    row.operator("layfigure.annotate_jump", text="", icon="NEXT_KEYFRAME").step = 1


def _draw_tools(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    layout.row().prop(context.space_data, "mode", expand=True)
    column = layout.column(align=True)
    column.scale_y = 1.2
    column.operator("layfigure.annotate_point", icon="CURSOR")
    column.operator("layfigure.annotate_copy", icon="PASTEDOWN")
    column.operator("layfigure.annotate_hide", icon="HIDE_ON")
    layout.operator("layfigure.annotate_silhouette", icon="MOD_MASK")


class LAYFIGURE_PT_annotate(_Annotate, LayfigurePanel, bpy.types.Panel):
    """Beside the scene."""

    bl_idname = "LAYFIGURE_PT_annotate"
    bl_parent_id = "LAYFIGURE_PT_animals"
    bl_options = {"DEFAULT_CLOSED"}


class LAYFIGURE_PT_annotate_clip(_Annotate, bpy.types.Panel):
    """Beside the film."""

    bl_idname = "LAYFIGURE_PT_annotate_clip"
    bl_label = "Annotate Animal"
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not beside the keypoints of a fit."""
        clip = context.space_data.clip if annotate.in_clip_editor(context) else None
        return clip is not None and origin(clip) is None
