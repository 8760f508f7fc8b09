"""Pictures that the job `train_regressor` makes to learn from, where no data sets are given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..formats.body_file import BodyData
from ..regression.pymaf.data.dense import DensePainter, cut_by_joints
from ..regression.pymaf.faults import with_faults
from ..regression.pymaf.made import drawn_samples
from ..regression.pymaf.samples import Samples
from ..regression.synthetic_people.pool import read_people, write_people
from ..training.ranks import is_main

_AT_ONCE = 250  # people whose surfaces are painted between two ticks
_DENSE = "dense.npy"
TESTED = 0.05  # of the pictures so many more are made to measure on
_SEED_APART = 1000  # between the seeds of both


def tested(count: int) -> int:
    """How many pictures are measured on, of `count` to learn from."""
    return max(4, round(TESTED * count))


def made_samples(
    folder: Path, count: int, seed: int, size: int, body: BodyData, tick: Callable[[int], None]
) -> tuple[Samples, Samples]:
    """`count` people to learn from and some to measure on, in pictures of `size` px.

    The first process makes what is not yet there. tick(number) is called as pictures get done:
    twice for each to learn from, whose surface is painted too, once for the others.
    """
    learned, held = folder / "made", folder / "tested"
    if is_main():
        _write(learned, count, seed, size, tick)
        _write(held, tested(count), seed + _SEED_APART, size, tick)
        _paint(learned, drawn_samples(read_people(learned, count), body), body, tick)
    while not (learned / _DENSE).exists():
        time.sleep(0.5)
    samples = drawn_samples(read_people(learned, count), body)
    dense = torch.from_numpy(np.load(learned / _DENSE))
    known = (dense[:, 0] > 0).flatten(1).any(1)
    samples.targets = replace(samples.targets, dense=dense, dense_known=known)
    test = drawn_samples(read_people(held, tested(count)), body)
    test.sight = with_faults(test.sight, torch.Generator().manual_seed(0))
    return samples, test


def _write(folder: Path, count: int, seed: int, size: int, tick: Callable[[int], None]) -> None:
    done = 0

    def more(made: int, _: int) -> None:
        nonlocal done
        tick(made - done)
        done = made

    write_people(folder, count, seed, size, progress=more)


def _paint(folder: Path, samples: Samples, body: BodyData, tick: Callable[[int], None]) -> None:
    """What of the surface each picture shows, kept in a file, whole or not at all."""
    if (folder / _DENSE).exists():
        tick(len(samples))
        return
    painter = DensePainter(body, cut_by_joints(body))
    parts = []
    for start in range(0, len(samples), _AT_ONCE):
        part = samples[slice(start, start + _AT_ONCE)]
        parts.append(painter.painted(part).targets.dense.numpy())
        tick(len(part))
    temporary = folder / f".{_DENSE}"
    with temporary.open("wb") as file:
        np.save(file, np.concatenate(parts))
    temporary.replace(folder / _DENSE)
