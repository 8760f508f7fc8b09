"""The fields of the panel that exports characters."""

import bpy

from .scene.export import FORMATS as FILES

FORMATS = tuple((name.upper(), form.label, form.about) for name, form in FILES.items())
PRESETS = (
    ("GENERIC", "Generic", "Blender's scale and our bone names"),
    ("UNREAL", "Unreal", "Centimetres and the bone names of Unreal's mannequin"),
    ("UNITY", "Unity", "Unity's axes and the bone names that its humanoid avatar finds"),
)
KEYS = (
    ("SHAPE", "Shape Keys", "Expressions and correctives, with their animation"),
    (
        "PCA",
        "PCA Keys",
        "The same; and clothes that play a point cache move by the principal components of what "
        "the skeleton does not do",
    ),
    ("NONE", "None", "The skeleton alone moves the mesh"),
)
ROOT_MOTIONS = (
    ("HIPS", "In the Hips", "The hips carry the way through the room"),
    ("ROOT", "On a Root Bone", "A bone on the floor takes the hips' way and heading"),
    ("IN_PLACE", "In Place", "The way is left out: the character stays where it is"),
)


class ExportFields:
    """Mixin of the scene's settings and of the operators: how a character is written."""

    preset: bpy.props.EnumProperty(
        name="Preset", description="The program that will read the FBX", items=PRESETS
    )
    shape_keys: bpy.props.EnumProperty(
        name="Shape Keys", description="What moves the mesh besides the skeleton", items=KEYS
    )
    components: bpy.props.IntProperty(
        name="Components",
        description="How many PCA keys a mesh gets at most. More are closer and larger",
        default=50,
        min=1,
        soft_max=200,
        max=1000,
    )
    root_motion: bpy.props.EnumProperty(
        name="Root Motion",
        description="Where the character's way through the room is",
        items=ROOT_MOTIONS,
    )


class ExportSettings(ExportFields):
    """Mixin of the scene's settings: the format as well."""

    export_format: bpy.props.EnumProperty(
        name="Format", description="The kind of file", items=FORMATS
    )
