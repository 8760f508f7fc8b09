"""BVH files: onto a character, and of one."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..addon.motion_options import frames_of, map_of
from ..addon.scene.bvh_export import export_bvh
from ..addon.scene.bvh_import import bvh_to_character, import_bvh
from .base import LayfigureOperator
from .motion_base import OnCharacter
from .motion_retarget import retarget_options
from .rig_body import rig_of

UNITS = (
    ("METRES", "Metres", "As Blender counts"),
    ("CENTIMETRES", "Centimetres", "As most BVH files count"),
)


class LAYFIGURE_OT_motion_import_bvh(LayfigureOperator, bpy.types.Operator, ImportHelper):
    """Bring a BVH file's motion onto the active character, or in as an armature"""

    bl_idname = "layfigure.motion_import_bvh"
    bl_label = "Import BVH"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".bvh"
    filter_glob: bpy.props.StringProperty(default="*.bvh", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Objects can be made."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Import it."""
        settings, target = context.scene.layfigure, rig_of(context)
        path, scale = bpy.path.abspath(self.filepath), settings.bvh_scale
        if target is None or not settings.bvh_onto:
            armature = import_bvh(context, path, scale)
            self.report({"INFO"}, f"Imported {armature.name}")
            return
        options = retarget_options(settings)
        done = bvh_to_character(context, path, target, map_of(target), options, scale)
        for note in done.notes:
            self.report({"INFO"}, note)
        self.report({"INFO"}, f"Keyed {len(done.frames)} frames on {target.name}")


class LAYFIGURE_OT_motion_export_bvh(OnCharacter, bpy.types.Operator, ExportHelper):
    """Write the active character's motion as BVH: y up, every frame"""

    bl_idname = "layfigure.motion_export_bvh"
    bl_label = "Export BVH"
    bl_options = {"REGISTER"}

    filename_ext = ".bvh"
    filter_glob: bpy.props.StringProperty(default="*.bvh", options={"HIDDEN"})
    unit: bpy.props.EnumProperty(
        name="Unit", description="What lengths in the file are", items=UNITS, default="CENTIMETRES"
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, with the character's name as its name."""
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / f"{bpy.path.clean_name(rig_of(context).name)}.bvh")
        return ExportHelper.invoke(self, context, event)

    def run(self, context: bpy.types.Context) -> None:
        """Export it."""
        armature = rig_of(context)
        path = bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".bvh")
        scale = 100.0 if self.unit == "CENTIMETRES" else 1.0
        frames = frames_of(context, armature)
        export_bvh(context, armature, path, frames, scale)
        self.report({"INFO"}, f"Wrote {path}: {len(frames)} frames")


CLASSES = (LAYFIGURE_OT_motion_import_bvh, LAYFIGURE_OT_motion_export_bvh)
