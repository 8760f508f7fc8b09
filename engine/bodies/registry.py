"""Bodies by place: the one that ships with the program and those in files of the user."""

from __future__ import annotations

import functools
import os
import zipfile
from pathlib import Path

from ..formats.animal_file import AnimalData, load_animal
from ..formats.body_file import BodyData, load_body
from .official import read_official
from .smal import is_smal, read_smal

SHIPPED = Path(__file__).parent / "data" / "layfigure.npz"
QUADRUPED = SHIPPED.with_name("quadruped.npz")


@functools.cache
def load_shipped() -> BodyData:
    """The body that ships with the program. One copy is shared: do not change its arrays."""
    return load_body(SHIPPED)


def load_quadruped() -> AnimalData:
    """The animal that ships with the program."""
    return load_animal(QUADRUPED)


def load_body_file(path: str | os.PathLike) -> BodyData:
    """A body file of ours, or an official SMPL, SMPL-H or SMPL-X file (.npz or .pkl).

    Told apart by content. Raises InputError for anything else.
    """
    return load_body(path) if _is_ours(Path(path)) else read_official(path)


def load_animal_file(path: str | os.PathLike) -> AnimalData:
    """An animal file of ours, or SMAL's official pickle with the side files beside it.

    Raises InputError for anything else.
    """
    return read_smal(path) if Path(path).suffix.lower() == ".pkl" else load_animal(path)


def is_animal(path: str | os.PathLike) -> bool:
    """Whether a file is an animal's, of ours or SMAL's; says nothing of whether it is whole."""
    return _holds(Path(path), "limb_axes") or is_smal(path)


def _is_ours(path: Path) -> bool:
    """Whether a file has our keypoint table; any other fault is the reader's to report."""
    return _holds(path, "keypoint_names")


def _holds(path: Path, array: str) -> bool:
    """Whether `path` is an archive with an array of this name."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return f"{array}.npy" in archive.namelist()
