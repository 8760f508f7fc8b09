"""Foot lock and smoothing of a character's motion, and its poses as assets."""

import bpy

from ..addon import compat
from ..addon.motion_options import foot_options, frames_of, map_of
from ..addon.scene.foot_lock_keys import lock_feet
from ..addon.scene.pose_assets import most_different, pose_assets
from ..addon.scene.smooth_motion import smooth_motion
from ..engine.formats.errors import InputError
from .motion_base import OnCharacter
from .rig_body import rig_of


class LAYFIGURE_OT_foot_lock(OnCharacter, bpy.types.Operator):
    """Keep feet still while they stand: the legs of the active character are keyed anew"""

    bl_idname = "layfigure.foot_lock"
    bl_label = "Foot Lock"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Lock them."""
        armature, settings = rig_of(context), context.scene.layfigure
        frames = frames_of(context, armature)
        before, after = lock_feet(
            context, armature, map_of(armature), frames, foot_options(settings)
        )
        self.report({"INFO"}, f"Feet that stand slide {after:.1f} mm a frame, before {before:.1f}")


class LAYFIGURE_OT_smooth_motion(OnCharacter, bpy.types.Operator):
    """Smooth the rotations of the active character's bones and the way of its hips"""

    bl_idname = "layfigure.smooth_motion"
    bl_label = "Smooth"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Smooth them."""
        armature, settings = rig_of(context), context.scene.layfigure
        feet = foot_options(settings) if settings.smooth_feet else None
        frames, strength = frames_of(context, armature), settings.smooth_strength
        done = smooth_motion(context, armature, map_of(armature), frames, strength, feet)
        text = f"Bones jerk {done.jerk[1]:.2f}° a frame, before {done.jerk[0]:.2f}°"
        if done.skate is not None:
            text += f"; feet that stand slide {done.skate[1]:.1f} mm a frame"
        self.report({"INFO"}, text)


class LAYFIGURE_OT_pose_assets(OnCharacter, bpy.types.Operator):
    """Make frames of the active character's motion poses of the pose library"""

    bl_idname = "layfigure.pose_assets"
    bl_label = "Pose Assets from Result"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Make them."""
        armature = rig_of(context)
        made = pose_assets(context, armature, map_of(armature), _chosen(context, armature))
        if not bpy.app.background:
            for action in made:
                action.asset_generate_preview()
        place = "" if bpy.data.filepath else "; save the .blend file for them to have a catalog"
        self.report({"INFO"}, f"{len(made)} pose assets{place}")


def _chosen(context: bpy.types.Context, armature: bpy.types.Object) -> list[int]:
    """The frames that the panel means. Raises InputError for none."""
    settings, scene = context.scene.layfigure, context.scene
    if settings.pose_frames == "CURRENT":
        return [scene.frame_current]
    if settings.pose_frames == "DIFFERENT":
        frames = frames_of(context, armature)
        count = settings.pose_count
        return most_different(context, armature, map_of(armature), frames, count)
    if settings.pose_frames == "MARKERS":
        found = {marker.frame for marker in scene.timeline_markers}
        missing = "Set timeline markers on the frames."
    else:
        curves = compat.fcurves(armature)
        keys = [key for curve in curves for key in curve.keyframe_points]
        found = {round(key.co[0]) for key in keys if key.select_control_point}
        missing = "Select keys in the timeline or the dope sheet."
    if not found:
        raise InputError("No frame is chosen for a pose.", missing)
    return sorted(found)


CLASSES = (LAYFIGURE_OT_foot_lock, LAYFIGURE_OT_smooth_motion, LAYFIGURE_OT_pose_assets)
