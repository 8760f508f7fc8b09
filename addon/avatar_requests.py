"""The engine's jobs from scans to an avatar, made of what the sidebar's fields hold.

Each function returns a name for people, the job's parameters and the folder for what it makes, and
raises InputError for a path that is not there.
"""

from pathlib import Path
from typing import Any

from ..engine.formats.errors import InputError
from .properties import LayfigureSettings
from .requests import absolute, free_folder, output_base, output_name, require
from .training import unfinished

Request = tuple[str, dict[str, Any], Path]
_REGISTERED, _EXAMPLE = "_registered", "example"


def register_request(settings: LayfigureSettings) -> Request:
    """A body to raw scans: the job `register`."""
    source = _existing(settings.scan_source, "scan")
    poses = absolute(settings.scan_poses)
    if poses:
        require(poses, "folder of poses", folder=True)
    params = {
        "source": source,
        "body": settings.body.strip() or "layfigure",
        "poses": poses or None,
        "up": settings.scan_up,
        "unit": settings.scan_unit,
    }
    name = output_name(source)
    return name, params, free_folder(output_base(settings) / f"{name}{_REGISTERED}")


def train_request(settings: LayfigureSettings, start_over: bool = False) -> Request:
    """An avatar from registered scans: the job `avatar_train`.

    An unfinished training of that name goes on, unless it is to `start_over`.
    """
    source = absolute(settings.scans)
    if source:
        require(source, "folder of scans", folder=True)
    params = {
        "source": source or None,
        "body": settings.body.strip() or "layfigure",
        "method": settings.training_method,
        "preset": settings.training_preset,
        "steps": settings.training_steps if settings.steps_known else None,
        "colour": settings.colour,
    }
    out = training_out(settings, start_over)
    return out.name, params, out


def training_out(settings: LayfigureSettings, start_over: bool = False) -> Path:
    """The folder of the avatar that Train will make, or go on with unless it is to `start_over`."""
    scans = output_name(absolute(settings.scans)) if settings.scans.strip() else _EXAMPLE
    name = settings.avatar_name.strip() or f"{scans.removesuffix(_REGISTERED)}_avatar"
    return free_folder(
        output_base(settings) / name,
        lambda folder: folder.exists() or (start_over and unfinished(folder)),
    )


def pose_request(settings: LayfigureSettings) -> Request:
    """An avatar through a motion: the job `avatar_pose`."""
    avatar, motion = _avatar(settings), _existing(settings.avatar_motion, "motion")
    params = {
        "source": avatar,
        "motion": motion,
        "remesh": settings.remesh,
        "density": settings.density,
    }
    name = f"{Path(avatar).name}_{output_name(motion)}"
    return name, params, free_folder(output_base(settings) / name)


def rig_request(settings: LayfigureSettings) -> Request:
    """An avatar as a skinned mesh with correctives: the job `avatar_rig`."""
    avatar, motion = _avatar(settings), absolute(settings.avatar_motion)
    if motion:
        _existing(motion, "motion")
    params = {"source": avatar, "motion": motion or None, "components": settings.correctives}
    name = f"{Path(avatar).name}_rig"
    return name, params, free_folder(output_base(settings) / name)


def _avatar(settings: LayfigureSettings) -> str:
    path = absolute(settings.avatar)
    require(path, "avatar", folder=True)
    if not (Path(path) / "avatar.json").is_file():
        raise InputError(
            f"{path}: this is not an avatar.", "Choose the folder that a training has made."
        )
    return str(Path(path))


def _existing(path: str, what: str) -> str:
    """A file or folder that is there, without the slash that Blender puts behind folders."""
    path = absolute(path)
    if not path or not Path(path).exists():
        require(path, what, folder=False)
    return str(Path(path))
