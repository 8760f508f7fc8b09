"""Bring the result of a job into the scene, in steps so short that the window goes on drawing."""

import time

import bpy

from ..addon.job import DONE, Job
from ..addon.reading import Reading
from ..addon.scene.import_result import ImportOptions, import_steps, read_import
from ..addon.session import FIELDS, scene_is_taken, session
from ..engine.formats.errors import InputError
from .base import OfJob, log

_PAUSE_S, _STEP_S = 0.01, 0.02


class LAYFIGURE_OT_import_job(OfJob, bpy.types.Operator):
    """Bring what the job made into this scene"""

    bl_idname = "layfigure.import_job"
    bl_label = "Import"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Blender can take something new."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Leave Edit Mode first")
            return False
        if session.arriving is not None:
            cls.poll_message_set("Another result is being imported")
            return False
        return True

    def run(self, _context: bpy.types.Context) -> None:
        """Import it in one go."""
        try:
            session.bring_in(self._made())
        except RuntimeError as error:  # what the import operator reported
            raise InputError(str(error).removeprefix("Error: ").strip()) from error

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Read the files in a thread; meanwhile the user may do anything."""
        try:
            job = self._made()
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if job.name in FIELDS:
            return self.execute(context)
        options, folder = ImportOptions(**job.import_options), job.folder
        self._reading = Reading(lambda: read_import(folder, options))
        self._steps = None
        self._timer = context.window_manager.event_timer_add(_PAUSE_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        session.arriving = job
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Build a bit more. Nothing else may happen to the scene until all is there."""
        if self._steps is None and (not self._reading.done or scene_is_taken()):
            return {"PASS_THROUGH"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            steps = self._steps or import_steps(context, self._reading.take())
            self._steps, end = steps, time.monotonic() + _STEP_S
            while time.monotonic() < end:
                what = next(steps)
            context.workspace.status_text_set(f"Layfigure imports: {what}")
            return {"RUNNING_MODAL"}
        except StopIteration as end_of_steps:
            for warning in end_of_steps.value.warnings:
                self.report({"WARNING"}, warning)
            self._over(context, "Imported")
            return {"FINISHED"}
        except InputError as error:
            return self._failed(context, str(error))
        except Exception as error:  # ours: the trace goes to the console, Blender goes on
            log.exception("%s failed", self.bl_label)
            return self._failed(context, f"The import failed: {error}.")

    def cancel(self, context: bpy.types.Context) -> None:
        """Another file was opened in between."""
        self._over(context, "")

    def _made(self) -> Job:
        job = self.job()
        if job.status != DONE or job.folder is None:
            raise InputError(f"{job.label}: this job has made nothing.", "Press Retry.")
        return job

    def _failed(self, context: bpy.types.Context, sentence: str) -> set[str]:
        self.report({"ERROR"}, sentence)
        begun = self._steps is not None
        self._over(context, sentence)
        return {"FINISHED" if begun else "CANCELLED"}  # what was built can be undone

    def _over(self, context: bpy.types.Context, note: str) -> None:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        if session.arriving is not None:
            session.arrived(session.arriving, note)
