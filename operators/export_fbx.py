"""Write a character as an FBX file for a game engine."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper

from ..addon.properties import PRESETS
from ..addon.scene.export_fbx import export_fbx
from ..engine.formats.errors import InputError
from .base import LayfigureOperator


def characters(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The armatures that the user means: selected, of what is selected, or the only one."""
    found: list[bpy.types.Object] = []
    for thing in context.selected_objects:
        for armature in (thing, thing.find_armature(), thing.parent):
            if armature is not None and armature.type == "ARMATURE" and armature not in found:
                found.append(armature)
    if found:
        return found
    every = [thing for thing in context.view_layer.objects if thing.type == "ARMATURE"]
    return every if len(every) == 1 else []


class LAYFIGURE_OT_export_fbx(LayfigureOperator, bpy.types.Operator, ExportHelper):
    """Write the selected characters and their motion as FBX; the scene stays as it is"""

    bl_idname = "layfigure.export_fbx"
    bl_label = "Export FBX"
    bl_options = {"REGISTER"}

    filename_ext = ".fbx"
    filter_glob: bpy.props.StringProperty(default="*.fbx", options={"HIDDEN"})
    preset: bpy.props.EnumProperty(
        name="Preset", description="The program that will read the FBX", items=PRESETS
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a character, and Blender can make copies of it."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
        elif not characters(context):
            cls.poll_message_set("Select a character (its armature or its mesh)")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, with the character's name as its name."""
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            name = bpy.path.clean_name(characters(context)[0].name)
            self.filepath = str(folder / f"{name}_{self.preset.lower()}.fbx")
        return ExportHelper.invoke(self, context, event)

    def run(self, context: bpy.types.Context) -> None:
        """Export it."""
        path = bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".fbx")
        if not Path(path).parent.is_dir():
            raise InputError(f"{Path(path).parent}: no such folder.", "Choose another folder.")
        export_fbx(context, characters(context), path, self.preset.lower())
        self.report({"INFO"}, f"Wrote {path}")


def draw_export_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """The entry in File > Export."""
    self.layout.operator(LAYFIGURE_OT_export_fbx.bl_idname, text="Layfigure Character (.fbx)")
