"""Any rigged mesh as a body: its keypoints, its file, and fits of it keyed on its own armature."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper

from ..addon.rig_options import keypoints_of, options_of, set_keypoints
from ..addon.scene.rig_body import GROUP, read_rig
from ..addon.scene.rig_guess import guess
from ..addon.scene.rig_keys import key_rig
from ..engine.formats.animal_file import save_animal
from ..engine.formats.errors import InputError
from .base import LayfigureOperator, TakesResult


def rig_of(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature that is active, or that moves the active mesh."""
    thing = context.view_layer.objects.active
    if thing is None or thing.type == "ARMATURE":
        return thing
    return thing.find_armature()


class _OnRig(LayfigureOperator):
    """What all need that work on a rig."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a rig."""
        if rig_of(context) is None:
            cls.poll_message_set("Select an armature or a mesh that one moves")
            return False
        return True


class LAYFIGURE_OT_rig_guess(_OnRig, bpy.types.Operator):
    """Map keypoints to bones by the names that rigs usually give them; the points of other names
    stay"""

    bl_idname = "layfigure.rig_guess"
    bl_label = "Guess Keypoints"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Fill the list."""
        armature = rig_of(context)
        found = guess(armature, armature.layfigure_rig.vocabulary)
        if not found:
            raise InputError(
                f"{armature.name}: none of its bones has a name that is known.",
                "Add the keypoints by hand.",
            )
        set_keypoints(armature, found)
        self.report({"INFO"}, f"{len(found)} keypoints found")


class LAYFIGURE_OT_rig_point(_OnRig, bpy.types.Operator):
    """Add a keypoint, or remove the chosen one"""

    bl_idname = "layfigure.rig_point"
    bl_label = "Add or Remove Keypoint"
    bl_options = {"REGISTER", "UNDO"}

    remove: bpy.props.BoolProperty(
        name="Remove", description="Remove the chosen one instead", options={"SKIP_SAVE"}
    )

    def run(self, context: bpy.types.Context) -> None:
        """Change the list."""
        rig = rig_of(context).layfigure_rig
        if not self.remove:
            bone = context.active_pose_bone
            rig.points.add().bone = bone.name if bone is not None else ""
            rig.active_point = len(rig.points) - 1
        elif rig.points:
            rig.points.remove(rig.active_point)
            rig.active_point = max(0, min(rig.active_point, len(rig.points) - 1))


class LAYFIGURE_OT_rig_vertices(_OnRig, bpy.types.Operator):
    """Put the chosen keypoint into the middle of the vertices that are selected in Edit Mode; they
    become a vertex group"""

    bl_idname = "layfigure.rig_vertices"
    bl_label = "Use Selected Vertices"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A mesh of a rig with keypoints is being edited."""
        if context.mode != "EDIT_MESH":
            cls.poll_message_set("Select vertices of the mesh in Edit Mode")
            return False
        return super().poll(context) and bool(rig_of(context).layfigure_rig.points)

    def run(self, context: bpy.types.Context) -> None:
        """Make the group."""
        thing, rig = context.view_layer.objects.active, rig_of(context).layfigure_rig
        thing.update_from_editmode()
        chosen = [vertex.index for vertex in thing.data.vertices if vertex.select]
        if not chosen:
            raise InputError("No vertex is selected.", "Select some where the keypoint is.")
        point = rig.points[rig.active_point]
        bpy.ops.object.mode_set(mode="OBJECT")
        try:
            group = thing.vertex_groups.new(name=f"keypoint {point.name}")
            group.add(chosen, 1.0, "REPLACE")
        finally:
            bpy.ops.object.mode_set(mode="EDIT")
        point.end, point.group = GROUP, group.name


class _FromObjectMode(_OnRig):
    """What reads or writes the whole rig."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Nothing is being edited."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
            return False
        return super().poll(context)


class LAYFIGURE_OT_rig_save(_FromObjectMode, bpy.types.Operator, ExportHelper):
    """Write the armature with its meshes and shape keys as a body, and choose it in Fit Animal; the
    objects stay as they are"""

    bl_idname = "layfigure.rig_save"
    bl_label = "Save as Body"
    bl_options = {"REGISTER"}

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file, with the armature's name as its name."""
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / f"{bpy.path.clean_name(rig_of(context).name)}.npz")
        return ExportHelper.invoke(self, context, event)

    def run(self, context: bpy.types.Context) -> None:
        """Save it."""
        armature = rig_of(context)
        path = bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".npz")
        body = read_rig(armature, keypoints_of(armature), options_of(armature))
        try:
            save_animal(path, body.data)
        except OSError as error:
            raise InputError(
                f"{path}: it cannot be written ({error.strerror or error}).",
                "Choose another place.",
            ) from error
        context.scene.layfigure.animal_body = path
        for note in body.notes:
            self.report({"WARNING"}, note)
        joints, keys = len(body.data.joint_names), body.data.shapedirs.shape[-1]
        self.report({"INFO"}, f"Wrote {path}: {joints} joints, {keys} shapes")


class LAYFIGURE_OT_rig_apply(TakesResult, _FromObjectMode, bpy.types.Operator):
    """Key the motion of a fit of this rig on its own bones, and set its shape keys to the shape
    that was found. What it played before is stashed"""

    bl_idname = "layfigure.rig_apply"
    bl_label = "Apply Fit to This Armature"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Key it."""
        armature = rig_of(context)
        folder = self.chosen()
        made = key_rig(context, armature, folder, options_of(armature), self.start_frame)
        for note in made.notes:
            self.report({"INFO"}, note)
        self.report({"INFO"}, f"Keyed {len(made.frames)} frames on {armature.name}")
