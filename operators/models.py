"""Register the user's own model files with the engine, and take them out again."""

import bpy

from ..addon.session import session
from ..engine.formats.errors import InputError
from .base import LayfigureOperator, engine_is_set


class _Register(LayfigureOperator):
    """Mixin: the engine is asked, one question at a time."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """An engine is set and does not look at files already."""
        if session.setup.models.busy:
            cls.poll_message_set("The engine is looking at files")
            return False
        return engine_is_set(cls)

    def complain(self) -> None:
        """Without a window the answer is there by now. Raises InputError when it is a refusal."""
        if session.setup.models.error:
            raise InputError(session.setup.models.error)


class LAYFIGURE_OT_add_model(_Register, bpy.types.Operator):
    """Choose a file of SMPL, SMPL-H, SMPL-X, SMAL, GMM or Segment Anything, or VPoser's folder.
    The engine checks it and remembers where it lies"""

    bl_idname = "layfigure.add_model"
    bl_label = "Add Model File"
    bl_options = {"INTERNAL"}

    filepath: bpy.props.StringProperty(
        name="File",
        description="The model file, or VPoser's folder",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    name: bpy.props.StringProperty(
        name="Name",
        description="What to call it. Empty: as the file",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Hand it to the engine."""
        path = bpy.path.abspath(self.filepath).rstrip("/\\")
        if not path:
            raise InputError("No file is chosen.", "Choose a model file.")
        models = session.setup.models
        session.setup.change_models(models.add, path, self.name.strip())
        self.complain()


class LAYFIGURE_OT_remove_model(_Register, bpy.types.Operator):
    """Forget this model file; the file itself stays where it is"""

    bl_idname = "layfigure.remove_model"
    bl_label = "Forget Model File"
    bl_options = {"INTERNAL"}

    name: bpy.props.StringProperty(
        name="Name", description="Its name in the list", options={"SKIP_SAVE"}
    )

    def run(self, _context: bpy.types.Context) -> None:
        """Take it out of the register."""
        session.setup.change_models(session.setup.models.remove, self.name)
        self.complain()


class LAYFIGURE_OT_list_models(_Register, bpy.types.Operator):
    """Ask the engine again which model files are registered"""

    bl_idname = "layfigure.list_models"
    bl_label = "List Model Files"
    bl_options = {"INTERNAL"}

    def run(self, _context: bpy.types.Context) -> None:
        """Ask."""
        session.setup.change_models(session.setup.models.ask)
        self.complain()
