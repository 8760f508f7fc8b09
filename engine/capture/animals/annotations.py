"""Annotations of a film or a picture, whatever form they have, by the numbers of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...formats.errors import InputError
from ...formats.keypoints import BODY_25
from ...formats.openpose import read_openpose_folder
from ..people import track_people
from ..video import Footage, PictureFootage
from .animalkey import read_animalkey_sequence
from .annotation_json import read_json
from .badja import read_badja
from .coco import read_animal_coco
from .frames import AnimalFrame
from .stanfordextra import read_stanfordextra

_UPWARDS = 4  # folders above the footage in which the start of a data set's paths is looked for
_FORMS = (
    "Give COCO keypoints (.json), a sequence folder of AnimalKey, BADJA's or StanfordExtra's JSON, "
    "or a folder of OpenPose JSON."
)


@dataclass
class FrameAnnotations:
    """What was annotated, by frame number counted from 0, in the footage's px."""

    names: tuple[str, ...]  # K
    points: dict[int, np.ndarray] = field(default_factory=dict)  # (K, 3) x, y, confidence
    masks: dict[int, np.ndarray] = field(default_factory=dict)  # (H, W) bool
    boxes: dict[int, np.ndarray] = field(default_factory=dict)  # (4,) left, top, width, height

    @property
    def numbers(self) -> list[int]:
        """The annotated frames."""
        return sorted({*self.points, *self.masks})


def read_annotations(path: Path, footage: Footage) -> FrameAnnotations:
    """The annotations of `footage` at `path`, told apart by content.

    Raises InputError for what is none that is known, for several animals in a picture, for another
    picture size, and for annotations of frames that the footage lacks.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder.", "Check the path.")
    found = _read_openpose(path) if _is_openpose(path) else _read_frames(path, footage)
    beyond = [number for number in found.numbers if not 0 <= number < footage.frame_count]
    if beyond and isinstance(footage, PictureFootage):  # the count of a video is an estimate
        raise frame_missing(path, beyond[0], footage, footage.frame_count)
    if not any((points[:, 2] > 0).any() for points in found.points.values()):
        raise InputError(
            f"{path}: all keypoints of all frames are invisible.", "Set some in at least one frame."
        )
    return found


def frame_missing(path: Path, number: int, footage: Footage, count: int) -> InputError:
    """What to raise for an annotation of a frame that the footage of `count` frames lacks."""
    return InputError(
        f"{path}: it annotates frame {number}, but {footage.path} has {count} frames.",
        "Give the annotations of this very footage, counted from 0.",
    )


def _read_frames(path: Path, footage: Footage) -> FrameAnnotations:
    frames = _of_data_set(path, footage)
    found = FrameAnnotations(frames[0].layout.names)
    for frame in frames:
        mask = frame.read_mask()
        if mask is None and not frame.visible.any():
            continue
        _check(frame, footage, path)
        number = _number(frame, footage, path)
        if frame.visible.any():
            found.points[number] = frame.keypoints
        if mask is not None:
            found.masks[number] = mask
        if frame.box is not None:
            found.boxes[number] = frame.box
    return found


def _of_data_set(path: Path, footage: Footage) -> list[AnimalFrame]:
    if path.is_dir():
        if not (path / "anno").is_dir():
            raise InputError(f"{path}: there are no annotations in this folder.", _FORMS)
        return read_animalkey_sequence(path)
    content = read_json(path, (list, dict))
    if isinstance(content, dict) and "annotations" in content:
        folder = footage.path if footage.path.is_dir() else footage.path.parent
        return read_animal_coco(path, folder)
    first = content[0] if isinstance(content, list) and content else {}
    if isinstance(first, dict) and "image_path" in first:
        return read_badja(path, _root(str(first["image_path"]), path, footage))
    if isinstance(first, dict) and "img_path" in first:
        return _stanford(path, content, footage)
    raise InputError(f"{path}: these are no annotations that are known here.", _FORMS)


def _stanford(path: Path, content: list, footage: Footage) -> list[AnimalFrame]:
    """The entries of the pictures in `footage`."""
    names = {file.name for file in footage.files}
    images = [str(entry.get("img_path", "")) for entry in content if isinstance(entry, dict)]
    ours = [image for image in images if Path(image).name in names]
    if not ours:
        raise InputError(
            f"{path}: it does not annotate {footage.path}.", "Give one of the data set's pictures."
        )
    frames = read_stanfordextra(path, _root(ours[0], path, footage), partial_copy=True)
    return [frame for frame in frames if frame.image.name in names]


def _root(image: str, path: Path, footage: Footage) -> Path:
    """The folder that a data set's paths start from: the first in which `image` lies."""
    here = footage.path.absolute()
    places = [path.parent, path.parent.parent, here, *here.parents[:_UPWARDS]]
    return next((place for place in places if (place / image).is_file()), path.parent.parent)


def _check(frame: AnimalFrame, footage: Footage, path: Path) -> None:
    if frame.several:
        raise InputError(
            f"{path}: {frame.image.name} shows several animals, and only one is annotated.",
            "Use footage of one animal, or cut the others off.",
        )
    if frame.size != (footage.width, footage.height):
        raise InputError(
            f"{path}: {frame.image.name} was annotated at {frame.size[0]}x{frame.size[1]}, but "
            f"{footage.path} is {footage.width}x{footage.height}.",
            "Annotate the footage at its own size.",
        )


def _number(frame: AnimalFrame, footage: Footage, path: Path) -> int:
    """Pictures go by their names, frames of a film by their numbers."""
    if isinstance(footage, PictureFootage):
        names = [file.name for file in footage.files]
        if frame.image.name in names:
            return names.index(frame.image.name)
        if not frame.sequence:
            raise InputError(
                f"{path}: it annotates {frame.image.name}, which is not in {footage.path}.",
                "Give the annotated pictures as footage.",
            )
    return frame.number


def _is_openpose(path: Path) -> bool:
    if path.is_dir():
        return not (path / "anno").is_dir() and any(path.glob("*.json"))
    content = read_json(path, (list, dict))
    return isinstance(content, dict) and "people" in content


def _read_openpose(path: Path) -> FrameAnnotations:
    """The person who is seen most, by the names of BODY_25."""
    clip = track_people(read_openpose_folder(path), 1)
    points = clip.points[:, 0, : len(BODY_25)].astype(np.float32)
    seen = np.flatnonzero((points[..., 2] > 0).any(1)).tolist()
    return FrameAnnotations(tuple(BODY_25), {number: points[number] for number in seen})
