"""The people that the job `regress` shows to a network: where they are, and how they are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..bodies.models import find_sam, index_file
from ..capture.masks.files import read_mask, read_table
from ..capture.masks.person_mask import Maker, person_mask
from ..capture.people import track_people
from ..formats.errors import InputError
from ..formats.keypoints import BODY, KeypointClip
from ..formats.openpose import read_openpose_folder
from ..progress import Progress
from ..regression.pymaf.sight import Sight, see_person
from .picture_params import RegressParams

if TYPE_CHECKING:
    from ..capture.persons import Square
    from ..capture.video import Footage

Masked = tuple[np.ndarray | None, str]  # a mask (H, W) bool, and what is to be said of it
# Of the person in a square of a picture, of its name, with keypoints (25, 3).
Masks = Callable[[str, np.ndarray, "Square", np.ndarray], Masked]
_FEW = 300  # people whose crops are held at once


@dataclass
class Cast:
    """Everybody in some footage."""

    clip: KeypointClip  # slots are people, unless the pictures are unrelated
    squares: dict[tuple[int, int], Square] = field(default_factory=dict)  # frame, slot -> where


def find_cast(params: RegressParams, footage: Footage, progress: Progress) -> Cast:
    """Who is in the footage: by keypoints that are given, in boxes that are given, or detected.

    Raises InputError where nobody is, for a box outside of the picture and for keypoints of other
    footage.
    """
    from ..capture.persons import square_of, square_round

    clip = _keypoints(params, footage, progress)
    if not params.independent and not params.box:
        clip = track_people(clip, params.people)
    cast = Cast(clip)
    for frame, people in enumerate(clip.points):
        for slot, points in enumerate(people):
            square = square_of(points)
            if square is None and params.box:
                square = square_round(params.box[slot])
            if square is not None:
                cast.squares[frame, slot] = square
    if not cast.squares:
        raise InputError(
            f"{footage.path}: no person was found in it.",
            "Give a picture in which a person is seen, or say with --box where.",
        )
    return cast


def _keypoints(params: RegressParams, footage: Footage, progress: Progress) -> KeypointClip:
    from ..capture.detect import detect
    from ..capture.persons import MOST, check_box, find_in_boxes, find_people

    progress.begin(footage.frame_count, "Looking for people")
    for box in params.box:
        check_box(box, footage.width, footage.height, str(footage.path))
    if params.keypoints is not None:
        return _given(params, footage)
    if params.box:
        return find_in_boxes(footage, params.box, progress.tick)
    film = footage.frame_count > 1 and not params.independent
    if film and (params.people or 1) == 1:
        cache = index_file().parent / "cache" if params.cache else None
        return detect(footage, lambda *_: progress.tick(), cache=cache)
    return find_people(footage, params.people or MOST, progress.tick)


def _given(params: RegressParams, footage: Footage) -> KeypointClip:
    assert params.keypoints is not None
    clip = read_openpose_folder(params.keypoints)
    count = clip.frame_count
    if count != footage.frame_count and count != len(list(footage)):  # a film's is an estimate
        raise InputError(
            f"{params.keypoints}: these are keypoints of {count} pictures, but "
            f"{footage.path} has {footage.frame_count}.",
            "Give the OpenPose JSON of this footage, one file for each picture.",
        )
    if params.people is not None and params.independent:
        clip = replace(clip, points=clip.points[:, : params.people])
    return replace(
        clip,
        width=footage.width,
        height=footage.height,
        fps=footage.fps,
        focal=footage.focal,
        frame_names=footage.frame_names(count),
        source=str(footage.path),
    )


def masks_of(params: RegressParams, footage: Footage, device: str) -> Masks:
    """What tells the masks of people: a folder of `masks save`, Segment Anything, or MediaPipe.

    Raises InputError for a folder without masks of these pictures and an unknown Segment Anything.
    """
    if params.masks is not None:
        return _saved(params.masks, footage)
    by: Maker = "auto"
    if params.sam is not None:
        from ..capture.masks.sam import load_sam

        by = load_sam(find_sam(params.sam), device)

    def draw(name: str, picture: np.ndarray, square: Square, points: np.ndarray) -> Masked:
        return person_mask(picture, square.box, points, by)

    return draw


def _saved(folder: Path, footage: Footage) -> Masks:
    table = {entry.name: entry for entry in read_table(folder)}
    if not table.keys() & {*footage.frame_names(footage.frame_count)}:
        raise InputError(
            f"{folder}: it holds no mask of {footage.path}.", "Save the masks of these pictures."
        )

    def read(name: str, picture: np.ndarray, square: Square, points: np.ndarray) -> Masked:
        entry = table.get(name)
        near = [] if entry is None else [p for p in entry.people if _inside(p.centre, square)]
        if not near:
            return None, f"{folder} holds no mask of this person."
        first = min(near, key=lambda person: _distance(person.centre, square))
        return read_mask(folder / first.mask, (picture.shape[1], picture.shape[0])), ""

    return read


def _inside(place: tuple[float, float], square: Square) -> bool:
    return _distance(place, square) < square.side / 4


def _distance(place: tuple[float, float], square: Square) -> float:
    return float(np.hypot(place[0] - square.centre[0], place[1] - square.centre[1]))


def look(
    cast: Cast,
    footage: Footage,
    size: int,
    masks: Masks | None,
    note: Callable[[str], None],
    tick: Callable[[], None],
) -> Iterator[tuple[list[tuple[int, int]], Sight]]:
    """Everybody in crops of `size` px, some at a time: (frame, slot) of each, and how they look.

    masks: None where none is needed. tick() is called once a frame.
    """
    who: list[tuple[int, int]] = []
    seen: list[Sight] = []
    names = cast.clip.frame_names
    for frame, picture in zip(range(cast.clip.frame_count), footage, strict=False):
        for slot in range(cast.clip.people_count):
            square = cast.squares.get((frame, slot))
            if square is None:
                continue
            points = cast.clip.points[frame, slot, BODY]
            mask = None
            if masks is not None:
                mask, said = masks(names[frame], picture, square, points)
                if said:
                    note(said)
            seen.append(see_person(picture, square.centre, square.side, size, points, mask))
            who.append((frame, slot))
        tick()
        if len(seen) >= _FEW:
            yield who, Sight.join(seen)
            who, seen = [], []
    if seen:
        yield who, Sight.join(seen)
