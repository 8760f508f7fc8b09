"""Animals: what runs of them; fit one to an annotated film."""

import bpy

from ..addon.properties import LayfigureSettings
from .base import LayfigurePanel, draw_labelled, draw_switched, draw_text
from .job import draw_button, draw_jobs


class LAYFIGURE_PT_animals(LayfigurePanel, bpy.types.Panel):
    """What runs, or how it ended; the steps are panels in this one."""

    bl_idname = "LAYFIGURE_PT_animals"
    bl_label = "Animal"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the job, or what is missing."""
        draw_jobs(self.layout, context, "animal_fit")


class LAYFIGURE_PT_animal(LayfigurePanel, bpy.types.Panel):
    """From an annotated film to a moving animal."""

    bl_idname = "LAYFIGURE_PT_animal"
    bl_parent_id = "LAYFIGURE_PT_animals"
    bl_label = "Fit"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw fields and button."""
        layout, settings = self.layout, context.scene.layfigure
        names = ("annotate_film", "animal_annotations", "animal_body", "animal_family", "output")
        draw_labelled(layout, settings, *names)
        _draw_options(layout, settings)
        if not (settings.annotate_film and settings.animal_annotations):
            text = "Choose a film and its points: Annotate, above, makes them."
            draw_text(layout, context, text, "INFO")
        draw_button(layout, "layfigure.fit_animal", "Fit Animal")


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
