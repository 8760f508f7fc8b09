"""The job `masks_select`: points on and beside masked people, for PyMAF's first stage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..capture.masks.files import (
    SIZE,
    TABLE,
    PersonEntry,
    originals,
    read_mask,
    read_original,
    read_table,
    write_points,
)
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..formats.npz import write_npz
from ..progress import Progress
from ..regression.crops import square_crop
from ..regression.pymaf.mask_points import mask_points
from .picture_params import MasksSelectParams


def run_masks_select(params: MasksSelectParams, out: Path, progress: Progress) -> Path:
    """Write mask_points.npz of the masks in the folder `params.source` to `out`. Returns it.

    Raises InputError for a folder without masks, and for masks that cannot be read.
    """
    source = params.source
    if not source.is_dir():
        raise InputError(f"{source}: no such folder.", "Give a folder of: layfigure masks save.")
    named = originals(source)
    if (source / TABLE).is_file():
        crops, count = _ours(source), sum(len(p.people) for p in read_table(source))
    elif named:
        crops, count = ((name, 0, read_original(file)) for name, file in named.items()), len(named)
    else:
        raise InputError(
            f"{source}: there are no masks in this folder, neither {TABLE} nor masks_fore1_*.npy.",
            "Make them with: layfigure masks save.",
        )
    progress.begin(count, "Choosing points")
    points, names, people, notes = [], [], [], []
    for number, (name, person, mask) in enumerate(crops):
        # Each picture has its own draw, which does not hang on how many come before it.
        chosen = mask_points(mask, seed=params.seed + number)
        if chosen is None:
            notes.append(f"{name}: the mask is empty in the person's square; it was left out.")
        else:
            points.append(chosen.numpy())
            names.append(name)
            people.append(person)
        progress.tick()
    if not points:
        raise InputError(f"{source}: all masks in this folder are empty.", "Make them again.")
    told = {"people": [[n, p] for n, p in zip(names, people, strict=True)], "notes": notes}
    with whole_folder(out, TABLE) as folder:
        stacked = np.stack(points)
        write_npz(
            folder / "mask_points.npz",
            points=stacked,
            names=np.array(names),
            people=np.array(people, np.int32),
            seed=params.seed,
        )
        if params.original:
            write_points(folder / "lspet_mask_points.npy", stacked)
        (folder / TABLE).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return out


def in_crop(mask: np.ndarray, person: PersonEntry, size: int) -> np.ndarray:
    """The mask (size, size) bool of the square that shows a person, from one (H, W) bool."""
    levels = np.repeat(255 * mask.astype(np.uint8)[..., None], 3, axis=-1)
    return square_crop(levels, person.centre, person.side, size).pixels[..., 0] > 127


def _ours(folder: Path) -> Iterator[tuple[str, int, np.ndarray]]:
    """Picture, number of the person in it, and the mask of the person's square."""
    for picture in read_table(folder):
        for number, person in enumerate(picture.people):
            mask = read_mask(folder / person.mask, (picture.width, picture.height))
            yield picture.name, number, in_crop(mask, person, SIZE)
