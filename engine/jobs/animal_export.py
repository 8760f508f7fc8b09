"""The job `animal_export`: annotations of a film in the layout of a data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..capture.animals.animalkey import write_animalkey
from ..capture.animals.badja import write_badja
from ..capture.animals.coco import read_animal_coco
from ..capture.animals.frames import AnimalFrame
from ..capture.video import Footage, PictureFootage, open_footage
from ..formats.errors import InputError
from ..progress import Progress
from .animal_params import AnimalExportParams

_WRITERS = {"animalkey": write_animalkey, "badja": write_badja}


def run_animal_export(params: AnimalExportParams, out: Path, progress: Progress) -> Path:
    """Write the film's pictures and the annotations of `params.source` to the folder `out`.

    Raises InputError for annotations of several films, of frames that the film lacks or of another
    size, and as `read_animal_coco`.
    """
    progress.plan(1.0)
    frames = read_animal_coco(params.source)
    footage = open_footage(params.footage or _film_of(frames, params.source))
    if isinstance(footage, PictureFootage):
        _number_by_name(frames, footage, params.source)
    pictures = _counted(footage, progress)
    _WRITERS[params.layout](out, _name(footage.path), pictures, frames)
    return out


def _film_of(frames: list[AnimalFrame], source: Path) -> Path:
    """The film that the file names, else the folder of its pictures."""
    films = sorted({frame.sequence or str(frame.image.parent) for frame in frames})
    if len(films) > 1:
        raise InputError(
            f"{source}: it annotates several films, {films[0]} and {films[1]}.",
            "Export the annotations of one film.",
        )
    return Path(films[0])


def _number_by_name(frames: list[AnimalFrame], footage: PictureFootage, source: Path) -> None:
    """Pictures are counted in the order of the folder, whatever a file calls them."""
    place = {file.name: number for number, file in enumerate(footage.files)}
    for frame in frames:
        if frame.sequence:
            continue  # a film taken apart: its numbers are the film's
        if frame.image.name not in place:
            raise InputError(
                f"{source}: it annotates {frame.image.name}, which is not in {footage.path}.",
                "Give the folder of the annotated pictures as footage.",
            )
        frame.number = place[frame.image.name]


def _counted(footage: Footage, progress: Progress) -> Iterator[np.ndarray]:
    progress.begin(footage.frame_count, "Writing the pictures")
    for picture in footage:
        yield picture
        progress.tick()


def _name(film: Path) -> str:
    """The film's name as a file name that data sets can be asked for."""
    return "".join(c if c.isalnum() or c in "-." else "-" for c in film.stem)
