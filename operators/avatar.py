"""Train an avatar, pose it, rig it."""

import bpy

from ..addon.avatar_requests import pose_request, rig_request, train_request
from .base import LayfigureOperator, engine_is_set, give


class LAYFIGURE_OT_train_avatar(LayfigureOperator, bpy.types.Operator):
    """Learn a clothed avatar from registered scans, or go on where a training of this name was
    paused"""

    bl_idname = "layfigure.train_avatar"
    bl_label = "Train"
    bl_options = {"REGISTER"}

    start_over: bpy.props.BoolProperty(
        name="Start Over",
        description="Leave the paused training alone and begin one of its own beside it",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There is an engine."""
        return engine_is_set(cls)

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        give("avatar_train", train_request(context.scene.layfigure, self.start_over))


class _WithAvatar(LayfigureOperator):
    """What both need that use a trained avatar."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine and there is an avatar."""
        if not context.scene.layfigure.avatar:
            cls.poll_message_set("Choose the folder of an avatar first, or train one")
            return False
        return engine_is_set(cls)


class LAYFIGURE_OT_pose_avatar(_WithAvatar, bpy.types.Operator):
    """Move the avatar through a motion, every frame as its training has it, and bring it in"""

    bl_idname = "layfigure.pose_avatar"
    bl_label = "Pose"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a motion as well."""
        if not context.scene.layfigure.avatar_motion:
            cls.poll_message_set("Choose a motion first")
            return False
        return super().poll(context)

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        settings = context.scene.layfigure
        give("avatar_pose", pose_request(settings), settings.import_when_done)


class LAYFIGURE_OT_rig_avatar(_WithAvatar, bpy.types.Operator):
    """Make the avatar a mesh on an armature with corrective shape keys, which needs no engine any
    more and can be exported, and bring it in"""

    bl_idname = "layfigure.rig_avatar"
    bl_label = "Rig"
    bl_options = {"REGISTER"}

    def run(self, context: bpy.types.Context) -> None:
        """Give the job to the engine."""
        settings = context.scene.layfigure
        give("avatar_rig", rig_request(settings), settings.import_when_done)
