"""See a body in a picture: file, options, the button; bar and Cancel while it runs."""

import bpy

from ..addon.engine_setup import engine_python
from ..addon.properties import LayfigureSettings
from ..addon.session import session
from .base import LayfigurePanel, draw_labelled, draw_switched, draw_text
from .job import draw_no_engine, draw_outcome, draw_running

JOBS = ("regress",)
_NETWORK = (
    *("picture_network", "picture_body"),
    *("picture_points", "picture_suppress", "picture_outlines"),
)


class LAYFIGURE_PT_picture(LayfigurePanel, bpy.types.Panel):
    """From a picture to posed characters, in seconds."""

    bl_idname = "LAYFIGURE_PT_picture"
    bl_label = "Body from Picture"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw fields, then the job."""
        layout, settings, job = self.layout, context.scene.layfigure, session.jobs.active
        fields = layout.column()
        fields.enabled = job is None
        draw_labelled(fields, settings, "picture_source", "output")
        fields.prop(settings, "picture_refine")
        fields.prop(settings, "independent")
        _draw_advanced(fields, settings)
        if job is not None and job.name in JOBS:
            draw_running(layout, context, job)
        elif not engine_python():
            draw_no_engine(layout, context, "This needs the engine, and none is set up yet.")
        elif job is None:
            _draw_run(layout, context, settings)


def _draw_advanced(layout: bpy.types.UILayout, settings: LayfigureSettings) -> None:
    header, body = layout.panel("layfigure_picture_advanced", default_closed=True)
    header.label(text="Advanced")
    if body is None:
        return
    body.use_property_split = True
    body.use_property_decorate = False
    for name in _NETWORK:
        body.prop(settings, name)
    draw_switched(body, settings, "People", "people_known", "people", "Limit")
    draw_switched(body, settings, "Focal Length", "focal_known", "focal", "Known")
    for name in ("smooth", "pc2", "import_when_done"):
        body.prop(settings, name)


def _draw_run(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: LayfigureSettings
) -> None:
    if not settings.picture_source:
        draw_text(layout, context, "Choose a picture, a folder of pictures, or a film.", "INFO")
    row = layout.row()
    row.scale_y = 1.4
    row.operator("layfigure.body_from_picture", icon="PLAY")
    draw_outcome(layout, context, "regress")
