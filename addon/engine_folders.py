"""The environments that the add-on made in its own folder. No bpy."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from ..engine.formats.errors import InputError
from .install_plan import environment_python

_NAME = re.compile(r"engine(_\d+)?")
_GOING = ".removed"


def own_engines(user: Path) -> list[Path]:
    """The folders of engines in the add-on's folder `user`, whole or not."""
    return [path for path in sorted(user.glob("engine*")) if _NAME.fullmatch(path.name)]


def is_own(user: Path, python: str) -> bool:
    """Whether `python` is that of an engine in the add-on's folder `user`."""
    return any(python == str(environment_python(folder)) for folder in own_engines(user))


def next_folder(user: Path) -> Path:
    """Where the next engine goes: beside the present one, which stays until the new one works."""
    number = 1
    while (folder := user / ("engine" if number == 1 else f"engine_{number}")).exists():
        number += 1
    return folder


def remove_folders(user: Path, folders: Iterable[Path]) -> threading.Thread:
    """Take folders of `user` away at once, and from the disk in the background.

    What an earlier removal left behind goes too. Raises InputError when one is in use.
    """
    for folder in folders:
        goes = folder.with_name(folder.name + _GOING)
        shutil.rmtree(goes, ignore_errors=True)
        try:
            folder.rename(goes)
        except OSError as error:
            raise InputError(
                f"{folder}: it is in use ({error.strerror}).", "Close other Blenders and try again."
            ) from error
    gone = sorted(user.glob(f"*{_GOING}"))

    def remove() -> None:
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)

    thread = threading.Thread(target=remove, name="layfigure remove", daemon=True)
    thread.start()
    return thread
