"""Vertex sequences as PC2, the point cache that Blender's Mesh Cache modifier plays."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .errors import InputError

_HEADER = struct.Struct("<12siiffi")
_MAGIC = b"POINTCACHE2\0"


@contextmanager
def pc2_writer(
    path: str | os.PathLike, start: float = 0.0, rate: float = 1.0
) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that takes parts (n, V, 3), metres; the file is there when all went well."""
    frames = count = 0
    temporary = Path(path).with_name(f".{Path(path).name}.tmp")
    try:
        with temporary.open("wb") as stream:

            def write(part: np.ndarray) -> None:
                nonlocal frames, count
                frames, count = frames + part.shape[0], part.shape[1]
                # Not tofile(): its errors do not say that the disk is full.
                stream.write(np.ascontiguousarray(part, "<f4").data)

            stream.write(bytes(_HEADER.size))
            yield write
            stream.seek(0)
            stream.write(_HEADER.pack(_MAGIC, 1, count, start, rate, frames))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_pc2(
    path: str | os.PathLike,
    vertices: np.ndarray | Iterable[np.ndarray],
    start: float = 0.0,
    rate: float = 1.0,
) -> None:
    """Write (T, V, 3) metres, whole or in parts (n, V, 3); `start` and `rate` in frames."""
    with pc2_writer(path, start, rate) as write:
        for part in [vertices] if isinstance(vertices, np.ndarray) else vertices:
            write(part)


def read_pc2(path: str | os.PathLike, most: int | None = None) -> np.ndarray:
    """(T, V, 3) float32 metres, of the first frames if not more than `most` are wanted.

    Raises InputError for a missing, foreign or cut off file.
    """
    frames, count = pc2_shape(path)
    frames = frames if most is None else min(frames, most)
    values = np.fromfile(path, "<f4", frames * count * 3, offset=_HEADER.size)
    return values.reshape(frames, count, 3)


def pc2_shape(path: str | os.PathLike) -> tuple[int, int]:
    """How many frames and vertices a file holds. Raises InputError as `read_pc2` does."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    with Path(path).open("rb") as stream:
        head = stream.read(_HEADER.size)
        size = stream.seek(0, os.SEEK_END) - _HEADER.size
    if size < 0 or head[:12] != _MAGIC:
        raise InputError(f"{path}: this is not a PC2 point cache.", "Give a .pc2 file.")
    _, _, count, _, _, frames = _HEADER.unpack(head)
    if size != frames * count * 12:
        raise InputError(f"{path}: the point cache is cut off.", "Write it again.")
    return frames, count
