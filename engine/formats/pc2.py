"""Vertex sequences as PC2, the point cache that Blender's Mesh Cache modifier plays."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .errors import InputError

_HEADER = struct.Struct("<12siiffi")
_MAGIC = b"POINTCACHE2\0"


def write_pc2(
    path: str | os.PathLike,
    vertices: np.ndarray | Iterable[np.ndarray],
    start: float = 0.0,
    rate: float = 1.0,
) -> None:
    """Write (T, V, 3) metres, whole or in parts (n, V, 3); `start` and `rate` in frames."""
    parts = [vertices] if isinstance(vertices, np.ndarray) else vertices
    frames = count = 0
    temporary = Path(path).with_name(f".{Path(path).name}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(bytes(_HEADER.size))
            for part in parts:
                frames, count = frames + part.shape[0], part.shape[1]
                # Not tofile(): its errors do not say that the disk is full.
                stream.write(np.ascontiguousarray(part, "<f4").data)
            stream.seek(0)
            stream.write(_HEADER.pack(_MAGIC, 1, count, start, rate, frames))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_pc2(path: str | os.PathLike) -> np.ndarray:
    """(T, V, 3) float32 metres. Raises InputError for a missing, foreign or cut off file."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    raw = Path(path).read_bytes()
    if len(raw) < _HEADER.size or raw[:12] != _MAGIC:
        raise InputError(f"{path}: this is not a PC2 point cache.", "Give a .pc2 file.")
    _, _, count, _, _, frames = _HEADER.unpack(raw[: _HEADER.size])
    if len(raw) - _HEADER.size != frames * count * 12:
        raise InputError(f"{path}: the point cache is cut off.", "Write it again.")
    return np.frombuffer(raw, "<f4", offset=_HEADER.size).reshape(frames, count, 3)
