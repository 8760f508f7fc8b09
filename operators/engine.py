"""Check the engine, install one, open the preferences."""

import bpy

from ..addon.engine_setup import ROOT, engine_python, preferences
from ..addon.session import session
from ..engine.formats.errors import InputError
from .base import LayfigureOperator


class LAYFIGURE_OT_check_engine(LayfigureOperator, bpy.types.Operator):
    """Ask the engine what works and what is missing"""

    bl_idname = "layfigure.check_engine"
    bl_label = "Check Engine"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """An engine is named and not being asked already."""
        if not engine_python():
            cls.poll_message_set("Choose the engine's Python first")
            return False
        return session.check is None or session.check.status != "running"

    def run(self, _context: bpy.types.Context) -> None:
        """Start the check; without a window wait for it."""
        session.start_check()


class LAYFIGURE_OT_install_engine(LayfigureOperator, bpy.types.Operator):
    """Make a Python environment with the engine's libraries in the add-on's own folder.
    Loads about a gigabyte from PyPI"""

    bl_idname = "layfigure.install_engine"
    bl_label = "Install Engine"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Blender may use the network and nothing is being installed."""
        if not bpy.app.online_access:
            cls.poll_message_set("Turn on Allow Online Access (Preferences, System, Network)")
            return False
        return session.install is None or session.install.status != "running"

    def run(self, _context: bpy.types.Context) -> None:
        """Start the installation."""
        chosen = preferences()
        session.start_install(chosen.base_python if chosen else "python3")


class LAYFIGURE_OT_cancel_install(LayfigureOperator, bpy.types.Operator):
    """Stop the installation and remove what it has made so far"""

    bl_idname = "layfigure.cancel_install"
    bl_label = "Cancel Installation"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Cancel it; the clock cleans up."""
        if session.install is None or session.install.status != "running":
            raise InputError("Nothing is being installed.")
        session.install.cancel()


class LAYFIGURE_OT_open_preferences(LayfigureOperator, bpy.types.Operator):
    """Open the add-on's preferences, where the engine is set up"""

    bl_idname = "layfigure.open_preferences"
    bl_label = "Set Up Engine"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Show them."""
        if preferences() is None:
            raise InputError("Blender does not hold Layfigure as an add-on.", "Install its zip.")
        bpy.ops.preferences.addon_show(module=ROOT)
