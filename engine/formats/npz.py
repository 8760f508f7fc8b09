"""npz archives of plain arrays: read without running anything, written whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .errors import InputError


def read_npz(path: str | os.PathLike, required: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """All arrays of an npz file.

    Raises InputError for a missing or damaged file, for Python objects inside (they could run code)
    and for each array of `required` that is absent.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic[:2] != b"PK":
        kind = "a Python pickle" if magic[:1] == b"\x80" else "not an npz archive"
        raise InputError(f"{path}: this is {kind}.", "Give an .npz file of plain numpy arrays.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            members = {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"{path}: it holds Python objects, which could run code and are not read.",
                "Save it again with plain numpy arrays.",
            ) from error
        raise InputError(f"{path}: an array in it is damaged ({error}).", _AGAIN) from error
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: the archive is damaged ({error}).", _AGAIN) from error
    # numpy hands out what is no array as bytes.
    arrays = {name: array for name, array in members.items() if isinstance(array, np.ndarray)}
    missing = [name for name in required if name not in arrays]
    if missing:
        raise InputError(
            f"{path}: it has no array named {', '.join(missing)}.",
            f"It holds {', '.join(sorted(arrays)) or 'nothing'}; is it the right kind of file?",
        )
    return arrays


def write_npz(path: str | os.PathLike, **arrays: np.ndarray | float | int | str) -> None:
    """Write a compressed npz beside its place, then move it there, so no half file is ever seen."""
    path = Path(path)
    # Packed in memory: an archive that fails half way complains again when it is thrown away.
    packed = io.BytesIO()
    np.savez_compressed(packed, **{k: np.asarray(v) for k, v in arrays.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(packed.getbuffer())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


_AGAIN = "Copy or make the file again."
