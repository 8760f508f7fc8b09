"""Fit a body to a film, to pictures or to keypoints."""

import bpy

from ..addon.requests import fit_request, source_of
from .base import LayfigureOperator, engine_is_set, give


class LAYFIGURE_OT_fit_body(LayfigureOperator, bpy.types.Operator):
    """Fit a body to everybody in the source and bring the moving character into the scene"""

    bl_idname = "layfigure.fit_body"
    bl_label = "Fit Body"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine and there is something to fit to."""
        if not engine_is_set(cls):
            return False
        if not source_of(context.scene.layfigure):
            cls.poll_message_set("Choose a video or a folder first")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        settings = context.scene.layfigure
        give("fit", fit_request(settings), settings.import_when_done)
