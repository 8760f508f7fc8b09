"""The result folder: what the engine makes and Blender opens, with result.json as its index."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import InputError

INDEX = "result.json"
FORMAT = 1
KINDS = (
    "fit",  # bodies and their motion
    "avatar",  # a clothed mesh that plays its point cache, and the armature it was posed with
    "avatar_meshes",  # besides, a mesh of its own for every frame
    "rig",  # a clothed mesh on an armature, with pose correctives
    "animal",  # an animal and its motion
)
_POINT_FILES = ("points", "point_positions", "point_normals")
_PERSON_FILES = ("motion", "pc2", "camera", "keypoints", "texture", "meshes", *_POINT_FILES)


@dataclass
class PersonFiles:
    """The files of one person, as absolute paths."""

    name: str  # person_00, person_01, …; animal_00
    motion: Path
    pc2: Path | None = None
    camera: Path | None = None  # of unrelated pictures, which have one each
    keypoints: Path | None = None  # what it was fitted to, see formats.corrections
    texture: Path | None = None  # PNG in the body's UV map; alpha 0 where nothing was seen
    meshes: Path | None = None  # folder of one PLY a frame, their order that of their names
    # surface elements, all three or none: see formats.points, and PC2 of places and unit normals
    points: Path | None = None
    point_positions: Path | None = None
    point_normals: Path | None = None

    def mesh_files(self) -> list[Path]:
        """The meshes in the order of the frames: NAME_2 stands before NAME_10."""
        return sorted(self.meshes.glob("*.ply"), key=_natural) if self.meshes else []


@dataclass
class Result:
    """A result folder, its files named and checked."""

    folder: Path
    kind: str  # one of KINDS
    fps: float
    frame_start: int  # the clip's frame of the first motion frame
    frame_count: int
    people: list[PersonFiles]
    body: Path
    camera: Path | None = None
    overlay: Path | None = None
    footage: str = ""  # absolute path of the source; it may be gone by now
    meta: dict[str, Any] = field(default_factory=dict)  # version, command, options, figures


def write_index(folder: str | os.PathLike, result: Result) -> None:
    """Write result.json into `folder`, with the paths of `result` made relative to its folder."""
    base = result.folder

    def name(path: Path | None) -> str | None:
        return None if path is None else path.relative_to(base).as_posix()

    index = {
        "format": FORMAT,
        "kind": result.kind,
        "units": {"length": "metre", "angle": "radian", "time": "second", "world": "y up"},
        "fps": result.fps,
        "frame_start": result.frame_start,
        "frame_count": result.frame_count,
        "footage": result.footage,
        "files": {
            "body": name(result.body),
            "camera": name(result.camera),
            "overlay": name(result.overlay),
        },
        "people": [
            {"name": p.name, **{kind: name(getattr(p, kind)) for kind in _PERSON_FILES}}
            for p in result.people
        ],
        "meta": result.meta,
    }
    text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    (Path(folder) / INDEX).write_text(text, encoding="utf-8")


def read_result(folder: str | os.PathLike) -> Result:
    """Open a result folder (or its result.json).

    Raises InputError when it is none, is of a newer format or one of its files is missing.
    """
    folder = Path(folder)
    if folder.name == INDEX:
        folder = folder.parent
    index = _read_index(folder)

    def there(name: str | None, whole_folder: bool = False) -> Path | None:
        if name is None:
            return None
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{folder / INDEX}: it names {name}, outside the folder.", _COPY)
        if not (path.is_dir() if whole_folder else path.is_file()):
            what = "folder" if whole_folder else "file"
            raise InputError(f"{path}: this {what} of the result is missing.", _COPY)
        return path

    try:
        files = index["files"]
        body = there(files["body"])
        people = []
        for entry in index["people"]:
            motion, *others = (there(entry.get(k), k == "meshes") for k in _PERSON_FILES)
            assert motion is not None
            people.append(PersonFiles(str(entry["name"]), motion, *others))
            if len({entry.get(k) is None for k in _POINT_FILES}) > 1:
                raise ValueError(f"not all of {', '.join(_POINT_FILES)}")
        assert body is not None and people
        if index["kind"] not in KINDS:
            raise InputError(
                f"{folder / INDEX}: '{index['kind']}' is no kind of result that is known here.",
                "Update Layfigure.",
            )
        return Result(
            folder=folder,
            kind=str(index["kind"]),
            fps=float(index["fps"]),
            frame_start=int(index["frame_start"]),
            frame_count=int(index["frame_count"]),
            people=people,
            body=body,
            camera=there(files.get("camera")),
            overlay=there(files.get("overlay")),
            footage=str(index.get("footage", "")),
            meta=dict(index.get("meta", {})),
        )
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise InputError(
            f"{folder / INDEX}: an entry is missing or wrong ({error!r}).", _COPY
        ) from error


def _read_index(folder: Path) -> dict:
    path = folder / INDEX
    if not folder.is_dir() or not path.is_file():
        raise InputError(
            f"{folder}: this is not a result folder.", "Choose a folder that holds result.json."
        )
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        version = int(index["format"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: it cannot be read ({error}).", _COPY) from error
    if version > FORMAT:
        raise InputError(
            f"{path}: it was written by a newer Layfigure (format {version}).", "Update Layfigure."
        )
    return index


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", path.stem.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


_COPY = "Copy the whole folder again or fit again."
