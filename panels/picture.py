"""See a body in a picture: file, options, the button, what runs of it."""

import bpy

from ..addon.properties import LayfigureSettings
from .base import LayfigurePanel, draw_labelled, draw_switched, draw_text
from .job import draw_run

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
        """Draw fields, button, then the job."""
        layout, settings = self.layout, context.scene.layfigure
        draw_labelled(layout, settings, "picture_source", "output")
        layout.prop(settings, "picture_refine")
        layout.prop(settings, "independent")
        _draw_advanced(layout, settings)
        if not settings.picture_source:
            draw_text(layout, context, "Choose a picture, a folder of pictures, or a film.", "INFO")
        draw_run(layout, context, "regress", "layfigure.body_from_picture", "Body from Picture")


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
