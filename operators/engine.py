"""Check the engine, install, repair and remove one, take another, open the preferences."""

import bpy

from ..addon.engine_setup import ROOT, engine_python, preferences
from ..addon.report import take_report
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
        return _is_not_asked()

    def run(self, _context: bpy.types.Context) -> None:
        """Start the check; without a window wait for it."""
        session.setup.start_check()


class LAYFIGURE_OT_use_python(LayfigureOperator, bpy.types.Operator):
    """Take the Python that is named as the engine and ask it what works and what is missing"""

    bl_idname = "layfigure.use_python"
    bl_label = "Use This Python"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One is named."""
        chosen = preferences()
        if chosen is None or not chosen.own_python.strip():
            cls.poll_message_set("Name the Python that has the engine's libraries")
            return False
        return _is_not_asked()

    def run(self, _context: bpy.types.Context) -> None:
        """Take it and ask it."""
        session.setup.use_python(bpy.path.abspath(preferences().own_python.strip()))


class LAYFIGURE_OT_install_engine(LayfigureOperator, bpy.types.Operator):
    """Make a Python environment with the engine's libraries in the add-on's own folder.
    An engine that works stays until the new one does"""

    bl_idname = "layfigure.install_engine"
    bl_label = "Install Engine"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Nothing is being installed and nothing speaks against it."""
        setup, chosen = session.setup, preferences()
        plan = setup.survey.plan if setup.survey is not None else None
        if not bpy.app.online_access and not (chosen is not None and chosen.wheels.strip()):
            cls.poll_message_set("Turn on Allow Online Access (Preferences, System, Network)")
        elif plan is not None and plan.problem:
            cls.poll_message_set(plan.problem)
        elif setup.looking:
            cls.poll_message_set("This computer is being looked at")
        else:
            return not setup.installing
        return False

    def run(self, _context: bpy.types.Context) -> None:
        """Start the installation; without a window wait for it."""
        session.setup.start_install()
        ended = session.setup.installation
        if ended is not None and ended.error:
            raise InputError(ended.error, ended.hint)


class LAYFIGURE_OT_cancel_install(LayfigureOperator, bpy.types.Operator):
    """Stop the installation and remove what it has made so far"""

    bl_idname = "layfigure.cancel_install"
    bl_label = "Cancel Installation"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Cancel it; it cleans up by itself."""
        if not session.setup.installing or session.setup.installation is None:
            raise InputError("Nothing is being installed.")
        session.setup.installation.cancel()


class LAYFIGURE_OT_remove_engine(LayfigureOperator, bpy.types.Operator):
    """Take the engine that the add-on installed from the disk. Results and model files stay"""

    bl_idname = "layfigure.remove_engine"
    bl_label = "Remove Engine"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Nothing is being installed."""
        return not session.setup.installing

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    def run(self, _context: bpy.types.Context) -> None:
        """Remove it."""
        session.setup.remove_engine()


class LAYFIGURE_OT_look_again(LayfigureOperator, bpy.types.Operator):
    """Look for the GPU, its driver, Python and free disk again"""

    bl_idname = "layfigure.look_again"
    bl_label = "Look Again"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Look."""
        session.setup.look(afresh=True)


class LAYFIGURE_OT_copy_report(LayfigureOperator, bpy.types.Operator):
    """Copy versions, devices, what the engine's check says and the last error to the clipboard,
    for those who help you. Your home folder's name is left out"""

    bl_idname = "layfigure.copy_report"
    bl_label = "Copy Report"
    bl_options = {"INTERNAL"}

    def run(self, context: bpy.types.Context) -> None:
        """Copy it."""
        context.window_manager.clipboard = take_report(session)
        self.report({"INFO"}, "The report is in the clipboard")


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


def _is_not_asked() -> bool:
    return session.setup.check is None or not session.setup.check.running
