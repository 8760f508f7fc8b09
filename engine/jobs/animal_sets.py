"""Annotated pictures of a data set, told apart by what lies in it, for networks to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..bodies.animal_points import find_points
from ..capture.animals.animalkey import read_animalkey_pictures, read_animalkey_sequence
from ..capture.animals.annotation_json import read_json
from ..capture.animals.badja import read_badja
from ..capture.animals.coco import read_animal_coco
from ..capture.animals.frames import AnimalFrame, single_animals
from ..capture.animals.grevyzebra import read_synthetic_zebras, read_zebras
from ..capture.animals.stanfordextra import read_stanfordextra
from ..capture.animals.tigdog import read_tigdog
from ..formats.animal_file import AnimalData
from ..formats.errors import InputError
from ..progress import Progress
from ..regression.animal_net.samples import Seen

_FORMS = (
    "Give a JSON of COCO's keypoints, StanfordExtra or BADJA, or a folder of AnimalKey, "
    "GrevyZebra or TigDog."
)


def read_animal_set(path: Path, pictures: Path | None = None) -> list[AnimalFrame]:
    """The pictures of one animal each in a data set at `path`.

    `pictures`: the folder that the paths in a JSON start from; None: its own. Raises InputError for
    what is no data set that is known, and as its reader.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder.", "Check the path.")
    frames = _in_folder(path) if path.is_dir() else _in_json(path, pictures or path.parent)
    return single_animals(frames, path)


def _in_folder(path: Path) -> list[AnimalFrame]:
    if (path / "anno").is_dir():
        return read_animalkey_sequence(path)
    if (path / "kp").is_dir():
        return read_animalkey_pictures(path)
    if (path / "ranges").is_dir():
        animals = sorted(folder.name for folder in (path / "ranges").iterdir() if folder.is_dir())
        return [frame for animal in animals for frame in read_tigdog(path, animal)]
    annotations = path / "annotations"
    if annotations.is_dir():
        made = any(annotations.glob("*.pkl"))
        return read_synthetic_zebras(path) if made else read_zebras(path)
    raise InputError(f"{path}: there is no data set of animals in this folder.", _FORMS)


def _in_json(path: Path, pictures: Path) -> list[AnimalFrame]:
    content = read_json(path, (list, dict))
    if isinstance(content, dict) and "annotations" in content:
        return read_animal_coco(path, pictures)
    first = content[0] if isinstance(content, list) and content else {}
    if isinstance(first, dict) and "image_path" in first:
        return read_badja(path, pictures)
    if isinstance(first, dict) and "img_path" in first:
        return read_stanfordextra(path, pictures)
    raise InputError(f"{path}: these are no annotations that are known here.", _FORMS)


def seen_in_set(
    frames: list[AnimalFrame], data: AnimalData, progress: Progress
) -> tuple[list[AnimalFrame], list[Seen]]:
    """What each frame tells of the body `data`, and the frames; those without a box are left out.

    Begins a part of `progress`. Raises InputError when no keypoint is one of the body's.
    """
    progress.begin(len(frames), "Reading pictures")
    kept, every = [], []
    for frame in frames:
        progress.tick()
        box = frame.find_box()
        if box is None:
            continue
        rows = find_points(data, frame.layout.names)
        known = np.flatnonzero(rows >= 0)
        points = np.zeros((len(data.keypoint_names), 3), np.float32)
        points[rows[known]] = frame.keypoints[known]
        every.append(Seen(frame.read_picture(), box, points, frame.read_mask()))
        kept.append(frame)
    if not any((seen.keypoints[:, 2] > 0).any() for seen in every):
        raise InputError(
            f"No keypoint of these pictures is one of {data.name}.",
            f"It has {', '.join(data.keypoint_names[:6])} and so on.",
        )
    return kept, every
