"""Write characters for other programs."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper

from ..addon.export_options import FORMATS, ExportFields
from ..addon.scene.export import FORMATS as FILES
from ..addon.scene.export import ExportOptions, Format, export, lacking
from ..addon.scene.export_keys import plays_cache
from ..engine.formats.errors import InputError
from .base import LayfigureOperator


def characters(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The armatures that the user means: selected, of what is selected, or the only one.

    Also the selected meshes that play a point cache without an armature.
    """
    found: list[bpy.types.Object] = []
    for thing in context.selected_objects:
        family = (thing, thing.find_armature(), thing.parent)
        armatures = [one for one in family if one is not None and one.type == "ARMATURE"]
        cached = [thing] if thing.type == "MESH" and plays_cache(thing) else []
        found += armatures or cached
    if found:
        return list(dict.fromkeys(found))
    every = [thing for thing in context.view_layer.objects if thing.type == "ARMATURE"]
    return every if len(every) == 1 else []


class _Exports(LayfigureOperator, ExportFields, ExportHelper):
    """What the operators share: `kind` names the format."""

    bl_options = {"REGISTER"}
    filter_glob: bpy.props.StringProperty(options={"HIDDEN"})

    @property
    def kind(self) -> str:
        """One of the formats."""
        return "fbx"

    @property
    def form(self) -> Format:
        """What the format is."""
        return FILES[self.kind]

    @property
    def filename_ext(self) -> str:
        """The ending that the file dialog keeps; a folder has none."""
        return "" if self.form.folder else self.form.ending

    @property
    def check_extension(self) -> bool | None:
        """None: the dialog leaves the name alone."""
        return None if self.form.folder else True

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

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file or folder, with the character's name as its name."""
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            name = bpy.path.clean_name(characters(context)[0].name)
            suffix = self.preset if self.kind == "fbx" else self.kind
            self.filepath = str(folder / f"{name}_{suffix.lower()}{self.filename_ext}")
        self.filter_glob = f"*{self.form.ending}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def draw(self, _context: bpy.types.Context) -> None:
        """The choices that the format has."""
        self.layout.use_property_split = True
        draw_choices(self.layout, self, self.kind)

    def run(self, context: bpy.types.Context) -> None:
        """Export it."""
        if not self.filepath:
            raise InputError("No file is chosen.", "Give the path of the file to write.")
        path = bpy.path.ensure_ext(bpy.path.abspath(self.filepath), self.filename_ext)
        path = path.rstrip("/\\") if self.form.folder else path
        if not Path(path).parent.is_dir():
            raise InputError(f"{Path(path).parent}: no such folder.", "Choose another folder.")
        options = ExportOptions(
            *(self.kind, self.preset.lower(), self.shape_keys.lower()),
            *(self.components, self.root_motion.lower()),
        )
        for note in export(context, characters(context), path, options):
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"Wrote {path}")


class LAYFIGURE_OT_export(_Exports, bpy.types.Operator):
    """Write the selected characters and their motion; the scene stays as it is"""

    bl_idname = "layfigure.export"
    bl_label = "Export Character"

    format: bpy.props.EnumProperty(name="Format", description="The kind of file", items=FORMATS)

    @property
    def kind(self) -> str:
        """The one that was chosen."""
        return self.format.lower()


class LAYFIGURE_OT_export_fbx(_Exports, bpy.types.Operator):
    """Write the selected characters and their motion as FBX; the scene stays as it is"""

    bl_idname = "layfigure.export_fbx"
    bl_label = "Export FBX"


class LAYFIGURE_MT_export(bpy.types.Menu):
    """The formats, in File > Export."""

    bl_idname = "LAYFIGURE_MT_export"
    bl_label = "Layfigure Character"

    def draw(self, _context: bpy.types.Context) -> None:
        """One entry for each; grey where this Blender lacks it."""
        for name, form in FILES.items():
            row = self.layout.row()
            row.enabled = not lacking(name)
            where = "folder" if form.folder else form.ending
            missing = " - not in this Blender" if lacking(name) else ""
            entry = row.operator("layfigure.export", text=f"{form.label} ({where}){missing}")
            entry.format = name.upper()


def draw_choices(layout: bpy.types.UILayout, fields: ExportFields, kind: str) -> None:
    """The fields that the format `kind` has a use for."""
    if not FILES[kind].skeleton:
        return
    if kind == "fbx":
        layout.prop(fields, "preset")
    layout.prop(fields, "shape_keys")
    if fields.shape_keys == "PCA":
        layout.prop(fields, "components")
    layout.prop(fields, "root_motion")


def draw_export_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """The entry in File > Export."""
    self.layout.menu(LAYFIGURE_MT_export.bl_idname)
