"""Numbered pictures in a folder: their names, and which of them are there and whole."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

_DIGITS = 4
_PNG, _EXR = b"\x89PNG\r\n\x1a\n", b"\x76\x2f\x31\x01"
_IEND = b"IEND\xaeB`\x82"
# lines of an EXR picture that are packed together, by the number of the compression
_EXR_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256)


@dataclass(frozen=True)
class Pictures:
    """A picture for each frame: `folder`/`head`0001`tail`."""

    folder: Path
    head: str = ""
    digits: int = _DIGITS
    tail: str = ".png"

    def path(self, frame: int) -> Path:
        """Where the picture of `frame` belongs."""
        return self.folder / f"{self.head}{frame:0{self.digits}d}{self.tail}"

    def there(self) -> dict[int, Path]:
        """The pictures that are there, by their frames, in order; whole or not."""
        if not self.folder.is_dir():
            return {}
        name = re.compile(re.escape(self.head) + rf"(\d{{{self.digits},}})" + re.escape(self.tail))
        found = {int(m[1]): p for p in self.folder.iterdir() if (m := name.fullmatch(p.name))}
        return {frame: path for frame, path in sorted(found.items()) if path == self.path(frame)}


def named(pattern: Path) -> Pictures:
    """The pictures that `pattern` names: a folder, or a file name whose #s stand for the frame.

    Raises ValueError for a name that does not end in .png or .exr.
    """
    found = re.search(r"#+", pattern.name)
    if found is None and not pattern.suffix:
        exr = Pictures(pattern, tail=".exr")
        return exr if exr.there() and not Pictures(pattern).there() else Pictures(pattern)
    if found is None or pattern.suffix.lower() not in (".png", ".exr"):
        raise ValueError(f"'{pattern}' is neither a folder nor a name like frame_####.png or .exr")
    head, tail = pattern.name[: found.start()], pattern.name[found.end() :]
    return Pictures(pattern.parent, head, len(found[0]), tail)


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of the PNG or OpenEXR picture at `path`; None if there is no whole one."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        if data.startswith(_PNG):
            return struct.unpack(">II", data[16:24]) if data.endswith(_IEND) else None
        return _exr_size(data) if data.startswith(_EXR) else None
    except (struct.error, ValueError, IndexError, KeyError):
        return None  # cut off in its header


def _exr_size(data: bytes) -> tuple[int, int] | None:
    header, place = {}, 8
    while data[place]:
        end = data.index(b"\0", place)
        kind = data.index(b"\0", end + 1)
        (size,) = struct.unpack_from("<i", data, kind + 1)
        header[data[place:end]] = data[kind + 5 : kind + 5 + size]
        place = kind + 5 + size
    left, top, right, bottom = struct.unpack("<4i", header[b"dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if data[5] & 0x1A == 0:  # one part of whole lines, as Blender writes it
        chunks = -(-height // _EXR_LINES[header[b"compression"][0]])
        last = max(struct.unpack_from(f"<{chunks}q", data, place + 1))
        (size,) = struct.unpack_from("<i", data, last + 4)
        if last + 8 + size > len(data):
            return None
    return width, height
