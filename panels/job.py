"""A job as panels show it: bar, time left and Cancel; why it failed."""

import bpy

from ..addon.jobs import CANCELLED, FAILED, Job
from ..addon.session import session
from .base import columns, draw_text, duration, shorten


def draw_running(
    layout: bpy.types.UILayout, context: bpy.types.Context, job: Job, stop: str = "Cancel"
) -> None:
    """The bar of `job` and the button that ends it, named `stop`."""
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
    icon = "PAUSE" if stop == "Pause" else "X"
    row.operator("layfigure.cancel_job", text=stop, icon=icon).job_id = job.id


def draw_outcome(layout: bpy.types.UILayout, context: bpy.types.Context, name: str) -> None:
    """How the last job ended, if it is a `name` and ended badly."""
    last = session.jobs.jobs[-1] if session.jobs.jobs else None
    if last is None or last.name != name:
        return
    if last.status == FAILED:
        box = layout.box()
        draw_text(box, context, last.error, "ERROR")
        if last.hint:
            draw_text(box, context, last.hint, "INFO")
    elif last.status == CANCELLED:
        layout.label(text=f"{last.label} was cancelled.", icon="CANCEL")


def draw_no_engine(layout: bpy.types.UILayout, context: bpy.types.Context, text: str) -> None:
    """`text`, and the way to the preferences."""
    box = layout.box()
    draw_text(box, context, text, "INFO")
    box.operator("layfigure.open_preferences", text="Set Up Engine…", icon="PREFERENCES")
