"""npz archives some of whose arrays hold Python objects, read without running anything in them."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..formats.errors import InputError
from .unpickle import read_plain_stream

_AGAIN = "Copy or download the file again."


def read_members(path: str | os.PathLike, names: Iterable[str]) -> dict[str, Any]:
    """Those of the arrays `names` that an archive has; the others in it are not looked at.

    Arrays of objects come as a list of what they hold: text, numbers, arrays; sparse matrices as
    dense arrays. Raises InputError for a missing or damaged file and for objects of other kinds.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        with zipfile.ZipFile(path) as archive:
            there = {*archive.namelist()}
            found = {}
            for name in names:
                if f"{name}.npy" in there:
                    with archive.open(f"{name}.npy") as stream:
                        found[name] = read_array(stream, path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: the archive is damaged ({error}).", _AGAIN) from error
    return found


def read_array(stream: IO[bytes], path: Path) -> Any:
    """The array of a .npy from where `stream` stands; one of objects comes as a list of them.

    Raises InputError for objects that are no plain values, EOFError or ValueError for damage.
    """
    version = np.lib.format.read_magic(stream)
    known = {(1, 0): np.lib.format.read_array_header_1_0}
    header = known.get(version, np.lib.format.read_array_header_2_0)
    shape, fortran, kind = header(stream)
    if kind.hasobject:
        return read_plain_stream(stream, path, "arrays")
    count = int(np.prod(shape, dtype=np.int64))
    data = stream.read(count * kind.itemsize)
    if len(data) < count * kind.itemsize:
        raise EOFError("an array is cut short")
    array = np.frombuffer(data, kind).copy()
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
