"""Where the engine is: its Python, its command line, the folder that is the add-on's."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..engine.formats.errors import InputError
from .engine_client import EngineClient, clean_environment

assert __package__
ROOT = __package__.rpartition(".addon")[0]
ROOT_FOLDER = Path(__file__).resolve().parents[1]
LAUNCHER = ROOT_FOLDER / "engine" / "launch.py"
REQUIREMENTS = ROOT_FOLDER / "engine" / "requirements.txt"


def user_folder() -> Path:
    """The folder that is the add-on's to write in."""
    try:
        return Path(bpy.utils.extension_path_user(ROOT, create=True))
    except ValueError:  # run from a checkout, where it is a plain module
        return Path(bpy.utils.user_resource("CONFIG", path="layfigure", create=True))


def preferences() -> bpy.types.AddonPreferences | None:
    """The add-on's preferences, None when Blender does not hold it as an enabled add-on."""
    addon = bpy.context.preferences.addons.get(ROOT)
    return None if addon is None else addon.preferences


def engine_python() -> str:
    """The Python that the user chose for the engine, or nothing."""
    chosen = preferences()
    return bpy.path.abspath(chosen.engine_python.strip()) if chosen else ""


def engine_command(*arguments: str) -> list[str]:
    """The command line of the engine. Raises InputError when none is set or it is not there."""
    python = engine_python()
    if not python:
        raise InputError("No engine is set up.", "Open the add-on's preferences and choose one.")
    if not Path(python).is_file():
        raise InputError(
            f"{python}: no such file.", "Choose the engine's Python in the add-on's preferences."
        )
    return [python, str(LAUNCHER), *arguments]


def connect() -> EngineClient:
    """A client of the engine that is set now. Raises InputError when none is."""
    command = engine_command("serve")
    return EngineClient(command, clean_environment(), user_folder() / "engine.log")


def device() -> str:
    """What the user wants the engine to compute on."""
    chosen = preferences()
    return chosen.device if chosen else "auto"
