"""Fit a body to a film, to pictures or to keypoints; cancel it."""

import bpy

from ..addon.requests import fit_request, source_of
from ..addon.session import session
from ..engine.formats.errors import InputError
from .base import LayfigureOperator, engine_waits, give


class LAYFIGURE_OT_fit_body(LayfigureOperator, bpy.types.Operator):
    """Fit a body to everybody in the source and bring the moving character into the scene"""

    bl_idname = "layfigure.fit_body"
    bl_label = "Fit Body"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine, it is free and there is something to fit to."""
        if not engine_waits(cls):
            return False
        if not source_of(context.scene.layfigure):
            cls.poll_message_set("Choose a video or a folder first")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        settings = context.scene.layfigure
        give("fit", fit_request(settings), settings.import_when_done)


class LAYFIGURE_OT_cancel_job(LayfigureOperator, bpy.types.Operator):
    """Stop the running job; nothing half-written is left"""

    bl_idname = "layfigure.cancel_job"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    job_id: bpy.props.StringProperty(
        name="Job", description="Id of the job; empty: the one that runs", options={"SKIP_SAVE"}
    )

    def run(self, context: bpy.types.Context) -> None:
        """Cancel it."""
        job = session.jobs.find(self.job_id) if self.job_id else session.jobs.active
        if job is None:
            raise InputError("No job is running.")
        session.cancel(job)
