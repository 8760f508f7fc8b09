"""OpenPose's JSON folders, every version: one file a frame, any number of people in it.

A camera file beside them (`camera.json` or `NAME_camera.json`) says what OpenPose does not: picture
size, frame rate and, if known, the focal length in pixels.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .folder import whole_folder
from .keypoints import (
    BODY,
    FACE,
    LEFT_HAND,
    RIGHT_HAND,
    KeypointClip,
    body25_from_coco18,
    clean_missing,
    empty_points,
)

_SUFFIX = "_keypoints.json"
# Part: where it lies in the table and its names since version 1.1 and before.
_PARTS = {
    "body": (BODY, ("pose_keypoints_2d", "pose_keypoints"), (25, 18)),
    "left hand": (LEFT_HAND, ("hand_left_keypoints_2d", "hand_left_keypoints"), (21,)),
    "right hand": (RIGHT_HAND, ("hand_right_keypoints_2d", "hand_right_keypoints"), (21,)),
    "face": (FACE, ("face_keypoints_2d", "face_keypoints"), (70,)),
}
_GUESSED_FPS = 30.0
_STILL_FPS = 1.0  # what a rate of 0, which means unrelated pictures, becomes
_SCALED = 2.0  # px; nobody is so small, and points scaled to 0..1 may go a little beyond
_AGAIN = "Run the detector again, or remove the file."


@dataclass
class CameraFile:
    """What a camera.json says."""

    width: int  # px
    height: int
    fps: float
    frames: int | None
    focal: float | np.ndarray | None  # px; (frames,) with NaN for unknown


def natural_key(name: str) -> list:
    """Sort key under which frame 10 comes after frame 9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def read_openpose_folder(
    folder: str | os.PathLike, camera: CameraFile | str | os.PathLike | None = None
) -> KeypointClip:
    """The clip in a folder of OpenPose JSON, or in one such file.

    Files are frames in natural order of their names. Where the names count up one by one, a number
    that is missing becomes a frame without people. `camera` is a camera file or its path; without
    it the folder's only camera file is used, and without that the picture size is guessed (see the
    clip's notes). Raises InputError, which names the file, for anything that cannot be read and
    when no frame holds a person.
    """
    folder = Path(folder)
    files, camera_files = _list_json(folder)
    if camera is None and len(camera_files) == 1:
        camera = camera_files[0]
    if isinstance(camera, (str, os.PathLike)):
        camera = read_camera_json(camera)
    frames = [_read_frame(file) for file in files]
    names = [file.name.removesuffix(_SUFFIX).removesuffix(".json") for file in files]
    frames, names, notes = _fill_gaps(frames, names)
    if camera is not None and camera.frames and 0 < camera.frames - len(frames) <= len(frames):
        notes.append(f"The last {camera.frames - len(frames)} frames have no file.")
        names += [f"missing_{i}" for i in range(len(frames), camera.frames)]
        frames += [[]] * (camera.frames - len(frames))
    points = _stack(frames)
    _check_scale(points, folder)
    if camera is None:
        camera, note = _guess_camera(points)
        notes.append(note)
    if isinstance(camera.focal, np.ndarray) and len(camera.focal) != len(points):
        raise InputError(
            f"{folder}: there are {len(points)} frames but the camera file gives "
            f"{len(camera.focal)} focal lengths.",
            "Give one focal length, or one for each frame.",
        )
    return KeypointClip(
        points,
        camera.width,
        camera.height,
        camera.fps,
        camera.focal,
        tuple(names),
        str(folder),
        notes,
    )


def read_camera_json(path: str | os.PathLike) -> CameraFile:
    """Read a camera file. Raises InputError for one that lacks size or rate or holds nonsense."""
    path = Path(path)
    data = _load_json(path)
    hint = 'It needs {"width": 1280, "height": 720, "fps": 30, "focal": pixels or null}.'
    if not isinstance(data, dict):
        raise InputError(f"{path}: this is not a camera file.", hint)
    try:
        width, height, fps = int(data["width"]), int(data["height"]), float(data["fps"])
        frames = None if data.get("frames") is None else int(data["frames"])
        focal = _read_focal(data.get("focal"))
    except KeyError as error:
        raise InputError(f"{path}: it has no {error.args[0]}.", hint) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: it holds something that is not a number.", hint) from error
    known = np.atleast_1d(np.nan if focal is None else focal)
    fps = fps or _STILL_FPS
    if min(width, height) < 1 or not 0 < fps < 1e5 or np.isinf(known).any() or (known <= 0).any():
        raise InputError(f"{path}: size, frame rate and focal length must be above zero.", hint)
    return CameraFile(width, height, fps, frames, focal)


def _read_focal(value: Any) -> float | np.ndarray | None:
    if isinstance(value, list):
        focal = np.array([np.nan if x is None else float(x) for x in value], np.float64)
        return focal if np.isfinite(focal).any() else None
    return None if value is None else float(value)


def write_openpose_folder(folder: str | os.PathLike, clip: KeypointClip) -> None:
    """Write `clip` as OpenPose 1.3 JSON, one file a frame, and camera.json; whole or not at all.

    `person_id` is the slot, so that identities survive a round trip.
    """
    with whole_folder(folder, mark="camera.json") as place:
        place = Path(place)
        for frame, name in zip(clip.points, clip.frame_names, strict=True):
            text = json.dumps({"version": 1.3, "people": _people_json(frame)})
            (place / f"{name}{_SUFFIX}").write_text(text, encoding="utf-8")
        camera = {
            "width": int(clip.width),
            "height": int(clip.height),
            "fps": float(clip.fps),
            "frames": clip.frame_count,
            "focal": _focal_json(clip.focal),
        }
        (place / "camera.json").write_text(json.dumps(camera), encoding="utf-8")


def _focal_json(focal: float | np.ndarray | None) -> float | list[float | None] | None:
    if isinstance(focal, np.ndarray):
        return [float(f) if np.isfinite(f) else None for f in focal]
    return None if focal is None else float(focal)


def _people_json(frame: np.ndarray) -> list[dict]:
    people = []
    for slot, points in enumerate(frame):
        if not (points[:, 2] > 0).any():
            continue
        person: dict = {"person_id": [slot]}
        for rows, names, _ in _PARTS.values():
            seen = (points[rows, 2] > 0).any()
            flat = [round(float(x), 3) for x in points[rows].ravel()] if seen else []
            person[names[0]] = flat
            person[names[0].replace("_2d", "_3d")] = []
        people.append(person)
    return people


def _list_json(folder: Path) -> tuple[list[Path], list[Path]]:
    """Frame files in order and camera files."""
    if folder.is_file():
        return [folder], []
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder.", "Check the path.")
    files = sorted(folder.glob("*.json"), key=lambda path: natural_key(path.name))
    cameras = [f for f in files if f.name == "camera.json" or f.name.endswith("_camera.json")]
    frames = [f for f in files if f.name.endswith(_SUFFIX)] or [
        f for f in files if f not in cameras
    ]
    if not frames:
        raise InputError(
            f"{folder}: there is no keypoint JSON in this folder.",
            "Give the folder that OpenPose's --write_json made.",
        )
    return frames, cameras


def _load_json(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is not a text file.", _AGAIN) from error
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({error.strerror}).", "Check it.") from error
    if not text.strip():
        raise InputError(f"{path}: the file is empty.", _AGAIN)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: the JSON is cut off or damaged ({error}).", _AGAIN) from error


def _read_frame(path: Path) -> list[tuple[int, np.ndarray]]:
    """The people of one file: (person_id or -1, points (137, 3))."""
    data = _load_json(path)
    people = data.get("people") if isinstance(data, dict) else None
    if not isinstance(people, list) or not all(isinstance(p, dict) for p in people):
        raise InputError(
            f'{path}: this is not OpenPose JSON (no list "people").',
            "Leave only keypoint files in the folder.",
        )
    found = []
    for person in people:
        points = empty_points(1, 1)[0, 0]
        for part, (rows, names, counts) in _PARTS.items():
            flat = next((person[n] for n in names if person.get(n)), None)
            if flat is not None:
                points[rows] = _read_part(path, part, flat, counts)
        if (points[:, 2] > 0).any():
            found.append((_person_id(person), points))
    return found


def _read_part(path: Path, part: str, flat: object, counts: tuple[int, ...]) -> np.ndarray:
    try:
        values = np.array(flat, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: the {part} holds something not a number.", _AGAIN) from error
    if values.ndim != 1 or len(values) % 3 or len(values) // 3 not in counts:
        wanted = " or ".join(str(3 * count) for count in counts)
        raise InputError(
            f"{path}: the {part} has {values.size} numbers, not {wanted}.",
            "Use OpenPose's BODY_25 or COCO model.",
        )
    if not np.isfinite(values).all() or np.abs(values).max() > 1e6:
        raise InputError(f"{path}: the {part} holds NaN, infinite or huge numbers.", _AGAIN)
    points = clean_missing(values.reshape(-1, 3))
    return body25_from_coco18(points) if len(points) == 18 else points


def _person_id(person: dict) -> int:
    value = person.get("person_id", -1)
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _fill_gaps(frames: list, names: list[str]) -> tuple[list, list[str], list[str]]:
    """Put an empty frame where a number is missing in names that count up one by one."""
    parts = [re.fullmatch(r"(.*?)([0-9]+)", name) for name in names]
    if len(names) < 2 or not all(parts) or len({p[1] for p in parts if p}) > 1:
        return frames, names, []
    numbers = [int(p[2]) for p in parts if p]
    steps = np.diff(numbers)
    span = numbers[-1] - numbers[0] + 1
    # Numbers of unrelated pictures are no frame numbers.
    if (steps < 1).any() or (steps == 1).mean() < 0.5 or span > 4 * len(names):
        return frames, names, []
    if span == len(names):
        return frames, names, []
    first, text = numbers[0], parts[0]
    filled: list = [[] for _ in range(span)]
    # A name for each: the prefix, and the number as wide as the first one's.
    new = [f"{text[1]}{first + i:0{len(text[2])}d}" for i in range(span)] if text else []
    for number, frame, name in zip(numbers, frames, names, strict=True):
        filled[number - first], new[number - first] = frame, name
    return filled, new, [f"{span - len(names)} frames have no file; they count as empty."]


def _stack(frames: list[list[tuple[int, np.ndarray]]]) -> np.ndarray:
    """(F, P, 137, 3). Slots follow person_id where every person has one of their own."""
    ids = [[number for number, _ in frame] for frame in frames]
    every = Counter(number for frame in ids for number in frame)
    named = min(every, default=-1) >= 0 and all(len(set(f)) == len(f) for f in ids)
    # Trackers that hand out ever new ids would need a slot for each: then order is as good.
    most = max((len(f) for f in frames), default=0)
    named = named and len(every) <= max(8, 2 * most)
    slot_of = {number: slot for slot, number in enumerate(sorted(every))}
    points = empty_points(len(frames), max(len(every) if named else most, 1))
    for f, frame in enumerate(frames):
        for order, (number, person) in enumerate(frame):
            points[f, slot_of[number] if named else order] = person
    return points


def _check_scale(points: np.ndarray, folder: Path) -> None:
    seen = points[points[..., 2] > 0]
    if not len(seen):
        raise InputError(
            f"{folder}: no frame holds a person.", "Check what the detector was run on."
        )
    if np.abs(seen[:, :2]).max() <= _SCALED:
        scale = "-1 to 1" if seen[:, :2].min() < 0 else "0 to 1"
        raise InputError(
            f"{folder}: the points are scaled to the picture size ({scale}), not in pixels.",
            "Run OpenPose with --keypoint_scale 0.",
        )


def _guess_camera(points: np.ndarray) -> tuple[CameraFile, str]:
    """A picture that holds all points, of a usual size where one fits."""
    extent = points[points[..., 2] > 0][:, :2].max(0)
    usual = ((640, 480), (854, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
    both = [size for w, h in usual for size in ((w, h), (h, w))]
    fitting = [s for s in both if s[0] >= extent[0] and s[1] >= extent[1]]
    width, height = min(fitting, key=lambda s: s[0] * s[1], default=np.ceil(extent).astype(int))
    note = (
        f"The picture size is not known: {width}x{height} is a guess from the points, and "
        f"{_GUESSED_FPS:g} frames a second too. Give a camera file to be sure."
    )
    return CameraFile(int(width), int(height), _GUESSED_FPS, None, None), note
