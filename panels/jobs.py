"""The jobs of now and of earlier days: how they stand and what can be done with them."""

import datetime

import bpy

from ..addon.job import CANCELLED, DONE, FAILED, INTERRUPTED, OUTSIDE, QUEUED, RUNNING, Job
from ..addon.jobs import PAUSE_GRACE_S
from ..addon.jobs_shown import chosen_job
from ..addon.session import FIELDS, session
from .base import LayfigurePanel, columns, draw_text, duration, shorten
from .job import draw_error, draw_running

VERBS = {
    "fit": "Fit",
    "refit": "Refit",
    "regress": "Picture",
    "animal_fit": "Animal",
    "register": "Register",
    "avatar_train": "Train",
    "avatar_pose": "Pose",
    "avatar_rig": "Rig",
}
_ICONS = {
    QUEUED: "TIME",
    RUNNING: "PLAY",
    OUTSIDE: "PLAY",
    DONE: "CHECKMARK",
    FAILED: "ERROR",
    CANCELLED: "CANCEL",
    INTERRUPTED: "UNLINKED",
}
_WORDS = {
    QUEUED: "Waiting",
    RUNNING: "Running",
    OUTSIDE: "Runs outside",
    DONE: "Done",
    FAILED: "Failed",
    CANCELLED: "Cancelled",
    INTERRUPTED: "Interrupted",
}


class LAYFIGURE_UL_jobs(bpy.types.UIList):
    """A job and how it stands."""

    def draw_item(
        self, _context, layout, _data, item, _icon, _active_data, _active_name, _index=0, _flag=0
    ) -> None:
        """Name on the left, state on the right."""
        job = session.jobs.find(item.name)
        if job is None:  # gone since the rows were made
            return
        row = layout.split(factor=0.62)
        row.label(text=f"{VERBS.get(job.name, job.name)} {job.label}", icon=_ICONS[job.status])
        row.label(text=_short(job))


class LAYFIGURE_PT_jobs(LayfigurePanel, bpy.types.Panel):
    """The list, and the chosen job."""

    bl_idname = "LAYFIGURE_PT_jobs"
    bl_label = "Jobs"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list and the details."""
        layout, jobs = self.layout, session.jobs
        for sentence in jobs.notices:
            draw_text(layout, context, sentence, "ERROR")
        if not jobs.jobs:
            draw_text(layout, context, "Nothing was given to the engine yet.", "INFO")
            return
        shown = context.window_manager.layfigure_jobs
        layout.template_list("LAYFIGURE_UL_jobs", "", shown, "rows", shown, "active", rows=3)
        job = chosen_job(jobs.jobs)
        if job is not None:
            _draw_job(layout, context, job)
        layout.operator("layfigure.clear_jobs", icon="TRASH")


def _draw_job(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    box = layout.box()
    box.label(text=f"{VERBS.get(job.name, job.name)} {job.label}", icon=_ICONS[job.status])
    if job.ended:
        row = box.row()
        row.label(text=f"{_word(job)}; given {_when(job.created)}", icon="BLANK1")
    elif job.status == QUEUED:
        draw_text(box, context, f"{job.message}; given {_when(job.created)}", "BLANK1")
    else:
        if job.status == OUTSIDE:
            draw_text(box, context, "Runs outside: this Blender did not start it.", "INFO")
        draw_running(box, context, job)
    if job.status == FAILED:
        draw_error(box, context, job)
    elif job.note:
        draw_text(box, context, job.note, "INFO")
    row = box.row()
    row.active = False
    row.label(text=shorten(str(job.folder or job.out), columns(context)), icon="FILE_FOLDER")
    _draw_buttons(box, job)


def _draw_buttons(layout: bpy.types.UILayout, job: Job) -> None:
    row = layout.row(align=True)
    if job.status == QUEUED:
        row.operator("layfigure.cancel_job", icon="X").job_id = job.id
    elif job.status == DONE:
        text = "Use" if job.name in FIELDS else "Import"
        row.operator("layfigure.import_job", text=text, icon="IMPORT").job_id = job.id
    elif job.ended:
        text = "Resume" if job.name in PAUSE_GRACE_S else "Retry"
        row.operator("layfigure.retry_job", text=text, icon="FILE_REFRESH").job_id = job.id
    row.operator("layfigure.open_job_folder", icon="FILE_FOLDER").job_id = job.id
    if job.ended:
        row.operator("layfigure.remove_job", text="", icon="X").job_id = job.id


def _short(job: Job) -> str:
    """How a job stands, in the list's few letters."""
    if job.status == OUTSIDE and not job.total:
        return job.message or _word(job)
    if job.status not in (RUNNING, OUTSIDE) or not job.total:
        return _word(job)
    left = f" · {duration(job.eta_s)}" if job.eta_s is not None else ""
    return f"{job.factor:.0%}{left}"


def _word(job: Job) -> str:
    if job.status == CANCELLED and job.name in PAUSE_GRACE_S:
        return "Paused"
    return _WORDS[job.status]


def _when(created: float) -> str:
    """The time of a job that was given at `created`, seconds since 1970."""
    then = datetime.datetime.fromtimestamp(created)
    day = "" if then.date() == datetime.date.today() else f"{then:%d %b} "
    return f"{day}{then:%H:%M}"
