"""The clips that a user names: files, folders, patterns and lists."""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..formats.errors import InputError
from ..formats.openpose import natural_key

_VIDEOS = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".wmv", ".ogv"}
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
_LISTS = {".txt", ".csv"}


@dataclass(frozen=True)
class Clip:
    """Something to work on, and what is wanted of it alone."""

    source: Path  # absolute
    wish: str = ""  # the name of its result folder, if the user has one
    options: dict[str, str] = field(default_factory=dict, hash=False)


def find_clips(words: Sequence[str]) -> list[Clip]:
    """The clips that `words` name, in their order, each once.

    A word is a video, a folder of pictures or of OpenPose JSON, a folder of such, a pattern like
    `shots/*.mp4`, or a list (.txt, .csv). Raises InputError for a word that names no clip; what
    a list names need not be there: that is told of the clip, later.
    """
    clips: dict[Path, Clip] = {}
    for word in words:
        for clip in _named(word):
            clips.setdefault(clip.source, clip)
    return list(clips.values())


def _named(word: str) -> Iterator[Clip]:
    path = Path(word).absolute()
    if path.is_file() and path.suffix.lower() in _LISTS:
        yield from _in_list(path)
    elif path.is_file():
        yield Clip(path)
    elif path.is_dir():
        yield from map(Clip, _in_folder(path))
    elif glob.has_magic(word):
        found = sorted(glob.glob(word, recursive=True), key=natural_key)
        if not found:
            raise InputError(f"{word}: no file fits this pattern.", "Check the path.")
        for name in found:
            yield from _named(name)
    else:
        raise InputError(f"{word}: no such file or folder.", "Check the path.")


def _in_folder(folder: Path) -> list[Path]:
    inside = sorted(folder.iterdir(), key=lambda p: natural_key(p.name))
    inside = [path for path in inside if not path.name.startswith(".")]
    videos = [path for path in inside if path.suffix.lower() in _VIDEOS]
    if not videos and _is_clip(folder):
        return [folder]
    found = [path for path in inside if path in videos or (path.is_dir() and _is_clip(path))]
    if not found:
        raise InputError(
            f"{folder}: there is no clip in this folder.",
            "Name videos, or folders of pictures or of OpenPose JSON.",
        )
    return found


def _is_clip(folder: Path) -> bool:
    """Whether a folder is one clip itself: pictures or keypoints."""
    if (folder / "result.json").is_file():
        return False
    return any(path.suffix.lower() in {*_PICTURES, ".json"} for path in folder.iterdir())


def _in_list(path: Path) -> Iterator[Clip]:
    """A line a clip, paths relative to the list. A .csv has a first line that names its columns:
    `clip`, perhaps `name`, and options of the job; an empty field leaves the option alone."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is not a text file.", "Save the list as UTF-8.") from error
    if path.suffix.lower() == ".txt":
        lines = [line.strip() for line in text.splitlines()]
        rows = [{"clip": line} for line in lines if line and not line.startswith("#")]
    else:
        rows = _rows(path, text)
    if not rows:
        raise InputError(f"{path}: the list names no clip.", "Write one clip a line.")
    for row in rows:
        options = {key: value for key, value in row.items() if value and key != "clip"}
        wish = options.pop("name", "")
        yield Clip((path.parent / row["clip"]).absolute(), wish, options)


def _rows(path: Path, text: str) -> list[dict[str, str]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    if "clip" not in (reader.fieldnames or ()):
        raise InputError(
            f"{path}: its first line names no column 'clip'.", "Begin with: clip,name,focal"
        )
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise InputError(
                f"{path}: line {reader.line_num} has not as many fields as the first.",
                "Correct this line.",
            )
        if row["clip"]:
            rows.append({key.strip(): value.strip() for key, value in row.items()})
    return rows
