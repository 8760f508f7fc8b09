"""Annotated pictures of people: what is known of each person, as numbers of the picture."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import cv2
import numpy as np

from ....formats.errors import InputError
from ..joints import ANNOTATED, OPENPOSE

MOST_LISTED = 10
_CHECK = "Check the folder of the pictures."


@dataclass
class PictureSet:
    """N people in pictures. What is not known has confidence 0, is not `known`, is "" or -1."""

    name: str
    folder: Path  # that the paths of the pictures start from
    pictures: np.ndarray  # (N,) str
    centre: np.ndarray  # (N, 2) of the person, x, y px
    side: np.ndarray  # (N,) of the square around, px
    joints_2d: np.ndarray  # (N, 49, 3) see joints.py: x, y px, confidence
    joints_3d: np.ndarray  # (N, 24, 4) the annotated ones, camera space (y down): metres, conf.
    smpl_2d: np.ndarray  # (N, 24, 3) SMPL's own joints: x, y px, confidence
    pose: np.ndarray  # (N, 72) axis-angle, radians
    betas: np.ndarray  # (N, 10)
    known: np.ndarray  # (N,) bool, whether pose and betas are
    gender: np.ndarray  # (N,) int8: 0 male, 1 female
    masks: np.ndarray  # (N,) str, pictures of who is meant
    parts: np.ndarray  # (N,) str, pictures of the parts of the body
    notes: list[str] = field(default_factory=list)  # sentences on what is missing

    def __len__(self) -> int:
        return len(self.pictures)

    def only(self, rows: np.ndarray) -> PictureSet:
        """Some of the people."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        kept = {n: a[rows] for n, a in arrays.items() if isinstance(a, np.ndarray)}
        return replace(self, **kept)


def blank_set(
    name: str, folder: Path, pictures: np.ndarray, centre: np.ndarray, side: np.ndarray
) -> PictureSet:
    """Pictures of which nothing more is known than where the people are."""
    count = len(pictures)

    def none(*shape: int) -> np.ndarray:
        return np.zeros((count, *shape), np.float32)

    nowhere = np.full(count, "", dtype="<U1")
    return PictureSet(
        *(name, folder, pictures, centre.astype(np.float32), side.astype(np.float32)),
        *(none(OPENPOSE + ANNOTATED, 3), none(ANNOTATED, 4), none(ANNOTATED, 3)),
        *(none(72), none(10), np.zeros(count, bool), np.full(count, -1, np.int8)),
        *(nowhere, nowhere),
    )


def present(data: PictureSet, go_on: bool = False) -> PictureSet:
    """The people whose pictures are there.

    Raises InputError for pictures that are not, the first ten listed: for any, or with `go_on` only
    if all are; else a note tells of them.
    """
    gone = sorted({name for name in data.pictures if not (data.folder / name).is_file()})
    if not gone:
        return data
    names = ", ".join(gone[:MOST_LISTED]) + (", …" if len(gone) > MOST_LISTED else "")
    pictures = len({*data.pictures})
    if not go_on or len(gone) == pictures:
        hint = _CHECK if len(gone) == pictures else f"{_CHECK} --skip-missing goes on without them."
        raise InputError(
            f"{data.name}: {len(gone)} of {pictures} pictures are not in {data.folder}: {names}.",
            hint,
        )
    kept = data.only(~np.isin(data.pictures, gone))
    note = f"{data.name}: {len(gone)} of {pictures} pictures are not there and left out: {names}."
    return replace(kept, notes=[*data.notes, note])


def read_picture(path: Path) -> np.ndarray:
    """A picture (H, W, 3) uint8, red-green-blue. Raises InputError for one that is damaged."""
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path}: this is no picture, or damaged.", "Copy or download it again.")
    return picture[..., ::-1]


def read_mask(path: Path) -> np.ndarray:
    """Who is meant in a picture (H, W) bool: what is not black. Raises InputError as above."""
    return read_picture(path).max(axis=-1) > 0
