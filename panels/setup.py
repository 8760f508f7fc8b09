"""The first panel: an engine is installed, or a Python of the user's is taken as one."""

import bpy

from ..addon.base_python import PYTHON_ORG
from ..addon.engine_setup import engine_python, preferences, user_folder
from ..addon.install_plan import Plan, gigabytes
from ..addon.installation import Installation
from ..addon.job import CANCELLED, FAILED
from ..addon.session import session
from .base import LayfigurePanel, columns, draw_text, duration, shorten

_LOG_LINES = 6
_ICONS = {"ok": "CHECKMARK", "warning": "INFO"}


class LAYFIGURE_PT_setup(LayfigurePanel, bpy.types.Panel):
    """Shown until there is an engine that works."""

    bl_idname = "LAYFIGURE_PT_setup"
    bl_label = "Set Up the Engine"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """While there is none, it does not work, or one is being installed."""
        return session.setup.needed

    def draw(self, context: bpy.types.Context) -> None:
        """Draw why, then the two ways."""
        layout, chosen = self.layout, preferences()
        if chosen is None:
            draw_text(layout, context, "Install Layfigure's zip to set up its engine.", "INFO")
            return
        if not session.setup.installing:
            _draw_why(layout, context)
        draw_install(layout, context, chosen)
        if not session.setup.installing:
            _draw_own(layout, context, chosen)
        draw_tail(layout)


def draw_engine(
    layout: bpy.types.UILayout, context: bpy.types.Context, chosen: bpy.types.AddonPreferences
) -> None:
    """The engine that is set, its device, what its check has found."""
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    row = column.row(align=True)
    row.prop(chosen, "engine_python")
    row.operator("layfigure.check_engine", text="Check", icon="CHECKMARK")
    column.prop(chosen, "device")
    setup = session.setup
    if setup.check is not None and setup.check.running:
        layout.label(text="Asking the engine…", icon="TIME")
    elif setup.findings:
        if not setup.needed:
            layout.label(text="The engine works.", icon="CHECKMARK")
        _draw_findings(layout, context, ("error",))
        body = fold(layout, chosen, "show_check")
        if body is not None:
            _draw_findings(body, context, ("ok", "warning"))


def draw_install(
    layout: bpy.types.UILayout, context: bpy.types.Context, chosen: bpy.types.AddonPreferences
) -> None:
    """What an installation would do and its button; while it runs its bar; its outcome."""
    setup = session.setup
    if setup.installing:
        assert setup.installation is not None
        _draw_running(layout.box(), context, setup.installation, chosen)
        return
    body = fold(layout, chosen, "show_install")
    if body is None:
        return
    setup.ask()
    survey = setup.survey
    if survey is None or setup.looking:
        body.label(text="Looking at this computer…", icon="TIME")
    elif survey.plan is None:
        draw_text(body, context, survey.problem, "ERROR")
    else:
        _draw_plan(body, context, survey.plan)
    _draw_buttons(body, context, offline=bool(chosen.wheels))
    choices = fold(body, chosen, "show_choices")
    if choices is not None:
        for name in ("torch_build", "base_python", "wheels"):
            choices.label(text=chosen.bl_rna.properties[name].name + ":")
            choices.prop(chosen, name, text="")
        choices.operator("layfigure.look_again", icon="FILE_REFRESH")
    if setup.installation is not None:
        _draw_outcome(body, context, setup.installation, chosen)


def draw_tail(layout: bpy.types.UILayout) -> None:
    """The report for those who help."""
    layout.operator("layfigure.copy_report", icon="COPYDOWN")


def fold(
    layout: bpy.types.UILayout, chosen: bpy.types.AddonPreferences, switch: str
) -> bpy.types.UILayout | None:
    """A box with a header that opens it; None while it is closed."""
    box = layout.box().column()
    icon = "DOWNARROW_HLT" if getattr(chosen, switch) else "RIGHTARROW"
    row = box.row()
    row.alignment = "LEFT"
    row.prop(chosen, switch, icon=icon, emboss=False)
    return box if getattr(chosen, switch) else None


def _draw_why(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What is wrong with the engine."""
    python = engine_python()
    if session.setup.check is not None and session.setup.check.running:
        layout.label(text="Asking the engine…", icon="TIME")
    elif session.setup.findings:
        draw_text(layout, context, "The engine does not work:", "ERROR")
        _draw_findings(layout, context, ("error",))
    elif python:
        draw_text(layout, context, f"The engine is gone: {python}", "ERROR")
    else:
        words = "Fitting needs the engine: a Python of its own with torch. None is set up yet."
        draw_text(layout, context, words, "INFO")


def _draw_findings(
    layout: bpy.types.UILayout, context: bpy.types.Context, states: tuple[str, ...]
) -> None:
    """Lines of the last check, those of some states."""
    column = layout.column(align=True)
    for state, line in session.setup.findings:
        if state in states:
            draw_text(column, context, line, _ICONS.get(state, "ERROR"))


def _draw_plan(layout: bpy.types.UILayout, context: bpy.types.Context, plan: Plan) -> None:
    """What will be installed, from where, how large, into which folder."""
    if plan.problem:
        draw_text(layout, context, plan.problem, "ERROR")
        draw_text(layout, context, plan.hint, "INFO")
        if plan.python is None:
            layout.operator("wm.url_open", text="python.org", icon="URL").url = PYTHON_ORG
        return
    if plan.wheels is not None:
        torch = f"torch {plan.wheels.torch}" if plan.wheels.torch else "the libraries"
        loads = f"Installs {torch} and the rest from {plan.wheels.path}, without the network."
    else:
        loads = (
            f"Loads torch ({plan.build.name}) and other libraries, about "
            f"{gigabytes(plan.download_mb)}, from {plan.sources}. {plan.build.why}"
        )
    draw_text(layout, context, loads, "IMPORT")
    takes = f"Takes about {gigabytes(plan.disk_mb)} of {gigabytes(plan.free_mb)} free:"
    draw_text(layout, context, takes, "DISK_DRIVE")
    layout.label(text=shorten(str(plan.folder), columns(context)), icon="BLANK1")
    assert plan.python is not None
    version = ".".join(map(str, plan.python.version))
    draw_text(layout, context, f"Made with Python {version}:", "CONSOLE")
    layout.label(text=shorten(plan.python.path, columns(context)), icon="BLANK1")


def _draw_buttons(layout: bpy.types.UILayout, context: bpy.types.Context, offline: bool) -> None:
    """Install, or Repair and Remove where one was installed."""
    setup = session.setup
    there = setup.survey.engines_mb if setup.survey is not None else 0
    row = layout.row(align=True)
    row.scale_y = 1.3
    words = "Repair" if setup.own else "Install Engine"
    row.operator("layfigure.install_engine", text=words, icon="IMPORT")
    if there:
        text = f"Remove ({gigabytes(there)})"
        row.operator("layfigure.remove_engine", text=text, icon="TRASH")
    if not bpy.app.online_access and not offline:
        words = "Allow Online Access (Preferences, System, Network), or name a folder of wheels."
        draw_text(layout, context, words, "INFO")


def _draw_running(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    running: Installation,
    chosen: bpy.types.AddonPreferences,
) -> None:
    """Step, bar, time left, Cancel."""
    progress = running.progress
    draw_text(layout, context, f"Installing, step {running.title}", "IMPORT")
    bar = layout.row()
    bar.scale_y = 1.4
    text = shorten(progress.words, columns(context)) or f"{progress.factor:.0%}"
    bar.progress(factor=progress.factor, type="BAR", text=text)
    if progress.eta_s is not None:
        what = "Unpacking" if progress.unpacking else "Loading"
        layout.label(text=f"{what}: about {duration(progress.eta_s)} left", icon="BLANK1")
    if running.status != "running":
        draw_text(layout, context, "Installed; used as soon as no job needs the old one.", "TIME")
    layout.operator("layfigure.cancel_install", text="Cancel", icon="X")
    _draw_log(layout, running, chosen)


def _draw_outcome(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    ended: Installation,
    chosen: bpy.types.AddonPreferences,
) -> None:
    """How the last installation ended."""
    if ended.status == CANCELLED:
        layout.label(text="Cancelled; nothing was left behind.", icon="CANCEL")
    elif ended.status == FAILED:
        draw_text(layout, context, ended.error, "ERROR")
        if ended.hint:
            draw_text(layout, context, ended.hint, "INFO")
    else:
        layout.label(text="The engine is installed.", icon="CHECKMARK")
    _draw_log(layout, ended, chosen)


def _draw_log(
    layout: bpy.types.UILayout, installation: Installation, chosen: bpy.types.AddonPreferences
) -> None:
    body = fold(layout, chosen, "show_log")
    if body is None:
        return
    lines = body.column(align=True)
    lines.scale_y = 0.8
    task = installation.task
    for line in [*task.lines, *task.errors][-_LOG_LINES:]:
        lines.label(text=line)
    whole = body.operator("wm.path_open", text="Open the Whole Log", icon="TEXT")
    whole.filepath = str(user_folder() / "install.log")


def _draw_own(
    layout: bpy.types.UILayout, context: bpy.types.Context, chosen: bpy.types.AddonPreferences
) -> None:
    """The other way."""
    box = layout.box().column()
    box.label(text="Use This Python", icon="CONSOLE")
    box.prop(chosen, "own_python", text="")
    box.operator("layfigure.use_python", text="Check", icon="CHECKMARK")
