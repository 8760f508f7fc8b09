"""The fields of the panel Motion, and the bone map that is saved with an armature."""

from pathlib import Path

import bpy

from ..engine.formats.errors import InputError
from . import engine_setup
from .scene.bone_maps import KNOWN, SLOTS, BoneMap, guess
from .scene.bone_maps_file import load_preset, presets
from .scene.foot_contacts import FootOptions
from .scene.retarget import HIPS, IN_PLACE, ROOT

ROOTS = (
    (HIPS, "Hips", "The hips carry the character through the scene"),
    (ROOT, "Root Bone", "The root bone carries it over the floor; the hips do the rest"),
    (IN_PLACE, "In Place", "It moves on the spot, as games like it"),
)
POSES = (
    ("CURRENT", "Current Frame", "The pose that is shown now"),
    ("MARKERS", "Markers", "Frames with timeline markers"),
    ("KEYS", "Selected Keys", "Frames of the keys that are selected"),
    ("DIFFERENT", "Most Different", "The frames whose poses differ most from each other"),
)


def _is_armature(_settings: bpy.types.PropertyGroup, thing: bpy.types.Object) -> bool:
    return thing.type == "ARMATURE"


def _bones(self: bpy.types.PropertyGroup, _context: bpy.types.Context, _text: str) -> list[str]:
    return self.id_data.data.bones.keys()


class LayfigureBonePair(bpy.types.PropertyGroup):
    """One of our bones, its `name`, and the rig's that is it."""

    bone: bpy.props.StringProperty(
        name="Bone",
        description="The bone or control of this rig that turns as ours; empty: none does",
        search=_bones,
    )


class LayfigureMapSwitch(bpy.types.PropertyGroup):
    """A custom property of a bone, its `name`, that has to have a value, such as IK_FK."""

    key: bpy.props.StringProperty(name="Property", description="The custom property")
    value: bpy.props.FloatProperty(name="Value", description="What it is set to")


class LayfigureBoneMap(bpy.types.PropertyGroup):
    """Which bones of an armature are which of ours."""

    label: bpy.props.StringProperty(name="Preset", description="Where the map came from")
    bones: bpy.props.CollectionProperty(type=LayfigureBonePair)
    switches: bpy.props.CollectionProperty(type=LayfigureMapSwitch)
    active: bpy.props.IntProperty(options={"HIDDEN"})


class MotionOptions:
    """Mixin: retargeting, foot lock, smoothing, BVH, pose assets."""

    motion_target: bpy.props.PointerProperty(
        type=bpy.types.Object,
        name="Target",
        description="The armature that the active character's motion is brought onto",
        poll=_is_armature,
    )
    motion_root: bpy.props.EnumProperty(
        name="Root Motion", description="What moves through the scene", items=ROOTS
    )
    motion_start_known: bpy.props.BoolProperty(
        name="Start Frame", description="Begin on another frame than the source does"
    )
    motion_start: bpy.props.IntProperty(
        name="Start Frame", description="The frame on which the motion begins", default=1
    )
    motion_lock: bpy.props.BoolProperty(
        name="Foot Lock",
        description="Keep the target's feet still while the source's stand",
        default=True,
    )
    motion_part: bpy.props.BoolProperty(
        name="Frame Range", description="Only some of the frames; else all that have keys"
    )
    motion_first: bpy.props.IntProperty(
        name="First", description="The first frame of the range", default=1
    )
    motion_last: bpy.props.IntProperty(
        name="Last", description="The last frame of the range, included", default=250
    )
    foot_height: bpy.props.FloatProperty(
        name="Height",
        description="A foot stands only so little above where it is at its lowest",
        default=0.05,
        min=0.0,
        soft_max=0.3,
        unit="LENGTH",
    )
    foot_speed: bpy.props.FloatProperty(
        name="Speed",
        description="A foot stands only while it is slower than this",
        default=0.35,
        min=0.0,
        soft_max=2.0,
        unit="VELOCITY",
    )
    foot_blend: bpy.props.IntProperty(
        name="Blend",
        description="Frames in which a foot comes to its place and leaves it",
        default=4,
        min=0,
        soft_max=20,
    )
    smooth_strength: bpy.props.FloatProperty(
        name="Strength",
        description="Width in frames of the Gaussian that the motion is smoothed with",
        default=1.5,
        min=0.1,
        soft_max=10.0,
        max=100.0,
    )
    smooth_feet: bpy.props.BoolProperty(
        name="Keep Feet",
        description="Feet that stood stay where they stood",
        default=True,
    )
    bvh_scale: bpy.props.FloatProperty(
        name="Scale",
        description="Metres that one unit of the file is; 0: the one in which its legs are as long "
        "as most people's",
        default=0.0,
        min=0.0,
        soft_max=1.0,
        precision=4,
    )
    bvh_onto: bpy.props.BoolProperty(
        name="Onto the Active Character",
        description="Key it on the active armature; without: leave it an armature of its own",
        default=True,
    )
    pose_frames: bpy.props.EnumProperty(
        name="Frames", description="Which frames become pose assets", items=POSES
    )
    pose_count: bpy.props.IntProperty(
        name="Poses", description="How many poses are picked", default=8, min=1, soft_max=50
    )


def foot_options(settings: bpy.types.PropertyGroup) -> FootOptions:
    """What the panel says of feet."""
    return FootOptions(settings.foot_height, settings.foot_speed, settings.foot_blend)


def frames_of(context: bpy.types.Context, armature: bpy.types.Object) -> range:
    """The frames that the panel means: those with keys, or a part. Raises InputError for none."""
    settings, animation = context.scene.layfigure, armature.animation_data
    if settings.motion_part:
        if settings.motion_last < settings.motion_first:
            raise InputError("The frame range ends before it begins.", "Change First or Last.")
        return range(settings.motion_first, settings.motion_last + 1)
    if animation is None or animation.action is None:
        raise InputError(
            f"{armature.name}: it plays no action.", "Give it one, or choose a frame range."
        )
    first, last = animation.action.frame_range
    return range(round(first), round(last) + 1)


def map_of(armature: bpy.types.Object) -> BoneMap:
    """The armature's own bone map, else a guess. Raises InputError where names tell nothing."""
    saved = armature.layfigure_bone_map
    if not saved.bones:
        return guess(armature)
    return BoneMap(
        saved.label,
        {pair.name: pair.bone for pair in saved.bones if pair.bone},
        [(switch.name, switch.key, switch.value) for switch in saved.switches],
    )


def set_map(armature: bpy.types.Object, bone_map: BoneMap) -> None:
    """Put `bone_map` into the armature's list; every bone of ours has a line there."""
    saved = armature.layfigure_bone_map
    saved.label = bone_map.name
    saved.bones.clear()
    saved.switches.clear()
    for slot in SLOTS:
        pair = saved.bones.add()
        pair.name, pair.bone = slot, bone_map.bones.get(slot, "")
    for bone, key, value in bone_map.switches:
        switch = saved.switches.add()
        switch.name, switch.key, switch.value = bone, key, value


def preset_folder() -> Path:
    """Where the user's own bone maps lie."""
    return engine_setup.user_folder() / "presets" / "bone_maps"


def preset_names() -> list[str]:
    """Maps that come with the add-on, then the user's own."""
    return [known.name for known in KNOWN] + presets(preset_folder())


def preset(name: str) -> BoneMap:
    """The preset of this name. Raises InputError when its file is damaged."""
    if name in presets(preset_folder()):  # the user's own hides ours
        return load_preset(preset_folder() / f"{name}.json")
    known = {bone_map.name: bone_map for bone_map in KNOWN}
    if name not in known:
        raise InputError(f"{name}: there is no such preset.", "Save the map first.")
    return known[name]
