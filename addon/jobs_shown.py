"""The list of jobs as Blender's own list can show it: their ids, and which one is chosen."""

from collections.abc import Sequence

import bpy

from .job import Job


class LayfigureJobRow(bpy.types.PropertyGroup):
    """A row: its `name` is the id of the job."""


class LayfigureJobs(bpy.types.PropertyGroup):
    """The rows, the newest first. They belong to the window manager: no file holds them."""

    rows: bpy.props.CollectionProperty(
        name="Jobs", description="What was given to the engine", type=LayfigureJobRow
    )
    active: bpy.props.IntProperty(name="Chosen Job", description="Its details stand below")


def show_jobs(jobs: Sequence[Job]) -> None:
    """Make the rows those of `jobs`. The choice stays; a job that is new is chosen."""
    shown = bpy.context.window_manager.layfigure_jobs
    before, ids = [row.name for row in shown.rows], [job.id for job in reversed(jobs)]
    if before == ids:
        return
    chosen = before[shown.active] if 0 <= shown.active < len(before) else ""
    shown.rows.clear()
    for job_id in ids:
        shown.rows.add().name = job_id
    new = bool(ids) and ids[0] not in before
    shown.active = 0 if new or chosen not in ids else ids.index(chosen)


def chosen_job(jobs: Sequence[Job]) -> Job | None:
    """The one of `jobs` whose row is chosen."""
    shown = bpy.context.window_manager.layfigure_jobs
    if not 0 <= shown.active < len(shown.rows):
        return None
    job_id = shown.rows[shown.active].name
    return next((job for job in jobs if job.id == job_id), None)
