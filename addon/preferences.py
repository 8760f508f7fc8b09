"""The add-on's preferences: which Python runs the engine, and how to get one."""

import os

import bpy

from .engine_setup import ROOT
from .session import session

_LOG_LINES = 8


def _engine_changed(_self: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    session.engine_changed()


class LayfigurePreferences(bpy.types.AddonPreferences):
    """What the user sets once."""

    bl_idname = ROOT

    engine_python: bpy.props.StringProperty(
        name="Engine Python",
        description="Python 3.11 or newer that has the engine's libraries (torch and others)",
        subtype="FILE_PATH",
        update=_engine_changed,
    )
    base_python: bpy.props.StringProperty(
        name="Made With",
        description="Python 3.11 or 3.12 from which the engine's environment is made",
        default="python" if os.name == "nt" else "python3",
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="What the engine computes on",
        items=(
            ("auto", "Automatic", "A GPU where there is one"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "CUDA", "A GPU of NVIDIA"),
            ("mps", "Metal", "A GPU of Apple"),
        ),
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw what the session knows; nothing is looked up here."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        row = layout.row(align=True)
        row.prop(self, "engine_python")
        row.operator("layfigure.check_engine", text="Check", icon="CHECKMARK")
        layout.prop(self, "device")
        _draw_check(layout)
        layout.separator()
        _draw_install(layout, self)


def _draw_check(layout: bpy.types.UILayout) -> None:
    if session.check is None:
        return
    box = layout.box().column(align=True)
    if session.check.status == "running":
        box.label(text="Asking the engine…", icon="TIME")
    icons = {"ok": "CHECKMARK", "warning": "INFO"}
    for state, line in session.check_lines:
        box.label(text=line, icon=icons.get(state, "ERROR"))


def _draw_install(layout: bpy.types.UILayout, chosen: LayfigurePreferences) -> None:
    task = session.install
    if task is not None and task.status == "running":
        row = layout.row(align=True)
        row.label(text="Installing the engine. This takes some minutes.", icon="TIME")
        row.operator("layfigure.cancel_install", text="Cancel", icon="X")
    else:
        layout.label(text="No Python with the engine's libraries yet?")
        row = layout.row(align=True)
        row.prop(chosen, "base_python")
        row.operator("layfigure.install_engine", text="Install Engine", icon="IMPORT")
        if not bpy.app.online_access:
            layout.label(
                text="Installing needs Allow Online Access (Preferences, System, Network).",
                icon="INFO",
            )
    if task is None:
        return
    box = layout.box().column(align=True)
    box.scale_y = 0.8
    for line in list(task.lines)[-_LOG_LINES:]:
        box.label(text=line)
    if task.status != "running":
        outcome = {"done": "The engine is installed.", "cancelled": "Cancelled."}
        icon = "CHECKMARK" if task.status == "done" else "ERROR"
        box.label(text=outcome.get(task.status, task.error), icon=icon)
