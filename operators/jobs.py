"""What can be done with a job in the list."""

import bpy

from ..addon.job import FAILED
from ..addon.session import session
from ..engine.formats.errors import InputError
from .base import LayfigureOperator, OfJob, engine_is_set


class LAYFIGURE_OT_cancel_job(LayfigureOperator, bpy.types.Operator):
    """Stop the job; nothing half-written is left, and a training can go on later"""

    bl_idname = "layfigure.cancel_job"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    job_id: bpy.props.StringProperty(
        name="Job", description="Id of the job; empty: the one that runs", options={"SKIP_SAVE"}
    )

    def run(self, _context: bpy.types.Context) -> None:
        """Cancel it."""
        job = session.jobs.find(self.job_id) if self.job_id else session.jobs.active
        if job is None:
            raise InputError("No job is running.")
        session.cancel(job)


class LAYFIGURE_OT_retry_job(OfJob, bpy.types.Operator):
    """Do it again with the same parameters; a training goes on where it was"""

    bl_idname = "layfigure.retry_job"
    bl_label = "Retry"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There is an engine."""
        return engine_is_set(cls)

    def run(self, _context: bpy.types.Context) -> None:
        """Give it to the engine again."""
        job = self.job()
        if not job.ended:
            raise InputError(f"{job.label}: this job is not over.", "Cancel it first.")
        again = session.retry(job)
        if again.status == FAILED:
            raise InputError(again.error, again.hint)


class LAYFIGURE_OT_open_job_folder(OfJob, bpy.types.Operator):
    """Show the folder of the result in the system's file browser"""

    bl_idname = "layfigure.open_job_folder"
    bl_label = "Open Folder"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Open it."""
        job = self.job()
        folder = job.folder or job.out
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent  # nothing was made yet: show where it would be
        bpy.ops.wm.path_open(filepath=str(folder))


class LAYFIGURE_OT_remove_job(OfJob, bpy.types.Operator):
    """Take the job from the list; what it made stays on the disk"""

    bl_idname = "layfigure.remove_job"
    bl_label = "Remove from List"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Forget it."""
        job = self.job()
        if not job.ended:
            raise InputError(f"{job.label}: this job is not over.", "Cancel it first.")
        session.remove(job)


class LAYFIGURE_OT_clear_jobs(LayfigureOperator, bpy.types.Operator):
    """Take all jobs that are over from the list; what they made stays on the disk"""

    bl_idname = "layfigure.clear_jobs"
    bl_label = "Clear Finished"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One is over."""
        if any(job.ended for job in session.jobs.jobs):
            return True
        cls.poll_message_set("No job is over")
        return False

    def run(self, _context: bpy.types.Context) -> None:
        """Forget them."""
        session.remove(*[job for job in session.jobs.jobs if job.ended])


CLASSES = (
    LAYFIGURE_OT_cancel_job,
    LAYFIGURE_OT_retry_job,
    LAYFIGURE_OT_open_job_folder,
    LAYFIGURE_OT_remove_job,
    LAYFIGURE_OT_clear_jobs,
)
