"""Fit an animal: film, annotations, options, the button; bar and Cancel while it runs."""

import bpy

from ..addon.engine_setup import engine_python
from ..addon.properties import LayfigureSettings
from ..addon.session import session
from .base import LayfigurePanel, draw_labelled, draw_switched, draw_text
from .job import draw_no_engine, draw_outcome, draw_running

JOBS = ("animal_fit",)


class LAYFIGURE_PT_animal(LayfigurePanel, bpy.types.Panel):
    """From an annotated film to a moving animal."""

    bl_idname = "LAYFIGURE_PT_animal"
    bl_label = "Fit Animal"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw fields, then the job."""
        layout, settings, job = self.layout, context.scene.layfigure, session.jobs.active
        fields = layout.column()
        fields.enabled = job is None
        names = ("annotate_film", "animal_annotations", "animal_body", "animal_family", "output")
        draw_labelled(fields, settings, *names)
        _draw_options(fields, settings)
        if job is not None and job.name in JOBS:
            draw_running(layout, context, job)
        elif not engine_python():
            draw_no_engine(layout, context, "Fitting needs the engine, and none is set up yet.")
        elif job is None:
            _draw_run(layout, context, settings)


def _draw_options(layout: bpy.types.UILayout, settings: LayfigureSettings) -> None:
    header, body = layout.panel("layfigure_animal_options", default_closed=True)
    header.label(text="Options")
    if body is None:
        return
    body.use_property_split = True
    body.use_property_decorate = False
    draw_switched(body, settings, "Focal Length", "focal_known", "focal", "Known")
    for name in (
        *("animal_frames", "smooth", "animal_effort", "animal_silhouettes", "animal_limbs"),
        *("pc2", "animal_legacy", "import_when_done"),
    ):
        body.prop(settings, name)


def _draw_run(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: LayfigureSettings
) -> None:
    if not (settings.annotate_film and settings.animal_annotations):
        text = "Choose a film and its points: Annotate Animal makes them."
        draw_text(layout, context, text, "INFO")
    row = layout.row()
    row.scale_y = 1.4
    row.operator("layfigure.fit_animal", icon="PLAY")
    draw_outcome(layout, context, "animal_fit")
