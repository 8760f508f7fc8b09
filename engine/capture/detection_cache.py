"""Detections that are kept: a long film is looked at once, and killed work goes on where it was.

A film has a folder, named by what the film is and how it was looked at; in it lie its frames in
parts of 64, each written whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..formats.errors import InputError
from ..formats.keypoints import KEYPOINT_NAMES
from ..formats.npz import read_npz, write_npz

PART = 64  # frames
_MOST_BYTES = 500_000_000
_ENDS = 1 << 16  # bytes at the head and at the tail of a file that tell it from another


def fingerprint(files: Iterable[Path], *how: object) -> str:
    """A name for `files` as they are now (path, size, time, head and tail), looked at `how`."""
    told = hashlib.sha256(repr(how).encode())
    for file in files:
        file = file.resolve()
        with file.open("rb") as stream:
            stat = os.fstat(stream.fileno())
            told.update(repr((os.fspath(file), stat.st_size, stat.st_mtime_ns)).encode())
            told.update(stream.read(_ENDS))
            stream.seek(max(stat.st_size - _ENDS, 0))
            told.update(stream.read(_ENDS))
    return told.hexdigest()[:32]


@dataclass
class DetectionCache:
    """The detections of one film, `points` (n, 137, 3) of its first n frames."""

    folder: Path
    points: list[np.ndarray]  # (137, 3) each
    whole: bool  # whether these are all frames of the film
    notes: list[str]  # what the reader should be told
    _broken: bool = False  # nothing more can be written

    def add(self, points: np.ndarray) -> None:
        """The next frame (137, 3); every 64th writes a part."""
        self.points.append(points)
        if len(self.points) % PART == 0:
            self._write(len(self.points) // PART - 1, False)

    def finish(self) -> None:
        """The film has no more frames: write the rest, and throw away what is too much."""
        if not self.whole:
            self._write(len(self.points) // PART, True)
            self.whole = True
        try:
            _shrink(self.folder)
        except OSError:  # another process tidies up at the same time
            return

    def _write(self, number: int, last: bool) -> None:
        if self._broken:
            return
        part = np.array(self.points[number * PART : (number + 1) * PART], np.float32)
        part = part.reshape(-1, len(KEYPOINT_NAMES), 3)
        try:
            write_npz(_part(self.folder, number), points=part, last=last)
        except OSError as error:
            self._broken = True
            self.notes.append(f"The detections could not be kept for next time ({error}).")


def open_cache(home: Path, name: str) -> DetectionCache:
    """What is kept in the folder `home` under `name`, up to the first part that is not whole."""
    cache = DetectionCache(home / name, [], False, [])
    while not cache.whole:
        file = _part(cache.folder, len(cache.points) // PART)
        if not file.is_file():
            break
        try:
            data = read_npz(file, required=("points", "last"))
            points, last = data["points"], bool(data["last"])
        except (InputError, OSError, ValueError):
            points, last = np.zeros(0), False
        shape = (len(points) if last else PART, len(KEYPOINT_NAMES), 3)
        if points.shape != shape or not np.isfinite(points).all():
            cache.notes.append(f"{file} was damaged; from there on the film was looked at again.")
            break
        cache.points += list(points)
        cache.whole = last
    if cache.folder.is_dir():
        _touch(cache.folder)
    return cache


def _part(folder: Path, number: int) -> Path:
    return folder / f"part_{number:05d}.npz"


def _touch(folder: Path) -> None:
    """Remember that it was used: the longest unused goes first."""
    try:
        os.utime(folder)
    except OSError:  # somebody else's folder; it is read all the same
        return


def _shrink(keep: Path) -> None:
    """Remove the films that were not used for longest until the rest is small enough."""
    films = []
    for folder in keep.parent.iterdir() if keep.parent.is_dir() else []:
        sizes = [f.stat() for f in folder.glob("part_*.npz")]
        films.append((folder.stat().st_mtime, sum(s.st_size for s in sizes), folder))
    total = sum(size for _, size, _ in films)
    for _, size, folder in sorted(films):
        if total <= _MOST_BYTES:
            return
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size
