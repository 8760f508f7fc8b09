"""What the sidebar's fields hold, and what of it a job is made of."""

import functools
import json
from pathlib import Path
from typing import Any

import bpy

from ..engine.formats.errors import InputError

SOURCES = (
    ("VIDEO", "Video", "A film of one or more people", "FILE_MOVIE", 0),
    ("IMAGES", "Pictures", "A folder of pictures", "IMAGE_DATA", 1),
    ("KEYPOINTS", "Keypoints", "A folder of OpenPose JSON files", "POSE_HLT", 2),
)
PRESETS = (
    ("GENERIC", "Generic", "Blender's scale and our bone names"),
    ("UNREAL", "Unreal", "Centimetres and the bone names of Unreal's mannequin"),
    ("UNITY", "Unity", "Unity's axes and the bone names that its humanoid avatar finds"),
)


class LayfigureSettings(bpy.types.PropertyGroup):
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
    body: bpy.props.StringProperty(
        name="Body",
        description="The body that is fitted: layfigure, or a model file that the engine knows",
        default="layfigure",
    )
    focal_known: bpy.props.BoolProperty(
        name="Known Focal Length",
        description="Give the focal length instead of having it read from the file or estimated",
    )
    focal: bpy.props.FloatProperty(
        name="Focal Length",
        description="Focal length in pixels (millimetres × picture width ÷ sensor width)",
        default=1200.0,
        min=10.0,
        soft_max=10000.0,
        precision=0,
        step=1000,
    )
    people_known: bpy.props.BoolProperty(
        name="Limit People", description="Fit only the people who are seen most"
    )
    people: bpy.props.IntProperty(
        name="People", description="How many people are fitted at most", default=1, min=1, max=99
    )
    camera: bpy.props.StringProperty(
        name="Camera",
        description="JSON file with width, height, fps and focal of the film behind the keypoints",
        subtype="FILE_PATH",
    )
    independent: bpy.props.BoolProperty(
        name="Unrelated Pictures",
        description="Each picture shows another person: one body each, no motion between them",
    )
    import_when_done: bpy.props.BoolProperty(
        name="Import When Done",
        description="Bring the character into the scene when the fit is ready",
        default=True,
    )
    preset: bpy.props.EnumProperty(
        name="Preset", description="The program that will read the FBX", items=PRESETS
    )


def source_of(settings: LayfigureSettings) -> str:
    """The path in the field that is shown, as an absolute path, or nothing."""
    name = {"VIDEO": "video", "IMAGES": "images", "KEYPOINTS": "keypoints"}[settings.source_kind]
    value = getattr(settings, name).strip()
    return bpy.path.abspath(value) if value else ""


@functools.cache
def _documents() -> Path:
    home = Path.home()
    return (home / "Documents" if (home / "Documents").is_dir() else home) / "Layfigure"


def output_base(settings: LayfigureSettings) -> Path:
    """The folder in which result folders are made."""
    if settings.output.strip():
        return Path(bpy.path.abspath(settings.output.strip()))
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "layfigure"
    return _documents()


def output_name(source: str) -> str:
    """The name of a result folder: that of the clip."""
    path = Path(source)
    return (path.stem if path.suffix else path.name) or "result"


def free_folder(folder: Path) -> Path:
    """`folder`, or with a number behind it when something is there already."""
    taken, number = folder, 2
    while taken.exists():
        taken, number = folder.with_name(f"{folder.name}_{number:02d}"), number + 1
    return taken


def fit_request(settings: LayfigureSettings) -> tuple[str, dict[str, Any], Path]:
    """Name of the clip, parameters of the engine's job `fit`, and the folder for its result.

    Raises InputError for a path that is not there or not of the kind that was chosen.
    """
    source = source_of(settings)
    is_video = settings.source_kind == "VIDEO"
    _require(source, "video" if is_video else "folder", folder=not is_video)
    params: dict[str, Any] = {
        "source": source,
        "body": settings.body.strip() or "layfigure",
        "focal": settings.focal if settings.focal_known else None,
        "people": settings.people if settings.people_known else None,
        "independent": settings.independent and not is_video,
        "camera": None,
    }
    if settings.source_kind == "KEYPOINTS" and settings.camera.strip():
        camera = bpy.path.abspath(settings.camera.strip())
        _require(camera, "camera file", folder=False)
        _require_json(camera)
        params["camera"] = camera
    name = output_name(source)
    return name, params, free_folder(output_base(settings) / name)


def _require(path: str, what: str, folder: bool) -> None:
    if not path:
        raise InputError(f"No {what} is chosen.", "Choose one in the panel.")
    if folder and not Path(path).is_dir():
        raise InputError(f"{path}: no such folder.", "Choose the folder again.")
    if not folder and not Path(path).is_file():
        raise InputError(f"{path}: no such file.", "Choose the file again.")


def _require_json(path: str) -> None:
    try:
        with open(path, encoding="utf-8") as stream:
            json.load(stream)
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: this is not JSON ({error}).", "Choose a camera file.") from error
