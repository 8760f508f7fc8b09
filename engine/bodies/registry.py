"""Bodies by place: the one that ships with the program and those in files of the user."""

from __future__ import annotations

import functools
import os
import zipfile
from pathlib import Path

from ..formats.body_file import BodyData, load_body
from .official import read_official

SHIPPED = Path(__file__).parent / "data" / "layfigure.npz"


@functools.cache
def load_shipped() -> BodyData:
    """The body that ships with the program. One copy is shared: do not change its arrays."""
    return load_body(SHIPPED)


def load_body_file(path: str | os.PathLike) -> BodyData:
    """A body file of ours, or an official SMPL, SMPL-H or SMPL-X file (.npz or .pkl).

    Told apart by content. Raises InputError for anything else.
    """
    return load_body(path) if _is_ours(Path(path)) else read_official(path)


def _is_ours(path: Path) -> bool:
    """Whether an archive has our keypoint table; any other fault is the reader's to report."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "keypoint_names.npy" in archive.namelist()
