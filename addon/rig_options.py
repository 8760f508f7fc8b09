"""What a rig of the user knows of being a body, saved with its armature."""

import bpy

from .scene.rig_body import GROUP, HEAD, TAIL, Keypoint, RigOptions
from .scene.rig_guess import VOCABULARIES
from .scene.rig_mesh import meshes_of

ENDS = (
    (HEAD, "Head", "Where the bone begins"),
    (TAIL, "Tail", "Where the bone ends"),
    (GROUP, "Vertices", "The middle of a vertex group"),
)
FACINGS = (
    ("-Y", "-Y", "Its face is seen in the front view, as Blender wants it"),
    ("+Y", "+Y", "Its face is seen in the back view"),
    ("+X", "+X", "Its face is seen in the right view"),
    ("-X", "-X", "Its face is seen in the left view"),
)
WORDS = (
    ("HUMAN", "Human", "The names of OpenPose's 25 points"),
    ("ANIMAL", "Animal", "The names that data sets of animals have"),
)


def _names(self: bpy.types.PropertyGroup, _context: bpy.types.Context, _text: str) -> list[str]:
    return list(VOCABULARIES[self.id_data.layfigure_rig.vocabulary])


def _bones(self: bpy.types.PropertyGroup, _context: bpy.types.Context, _text: str) -> list[str]:
    return self.id_data.data.bones.keys()


def _groups(self: bpy.types.PropertyGroup, _context: bpy.types.Context, _text: str) -> list[str]:
    found = [group.name for mesh in meshes_of(self.id_data) for group in mesh.vertex_groups]
    return list(dict.fromkeys(found))


class LayfigureRigPoint(bpy.types.PropertyGroup):
    """A keypoint on the rig."""

    name: bpy.props.StringProperty(
        name="Name",
        description="What annotations and detectors call this point; any name will do that they "
        "use too",
        search=_names,
        search_options={"SUGGESTION"},
    )
    end: bpy.props.EnumProperty(name="At", description="Where the point is", items=ENDS)
    bone: bpy.props.StringProperty(
        name="Bone", description="The bone that the point is an end of", search=_bones
    )
    group: bpy.props.StringProperty(
        name="Group", description="The vertices in whose middle the point is", search=_groups
    )


class LayfigureRig(bpy.types.PropertyGroup):
    """The fields of the panel Rigged Body."""

    points: bpy.props.CollectionProperty(type=LayfigureRigPoint)
    active_point: bpy.props.IntProperty(options={"HIDDEN"})
    vocabulary: bpy.props.EnumProperty(
        name="Names", description="The names that keypoints are guessed for", items=WORDS
    )
    facing: bpy.props.EnumProperty(
        name="Facing", description="The axis along which the character looks", items=FACINGS
    )
    without_keys: bpy.props.StringProperty(
        name="Without",
        description="Shape keys that are no shape of the body, with commas between them and * for "
        "any letters: face_*, *smile*. Those with drivers are left out anyway",
    )


def options_of(armature: bpy.types.Object) -> RigOptions:
    """What the panel says of `armature`."""
    rig = armature.layfigure_rig
    return RigOptions(facing=rig.facing, without_keys=tuple(rig.without_keys.split(",")))


def keypoints_of(armature: bpy.types.Object) -> list[Keypoint]:
    """The keypoints in the panel's list."""
    points = armature.layfigure_rig.points
    return [Keypoint(p.name, p.group if p.end == GROUP else p.bone, p.end) for p in points]


def set_keypoints(armature: bpy.types.Object, keypoints: list[Keypoint]) -> None:
    """Put `keypoints` into the panel's list; those of other names stay."""
    points = armature.layfigure_rig.points
    for keypoint in keypoints:
        point = points.get(keypoint.name) or points.add()
        point.name, point.end = keypoint.name, keypoint.end
        setattr(point, "group" if keypoint.end == GROUP else "bone", keypoint.on)
