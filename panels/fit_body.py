"""Fit a body: source, options, Run, what runs of it; why when it failed."""

import bpy

from ..addon.properties import LayfigureSettings
from ..addon.requests import output_base, output_name, source_of
from .base import LayfigurePanel, columns, draw_labelled, draw_switched, draw_text, shorten
from .job import draw_run

_MISSING = {
    "VIDEO": "Choose a film of one or more people.",
    "IMAGES": "Choose a folder of pictures.",
    "KEYPOINTS": "Choose a folder of OpenPose files.",
}
_FIELDS = {
    "Hands & Face": ("hands", "face"),
    "Motion": ("smooth", "collisions"),
    "Pose Prior": ("prior", "config"),
    "Outputs": ("texture", "pc2", "legacy_output"),
}


class LAYFIGURE_PT_fit_body(LayfigurePanel, bpy.types.Panel):
    """From footage to a moving character."""

    bl_idname = "LAYFIGURE_PT_fit_body"
    bl_label = "Person"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw fields, button, then the job."""
        layout, settings = self.layout, context.scene.layfigure
        _draw_source(layout, context, settings)
        _draw_options(layout, settings)
        if not source_of(settings):
            draw_text(layout, context, _MISSING[settings.source_kind], "INFO")
        draw_run(layout, context, "fit", "layfigure.fit_body", "Run")


def _draw_source(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: LayfigureSettings
) -> None:
    layout.row().prop(settings, "source_kind", expand=True)
    field = {"VIDEO": "video", "IMAGES": "images", "KEYPOINTS": "keypoints"}
    layout.prop(settings, field[settings.source_kind], text="")
    column = layout.column(align=True)
    if settings.source_kind == "KEYPOINTS":
        draw_labelled(column, settings, "camera")
    draw_labelled(column, settings, "output")
    source = source_of(settings)
    if source:
        target = output_base(settings) / output_name(source)
        row = layout.row()
        row.active = False
        row.label(text=shorten(str(target), columns(context)), icon="FILE_FOLDER")


def _draw_options(layout: bpy.types.UILayout, settings: LayfigureSettings) -> None:
    header, body = layout.panel("layfigure_fit_options", default_closed=True)
    header.label(text="Options")
    if body is None:
        return
    body.use_property_split = True
    body.use_property_decorate = False
    body.prop(settings, "body")
    body.prop(settings, "import_when_done")
    people = _folded(body, "People")
    if people is not None:
        draw_switched(people, settings, "People", "people_known", "people", "Limit")
        if settings.source_kind != "VIDEO":
            people.prop(settings, "independent")
    camera = _folded(body, "Camera")
    if camera is not None:
        draw_switched(camera, settings, "Focal Length", "focal_known", "focal", "Known")
        camera.prop(settings, "camera_motion", text="Movement")
    for title, names in _FIELDS.items():
        fields = _folded(body, title)
        for name in names if fields is not None else ():
            fields.prop(settings, name)


def _folded(layout: bpy.types.UILayout, title: str) -> bpy.types.UILayout | None:
    """The body of a part of the options, None while it is folded."""
    header, body = layout.panel(f"layfigure_fit_{title.lower()}", default_closed=True)
    header.label(text=title)
    return body
