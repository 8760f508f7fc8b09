"""Bring a result folder into the scene."""

import bpy

from ..addon.scene.import_result import ImportOptions, import_result
from .base import LayfigureOperator, TakesResult

PLAYS = (
    ("AUTO", "Automatic", "Stored vertices for avatars, the armature for all else"),
    ("CACHE", "Vertices", "The vertices that the result stores (PC2)"),
    ("ARMATURE", "Armature", "The bones and their keys"),
)
_USE_CACHE = {"AUTO": None, "CACHE": True, "ARMATURE": False}


class LAYFIGURE_OT_import_result(TakesResult, LayfigureOperator, bpy.types.Operator):
    """Bring the characters, their motion and the camera of a result folder into the scene"""

    bl_idname = "layfigure.import_result"
    bl_label = "Import Result"
    bl_options = {"REGISTER", "UNDO", "PRESET"}

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

    def run(self, context: bpy.types.Context) -> None:
        """Import it."""
        options = ImportOptions(
            start_frame=self.start_frame,
            with_camera=self.with_camera,
            with_footage=self.with_footage,
            shape_keys=self.shape_keys,
            texture=self.texture,
            use_cache=_USE_CACHE[self.play],
            replaces=bpy.path.abspath(self.replaces),
        )
        imported = import_result(context, self.chosen(), options)
        for warning in imported.warnings:
            self.report({"WARNING"}, warning)
        count = len(imported.people)
        people = "1 character" if count == 1 else f"{count} characters"
        frames = imported.frame_end - imported.frame_start + 1
        self.report({"INFO"}, f"Imported {people}, {frames} frames")


def draw_import_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """The entry in File > Import."""
    self.layout.operator(LAYFIGURE_OT_import_result.bl_idname, text="Layfigure Result (folder)")
