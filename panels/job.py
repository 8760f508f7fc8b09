"""A job as panels show it: bar, time left and Cancel; the button that gives it; why it failed."""

import bpy

from ..addon.engine_setup import engine_python
from ..addon.job import CANCELLED, FAILED, Job
from ..addon.jobs import PAUSE_GRACE_S
from ..addon.session import session
from .base import columns, draw_text, duration, shorten


def draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """The bar of `job` and the button that ends it."""
    box = layout.column()
    percent = f"{job.label}: {job.factor:.0%}" if job.total else job.label
    row = box.row()
    row.scale_y = 1.4
    row.progress(factor=job.factor, type="BAR", text=shorten(percent, columns(context)))
    draw_text(box, context, job.message, "TIME")
    if job.eta_s is not None:
        box.label(text=f"About {duration(job.eta_s)} left", icon="BLANK1")
    row = box.row()
    row.enabled = job.cancel_by is None
    stop, icon = ("Pause", "PAUSE") if job.name in PAUSE_GRACE_S else ("Cancel", "X")
    row.operator("layfigure.cancel_job", text=stop, icon=icon).job_id = job.id


def draw_run(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    job: str,
    operator: str,
    text: str,
    icon: str = "PLAY",
) -> None:
    """The button of the only `operator` that gives the engine such a `job`, and what runs of it."""
    if engine_python():
        draw_button(layout, operator, text, icon)
    draw_jobs(layout, context, job)


def draw_jobs(layout: bpy.types.UILayout, context: bpy.types.Context, *names: str) -> None:
    """What runs of the jobs called `names`, or what the last one came to."""
    job = session.jobs.active
    if job is not None and job.name in names:
        draw_running(layout, context, job)
    elif engine_python():
        draw_outcome(layout, context, *names)
    else:
        box = layout.box()
        draw_text(box, context, "This needs the engine, and none is set up yet.", "INFO")
        box.operator("layfigure.open_preferences", text="Set Up Engine…", icon="PREFERENCES")


def draw_button(
    layout: bpy.types.UILayout, operator: str, text: str, icon: str = "PLAY"
) -> bpy.types.UILayout:
    """The button that gives the engine a job; the row that it stands in."""
    row = layout.row(align=True)
    row.scale_y = 1.4
    queue = session.jobs.active is not None
    row.operator(operator, text=f"{text} (Queue)" if queue else text, icon=icon)
    return row


def draw_outcome(layout: bpy.types.UILayout, context: bpy.types.Context, *names: str) -> None:
    """How the last job ended, if it is one of `names` and ended badly."""
    last = session.jobs.jobs[-1] if session.jobs.jobs else None
    if last is None or last.name not in names:
        return
    if last.status == FAILED:
        draw_error(layout, context, last)
    elif last.status == CANCELLED:
        layout.label(text=f"{last.label} was cancelled.", icon="CANCEL")


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    """Why `job` failed, and what to do."""
    box = layout.box()
    draw_text(box, context, job.error, "ERROR")
    if job.hint:
        draw_text(box, context, job.hint, "INFO")
