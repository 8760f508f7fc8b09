"""Correct a fit by hand: the keypoints over the footage, and the fit again."""

from pathlib import Path

import bpy

from ..addon.scene.origin import clip_of, origin_in
from .base import CATEGORY, LayfigurePanel, columns, draw_text, shorten
from .job import draw_run


class _Correct:
    """What the panel shows in either editor."""

    bl_label = "Correct"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the two buttons, and the refit while it runs."""
        layout, settings = self.layout, context.scene.layfigure
        found = origin_in(context)
        if found is None:
            draw_text(layout, context, "Select a character that came from a fit.", "INFO")
            return
        name = shorten(Path(found.folder).name, columns(context))
        layout.label(text=name, icon="OUTLINER_OB_ARMATURE")
        clip = clip_of(found.folder)
        row = layout.row(align=True)
        row.prop(settings, "edit_hands", toggle=True)
        row.prop(settings, "edit_face", toggle=True)
        _draw_edit(layout, settings, clip)
        if clip is not None and len(clip.tracking.objects) > 2:  # the camera and two people
            tracking = clip.tracking
            layout.template_list(
                *("CLIP_UL_tracking_objects", "layfigure", tracking, "objects"),
                *(tracking, "active_object_index"),
                rows=2,
            )
        if clip is None:
            draw_text(layout, context, "Edit Keypoints first; then Refit uses the changes.", "INFO")
        draw_run(layout, context, "refit", "layfigure.refit", "Refit", "FILE_REFRESH")


def _draw_edit(layout: bpy.types.UILayout, settings, clip: bpy.types.MovieClip | None) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.4
    for start_over in (False, True) if clip is not None else (False,):
        icon, text = ("LOOP_BACK", "") if start_over else ("TRACKER", "Edit Keypoints")
        button = row.operator("layfigure.keypoints_to_tracks", text=text, icon=icon)
        button.hands, button.face = settings.edit_hands, settings.edit_face
        button.start_over = start_over


class LAYFIGURE_PT_correct(_Correct, LayfigurePanel, bpy.types.Panel):
    """Beside the character."""

    bl_idname = "LAYFIGURE_PT_correct"
    bl_parent_id = "LAYFIGURE_PT_fit_body"
    bl_options = {"DEFAULT_CLOSED"}


class LAYFIGURE_PT_correct_clip(_Correct, bpy.types.Panel):
    """Beside the tracks."""

    bl_idname = "LAYFIGURE_PT_correct_clip"
    bl_space_type = "CLIP_EDITOR"
    bl_region_type = "UI"
    bl_category = CATEGORY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only beside keypoints of ours."""
        return origin_in(context) is not None
