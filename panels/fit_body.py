"""Fit a body: source, options, Run; bar and Cancel while it runs; why when it failed."""

import bpy

from ..addon.engine_setup import engine_python
from ..addon.jobs import CANCELLED, FAILED, Job
from ..addon.properties import LayfigureSettings, output_base, output_name, source_of
from ..addon.session import session
from .base import LayfigurePanel, columns, draw_text, duration, shorten


class LAYFIGURE_PT_fit_body(LayfigurePanel, bpy.types.Panel):
    """From footage to a moving character."""

    bl_idname = "LAYFIGURE_PT_fit_body"
    bl_label = "Fit Body"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw fields, then the job."""
        layout, settings = self.layout, context.scene.layfigure
        job = session.jobs.active
        fields = layout.column()
        fields.enabled = job is None
        _draw_source(fields, context, settings)
        _draw_options(fields, settings)
        if job is not None:
            _draw_running(layout, context, job)
        elif not engine_python():
            _draw_no_engine(layout, context)
        else:
            _draw_run(layout, context)


def _draw_source(
    layout: bpy.types.UILayout, context: bpy.types.Context, settings: LayfigureSettings
) -> None:
    layout.row().prop(settings, "source_kind", expand=True)
    field = {"VIDEO": "video", "IMAGES": "images", "KEYPOINTS": "keypoints"}
    layout.prop(settings, field[settings.source_kind], text="")
    column = layout.column(align=True)
    if settings.source_kind == "KEYPOINTS":
        _draw_labelled(column, settings, "camera")
    _draw_labelled(column, settings, "output")
    source = source_of(settings)
    if source:
        target = output_base(settings) / output_name(source)
        row = layout.row()
        row.active = False
        row.label(text=shorten(str(target), columns(context)), icon="FILE_FOLDER")


def _draw_labelled(layout: bpy.types.UILayout, settings: LayfigureSettings, name: str) -> None:
    """A path with a narrow label: paths need the room."""
    split = layout.split(factor=0.25)
    split.label(text=settings.bl_rna.properties[name].name)
    split.prop(settings, name, text="")


def _draw_options(layout: bpy.types.UILayout, settings: LayfigureSettings) -> None:
    header, body = layout.panel("layfigure_fit_options", default_closed=True)
    header.label(text="Options")
    if body is None:
        return
    body.use_property_split = True
    body.use_property_decorate = False
    body.prop(settings, "body")
    _draw_switched(body, settings, "Focal Length", "focal_known", "focal", "Known")
    _draw_switched(body, settings, "People", "people_known", "people", "Limit")
    if settings.source_kind != "VIDEO":
        body.prop(settings, "independent")
    body.prop(settings, "import_when_done")


def _draw_switched(
    layout: bpy.types.UILayout,
    settings: LayfigureSettings,
    heading: str,
    switch: str,
    value: str,
    otherwise: str,
) -> None:
    """A value that can be left to the engine, in one line."""
    row = layout.row(heading=heading)
    row.prop(settings, switch, text="" if getattr(settings, switch) else otherwise)
    if getattr(settings, switch):
        row.prop(settings, value, text="")


def _draw_run(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    row = layout.row()
    row.scale_y = 1.4
    row.operator("layfigure.fit_body", text="Run", icon="PLAY")
    last = session.jobs.jobs[-1] if session.jobs.jobs else None
    if last is not None and last.status == FAILED:
        box = layout.box()
        draw_text(box, context, last.error, "ERROR")
        if last.hint:
            draw_text(box, context, last.hint, "INFO")
    elif last is not None and last.status == CANCELLED:
        layout.label(text=f"{last.label} was cancelled.", icon="CANCEL")


def _draw_running(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> None:
    box = layout.column()
    percent = f"{job.label}: {job.factor:.0%}" if job.total else job.label
    row = box.row()
    row.scale_y = 1.4
    row.progress(factor=job.factor, type="BAR", text=shorten(percent, columns(context)))
    draw_text(box, context, job.message, "TIME")
    if job.eta_s is not None:
        box.label(text=f"About {duration(job.eta_s)} left", icon="BLANK1")
    stop = box.row()
    stop.enabled = job.cancel_by is None
    stop.operator("layfigure.cancel_job", text="Cancel", icon="X").job_id = job.id


def _draw_no_engine(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    box = layout.box()
    draw_text(box, context, "Fitting needs the engine, and none is set up yet.", "INFO")
    box.operator("layfigure.open_preferences", text="Set Up Engine…", icon="PREFERENCES")
