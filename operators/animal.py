"""Fit an animal to an annotated film."""

import bpy

from ..addon.animal_requests import animal_request
from .base import LayfigureOperator, engine_is_set, give


class LAYFIGURE_OT_fit_animal(LayfigureOperator, bpy.types.Operator):
    """Fit the animal to its film and bring it into the scene, moving"""

    bl_idname = "layfigure.fit_animal"
    bl_label = "Fit Animal"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine, and film and annotations are chosen."""
        settings = context.scene.layfigure
        for field, what in (("annotate_film", "the film"), ("animal_annotations", "its points")):
            if not getattr(settings, field):
                cls.poll_message_set(f"Choose {what} first")
                return False
        return engine_is_set(cls)

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        settings = context.scene.layfigure
        give("animal_fit", animal_request(settings), settings.import_when_done)
