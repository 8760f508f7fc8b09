"""Many pictures on disk, made by several processes, some hundred to a file."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from ...formats.errors import InputError
from ...formats.npz import read_npz, write_npz
from .person import SyntheticPerson, make_person

_SHARD = 250  # pictures in a file
_SEEDS = 1_000_000  # most pictures of one seed
_QUALITY = 96  # of the JPEG that pictures are packed as
_NUMBERS = (
    *("pose", "betas", "transl", "joints3d", "keypoints", "focal", "centre"),
    *("turn", "shift"),
)
_PACKED = ("pictures", "ends", "masks", "first", "seed", "size")


@dataclass
class People:
    """N pictures and the truth, stacked; fields as of SyntheticPerson."""

    pictures: np.ndarray  # (N, S, S, 3) uint8, red-green-blue
    masks: np.ndarray  # (N, S, S) bool
    pose: np.ndarray  # (N, 55, 3)
    betas: np.ndarray  # (N, 20)
    transl: np.ndarray  # (N, 3)
    joints3d: np.ndarray  # (N, 55, 3)
    keypoints: np.ndarray  # (N, 25, 3)
    focal: np.ndarray  # (N,)
    centre: np.ndarray  # (N, 2)
    turn: np.ndarray  # (N, 3, 3)
    shift: np.ndarray  # (N, 3)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: np.ndarray | slice) -> People:
        return People(*(getattr(self, field.name)[rows] for field in fields(self)))


def write_people(
    folder: str | os.PathLike,
    count: int,
    seed: int = 0,
    size: int = 128,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make pictures 0 to `count` of a seed, `size` px, by `workers` processes.

    Picture k depends on the seed, the size and k alone. Files that an earlier run of the same seed
    and size has finished are kept, so a run that was stopped goes on. `progress(done, count)` is
    called as files get done, and may raise to stop. Raises InputError for a folder with pictures
    of another seed or size, and for numbers that make no sense.
    """
    folder = Path(folder)
    if not 0 < count <= _SEEDS or seed < 0 or workers < 1:
        raise InputError(
            f"{count} pictures of seed {seed} by {workers} processes cannot be made.",
            f"Ask for 1 to {_SEEDS} pictures, a seed of 0 or more and at least one process.",
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file is in the way.", "Choose another folder.")
    parts = [(first, min(_SHARD, count - first)) for first in range(0, count, _SHARD)]
    missing = [part for part in parts if not _made(folder, part, seed, size)]
    done = count - sum(number for _, number in missing)
    if progress is not None:
        progress(done, count)
    make = partial(_write, folder, seed, size)
    if workers == 1 or len(missing) < 2:
        for part in missing:
            done += make(part)
            if progress is not None:
                progress(done, count)
        return
    with multiprocessing.get_context("spawn").Pool(min(workers, len(missing)), _alone) as pool:
        for number in pool.imap_unordered(make, missing):
            done += number
            if progress is not None:
                progress(done, count)


def read_people(folder: str | os.PathLike, most: int | None = None) -> People:
    """All pictures of a folder in order, or the first `most`.

    Raises InputError for a folder without any, and for a damaged file.
    """
    files = sorted(Path(folder).glob("people_*.npz"))
    if not files:
        raise InputError(f"{folder}: there are no pictures of people.", "Make some first.")
    parts: list[People] = []
    left = most
    for file in files:
        if left is not None and left <= 0:
            break
        part = _unpacked(file)
        parts.append(part if left is None else part[:left])
        left = None if left is None else left - len(part)
    if len({part.pictures.shape[1:] for part in parts}) > 1:
        raise InputError(f"{folder}: the pictures are of several sizes.", "Make them anew.")
    names = [field.name for field in fields(People)]
    return People(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _alone() -> None:
    """Processes side by side each keep to one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _file(folder: Path, first: int) -> Path:
    return folder / f"people_{first:06d}.npz"


def _made(folder: Path, part: tuple[int, int], seed: int, size: int) -> bool:
    """Whether a file is there with at least these pictures."""
    file = _file(folder, part[0])
    if not file.exists():
        return False
    kept = read_npz(file, _PACKED)
    if (int(kept["seed"]), int(kept["size"])) != (seed, size):
        raise InputError(
            f"{file}: its pictures are of seed {kept['seed']} and {kept['size']} px.",
            "Choose another folder.",
        )
    return len(kept["ends"]) >= part[1]


def _write(folder: Path, seed: int, size: int, part: tuple[int, int]) -> int:
    """Make the pictures of one file; how many."""
    first, number = part
    made = [make_person(seed * _SEEDS + first + k, size) for k in range(number)]
    packed = [_jpeg(person) for person in made]
    write_npz(
        _file(folder, first),
        pictures=np.concatenate(packed),
        ends=np.cumsum([len(data) for data in packed]),
        masks=np.packbits([person.mask for person in made], axis=-1),
        first=first,
        seed=seed,
        size=size,
        **{name: np.stack([getattr(person, name) for person in made]) for name in _NUMBERS},
    )
    return number


def _jpeg(person: SyntheticPerson) -> np.ndarray:
    quality = (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
    return cv2.imencode(".jpg", person.pixels[..., ::-1], quality)[1]


def _unpacked(file: Path) -> People:
    kept = read_npz(file, (*_PACKED, *_NUMBERS))
    size = int(kept["size"])
    pictures = []
    for data in np.split(kept["pictures"], kept["ends"][:-1]):
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if picture is None or picture.shape != (size, size, 3):
            raise InputError(f"{file}: a picture in it is damaged.", "Delete it and make it again.")
        pictures.append(picture[..., ::-1])
    masks = np.unpackbits(kept["masks"], axis=-1, count=size).astype(bool)
    numbers = {name: kept[name].astype(np.float32) for name in _NUMBERS}
    return People(pictures=np.stack(pictures), masks=masks, **numbers)
