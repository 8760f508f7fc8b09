"""What the sidebar's fields hold."""

import bpy

from .animal_options import AnimalOptions
from .annotate_options import AnnotateOptions
from .avatar_options import AvatarOptions
from .export_options import ExportSettings
from .fit_options import FitOptions
from .motion_options import MotionOptions
from .picture_options import PictureOptions

SOURCES = (
    ("VIDEO", "Video", "A film of one or more people", "FILE_MOVIE", 0),
    ("IMAGES", "Pictures", "A folder of pictures", "IMAGE_DATA", 1),
    ("KEYPOINTS", "Keypoints", "A folder of OpenPose JSON files", "POSE_HLT", 2),
)


class LayfigureSettings(
    FitOptions,
    PictureOptions,
    AvatarOptions,
    AnnotateOptions,
    AnimalOptions,
    ExportSettings,
    MotionOptions,
    bpy.types.PropertyGroup,
):
    """The fields of the sidebar, saved with the scene."""

    source_kind: bpy.props.EnumProperty(
        name="Source", description="What the body is fitted to", items=SOURCES
    )
    video: bpy.props.StringProperty(
        name="Video", description="The film with the person", subtype="FILE_PATH"
    )
    images: bpy.props.StringProperty(
        name="Pictures", description="The folder with the pictures", subtype="DIR_PATH"
    )
    keypoints: bpy.props.StringProperty(
        name="Keypoints",
        description="The folder with one OpenPose JSON file per frame",
        subtype="DIR_PATH",
    )
    output: bpy.props.StringProperty(
        name="Save In",
        description="Where the folder with the result is made. "
        "Empty: beside the saved .blend file, else in your documents",
        subtype="DIR_PATH",
    )
    camera: bpy.props.StringProperty(
        name="Camera",
        description="JSON file with width, height, fps and focal of the film behind the keypoints",
        subtype="FILE_PATH",
    )
    import_when_done: bpy.props.BoolProperty(
        name="Import When Done",
        description="Bring the character into the scene when the fit is ready",
        default=True,
    )
    edit_hands: bpy.props.BoolProperty(
        name="Hands", description="Tracks for the 42 points of the hands as well"
    )
    edit_face: bpy.props.BoolProperty(
        name="Face", description="Tracks for the 70 points of the face as well"
    )
