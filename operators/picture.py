"""See a body in a picture."""

import bpy

from ..addon.picture_requests import picture_request
from .base import LayfigureOperator, engine_is_set, give


class LAYFIGURE_OT_body_from_picture(LayfigureOperator, bpy.types.Operator):
    """See everybody in the picture, by a network, and bring them into the scene as characters"""

    bl_idname = "layfigure.body_from_picture"
    bl_label = "Body from Picture"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine, and there is something to look at."""
        if not context.scene.layfigure.picture_source:
            cls.poll_message_set("Choose a picture first")
            return False
        return engine_is_set(cls)

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        settings = context.scene.layfigure
        give("regress", picture_request(settings), settings.import_when_done)
