"""The active character's motion on another armature, and the bone map that it goes by."""

import bpy

from ..addon.motion_options import (
    foot_options,
    frames_of,
    map_of,
    preset,
    preset_folder,
    preset_names,
    set_map,
)
from ..addon.scene.bone_maps import guess
from ..addon.scene.bone_maps_file import save_preset
from ..addon.scene.retarget import RetargetOptions, retarget
from ..engine.formats.errors import InputError
from .base import LayfigureOperator
from .motion_base import OnCharacter
from .rig_body import rig_of


def retarget_options(settings: bpy.types.PropertyGroup) -> RetargetOptions:
    """What the panel says of retargeting."""
    return RetargetOptions(
        start_frame=settings.motion_start if settings.motion_start_known else None,
        root=settings.motion_root,
        lock=foot_options(settings) if settings.motion_lock else None,
    )


class LAYFIGURE_OT_motion_retarget(OnCharacter, bpy.types.Operator):
    """Bring the motion of the active character onto the target, in an action of its own; the
    target's old action is kept"""

    bl_idname = "layfigure.motion_retarget"
    bl_label = "Retarget"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There are two armatures."""
        if not super().poll(context):
            return False
        if context.scene.layfigure.motion_target is None:
            cls.poll_message_set("Choose a target armature")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Retarget."""
        source, settings = rig_of(context), context.scene.layfigure
        target = settings.motion_target
        maps = (map_of(source), map_of(target))
        frames = frames_of(context, source)
        done = retarget(context, source, target, maps, frames, retarget_options(settings))
        for note in done.notes:
            self.report({"INFO"}, note)
        first, free, held = done.skate
        feet = f"feet slide {held:.1f} mm a frame while they stand (source {first:.1f}"
        feet += f", without foot lock {free:.1f})" if settings.motion_lock else ")"
        count = len(done.frames)
        self.report({"INFO"}, f"Keyed {done.bones} bones, {count} frames on {target.name}: {feet}")


class _OnTarget(LayfigureOperator):
    """What works on the target's bone map."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a target."""
        if context.scene.layfigure.motion_target is None:
            cls.poll_message_set("Choose a target armature")
            return False
        return True


class LAYFIGURE_OT_motion_guess(_OnTarget, bpy.types.Operator):
    """Find the target's bones by the names that Rigify, Mixamo, Unreal and others give them"""

    bl_idname = "layfigure.motion_guess"
    bl_label = "Guess Bone Map"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Fill the list."""
        target = context.scene.layfigure.motion_target
        found = guess(target)
        set_map(target, found)
        self.report({"INFO"}, f"{found.name}: {len(found.bones)} bones")


class LAYFIGURE_OT_motion_save_map(_OnTarget, bpy.types.Operator):
    """Save the target's bone map as a preset"""

    bl_idname = "layfigure.motion_save_map"
    bl_label = "Save Bone Map"
    bl_options = {"REGISTER"}

    name: bpy.props.StringProperty(name="Name", description="What the preset is called")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the name."""
        self.name = self.name or context.scene.layfigure.motion_target.name
        return context.window_manager.invoke_props_dialog(self)

    def run(self, context: bpy.types.Context) -> None:
        """Save it."""
        target = context.scene.layfigure.motion_target
        bone_map = map_of(target)
        bone_map.name = self.name
        path = save_preset(preset_folder(), bone_map)
        set_map(target, bone_map)
        self.report({"INFO"}, f"Wrote {path}")


_shown: list[tuple[str, str, str]] = []  # Blender wants somebody to hold the texts of a menu


def _presets(_self: bpy.types.Operator, _context: bpy.types.Context) -> list[tuple[str, str, str]]:
    _shown[:] = [(name, name, f"The bone map {name}") for name in dict.fromkeys(preset_names())]
    return _shown


class LAYFIGURE_OT_motion_load_map(_OnTarget, bpy.types.Operator):
    """Take a saved bone map for the target; bones that it has not are left empty"""

    bl_idname = "layfigure.motion_load_map"
    bl_label = "Bone Map Preset"
    bl_options = {"REGISTER", "UNDO"}

    preset: bpy.props.EnumProperty(name="Preset", description="The map to take", items=_presets)

    def run(self, context: bpy.types.Context) -> None:
        """Fill the list."""
        target = context.scene.layfigure.motion_target
        bone_map = preset(self.preset)
        fitting = guess(target) if bone_map.name == "Mixamo" else bone_map.on(target)
        if not fitting.bones:
            raise InputError(
                f"{target.name}: it has none of the bones of {bone_map.name}.",
                "Choose another preset.",
            )
        set_map(target, fitting)
        self.report({"INFO"}, f"{fitting.name}: {len(fitting.bones)} bones")


CLASSES = (
    LAYFIGURE_OT_motion_retarget,
    LAYFIGURE_OT_motion_guess,
    LAYFIGURE_OT_motion_save_map,
    LAYFIGURE_OT_motion_load_map,
)
