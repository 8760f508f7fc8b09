"""Vertex sequences as MDD, the point cache of LightWave that Maya, Cinema 4D and Blender play."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .errors import InputError

_HEADER = struct.Struct(">ii")  # frames, vertices; everything in the file is big-endian


def write_mdd(
    path: str | os.PathLike, vertices: np.ndarray | Iterable[np.ndarray], times: np.ndarray
) -> None:
    """Write (T, V, 3) metres, whole or frame by frame (V, 3), at `times` (T,) seconds.

    The file is there when all went well. Raises ValueError when frames and times do not agree.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    frames = count = 0
    try:
        with temporary.open("wb") as stream:
            stream.write(bytes(_HEADER.size))
            stream.write(np.asarray(times, ">f4").tobytes())
            for frame in vertices:
                frames, count = frames + 1, len(frame)
                stream.write(np.ascontiguousarray(frame, ">f4").data)
            stream.seek(0)
            stream.write(_HEADER.pack(frames, count))
        if frames != len(times):
            raise ValueError(f"{frames} frames but {len(times)} times")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_mdd(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """(T, V, 3) float32 metres and their times (T,) in seconds.

    Raises InputError for a missing, foreign or cut off file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    data = path.read_bytes()
    frames, count = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (0, 0)
    if min(frames, count) < 1 or len(data) != _HEADER.size + 4 * frames * (1 + 3 * count):
        raise InputError(f"{path}: this is not a whole MDD point cache.", "Write it again.")
    values = np.frombuffer(data, ">f4", offset=_HEADER.size).astype(np.float32)
    return values[frames:].reshape(frames, count, 3), values[:frames]
