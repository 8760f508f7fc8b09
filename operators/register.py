"""Register: a body to raw scans."""

import bpy

from ..addon.avatar_requests import register_request
from .base import LayfigureOperator, engine_is_set, give


class LAYFIGURE_OT_register(LayfigureOperator, bpy.types.Operator):
    """Fit a body into raw scans of a person: what training an avatar starts from"""

    bl_idname = "layfigure.register"
    bl_label = "Register"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine and there are scans."""
        if not context.scene.layfigure.scan_source:
            cls.poll_message_set("Choose a scan or a folder of scans first")
            return False
        return engine_is_set(cls)

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        give("register", register_request(context.scene.layfigure))
