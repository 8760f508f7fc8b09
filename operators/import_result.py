"""Bring a result folder into the scene."""

import bpy

from ..addon.scene.import_result import ImportOptions, import_result
from ..engine.formats.errors import InputError
from .base import LayfigureOperator

PLAYS = (
    ("AUTO", "Automatic", "Stored vertices for avatars, the armature for all else"),
    ("CACHE", "Vertices", "The vertices that the result stores (PC2)"),
    ("ARMATURE", "Armature", "The bones and their keys"),
)
_USE_CACHE = {"AUTO": None, "CACHE": True, "ARMATURE": False}


class LAYFIGURE_OT_import_result(LayfigureOperator, bpy.types.Operator):
    """Bring the characters, their motion and the camera of a result folder into the scene"""

    bl_idname = "layfigure.import_result"
    bl_label = "Import Result"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

    directory: bpy.props.StringProperty(
        name="Result Folder",
        description="A folder that holds result.json",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="The frame on which the clip begins", default=1
    )
    with_camera: bpy.props.BoolProperty(
        name="Camera", description="The camera that filmed the clip", default=True
    )
    with_footage: bpy.props.BoolProperty(
        name="Footage",
        description="The film behind the camera, where it still exists",
        default=True,
    )
    shape_keys: bpy.props.BoolProperty(
        name="Shape Keys",
        description="Body shape and expressions as shape keys; without: one plain mesh",
        default=True,
    )
    texture: bpy.props.BoolProperty(
        name="Texture",
        description="What the footage shows of the person as a texture, where the result has one; "
        "without: plain clothes",
        default=True,
    )
    play: bpy.props.EnumProperty(name="Play", description="What moves the mesh", items=PLAYS)
    replaces: bpy.props.StringProperty(
        name="Replaces",
        description="A result folder whose characters are hidden because this one takes their "
        "place",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Objects can be made."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> None:
        """Import it."""
        if not self.directory:
            raise InputError("No result folder is chosen.", "Choose a folder with result.json.")
        options = ImportOptions(
            start_frame=self.start_frame,
            with_camera=self.with_camera,
            with_footage=self.with_footage,
            shape_keys=self.shape_keys,
            texture=self.texture,
            use_cache=_USE_CACHE[self.play],
            replaces=bpy.path.abspath(self.replaces),
        )
        imported = import_result(context, bpy.path.abspath(self.directory), options)
        for warning in imported.warnings:
            self.report({"WARNING"}, warning)
        count = len(imported.people)
        people = "1 character" if count == 1 else f"{count} characters"
        frames = imported.frame_end - imported.frame_start + 1
        self.report({"INFO"}, f"Imported {people}, {frames} frames")


def draw_import_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """The entry in File > Import."""
    self.layout.operator(LAYFIGURE_OT_import_result.bl_idname, text="Layfigure Result (folder)")
