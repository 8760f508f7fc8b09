"""The engine's jobs, made of what the sidebar's fields hold."""

import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..engine.formats.errors import InputError
from .properties import LayfigureSettings

_AS_THEY_ARE = (
    *("hands", "face", "smooth", "camera_motion", "collisions", "texture", "legacy_output", "pc2"),
)


def source_of(settings: LayfigureSettings) -> str:
    """The path in the field that is shown, as an absolute path, or nothing."""
    name = {"VIDEO": "video", "IMAGES": "images", "KEYPOINTS": "keypoints"}[settings.source_kind]
    return absolute(getattr(settings, name))


@functools.cache
def _documents() -> Path:
    home = Path.home()
    return (home / "Documents" if (home / "Documents").is_dir() else home) / "Layfigure"


def output_base(settings: LayfigureSettings) -> Path:
    """The folder in which result folders are made."""
    if settings.output.strip():
        return Path(absolute(settings.output))
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "layfigure"
    return _documents()


def output_name(source: str) -> str:
    """The name of a result folder: that of the clip."""
    path = Path(source)
    return (path.stem if path.suffix else path.name) or "result"


def free_folder(folder: Path, taken: Callable[[Path], bool] = Path.exists) -> Path:
    """`folder`, or with a number behind it when that is `taken` already."""
    free, number = folder, 2
    while taken(free):
        free, number = folder.with_name(f"{folder.name}_{number:02d}"), number + 1
    return free


def fit_request(settings: LayfigureSettings) -> tuple[str, dict[str, Any], Path]:
    """Name of the clip, parameters of the engine's job `fit`, and the folder for its result.

    Raises InputError for a path that is not there or not of the kind that was chosen.
    """
    source = source_of(settings)
    is_video = settings.source_kind == "VIDEO"
    require(source, "video" if is_video else "folder", folder=not is_video)
    params: dict[str, Any] = {
        "source": source,
        "body": settings.body.strip() or "layfigure",
        "focal": settings.focal if settings.focal_known else None,
        "people": settings.people if settings.people_known else None,
        "independent": settings.independent and not is_video,
        "camera": None,
        "config": None,
        "prior": _prior(settings.prior.strip()),
        **{name: getattr(settings, name) for name in _AS_THEY_ARE},
    }
    if settings.source_kind == "KEYPOINTS" and settings.camera.strip():
        camera = absolute(settings.camera)
        require(camera, "camera file", folder=False)
        _require_json(camera)
        params["camera"] = camera
    if settings.config.strip():
        params["config"] = absolute(settings.config)
        require(params["config"], "config file", folder=False)
    name = output_name(source)
    return name, params, free_folder(output_base(settings) / name)


def refit_request(result: Path, corrections: Path) -> tuple[str, dict[str, Any], Path]:
    """Name, parameters of the engine's job `refit`, and the folder for its result: beside."""
    plain = re.sub(r"_\d\d$", "", result.name)  # clip, clip_02, clip_03 and not clip_02_02
    base = result.with_name(plain) if result.with_name(plain).exists() else result
    params = {"source": str(result), "corrections": str(corrections)}
    return result.name, params, free_folder(base)


def absolute(path: str) -> str:
    """The path in a field, its `//` resolved; empty stays empty."""
    return bpy.path.abspath(path.strip()) if path.strip() else ""


def _prior(prior: str) -> str:
    """A registered name as it is, a path as a whole one."""
    if not prior.startswith("//") and not Path(prior).is_absolute():
        return prior or "layfigure"
    path = bpy.path.abspath(prior)
    if not Path(path).exists():
        raise InputError(f"{path}: no such prior.", "Choose a VPoser folder or a GMM file.")
    return path


def existing(path: str, what: str) -> str:
    """A file or folder that is there, without the slash that Blender puts behind folders.

    Raises InputError, naming `what`, when nothing is chosen or it is not there.
    """
    path = absolute(path)
    if not path:
        raise InputError(f"No {what} is chosen.", "Choose one in the panel.")
    if not Path(path).exists():
        raise InputError(f"{path}: no such {what}.", "Choose it again.")
    return str(Path(path))


def named(text: str, what: str) -> str:
    """A registered name as it is, a file as a whole path, nothing as nothing.

    Raises InputError, naming `what`, for a file that is not there.
    """
    text = text.strip()
    if not text.startswith("//") and not Path(text).is_absolute():
        return text
    return existing(text, what)


def require(path: str, what: str, folder: bool) -> None:
    """Raise InputError, naming `what`, when nothing is chosen or it is not there."""
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
