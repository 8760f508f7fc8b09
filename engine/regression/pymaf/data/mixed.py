"""Batches of several data sets in chosen shares."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ....formats.errors import InputError
from ....training.ranks import rank
from ..samples import Samples
from .dense import DensePainter
from .picture_set import PictureSet, read_mask, read_picture
from .pictures import Augmentation, cut_person, draw_change

MaskOf = Callable[[PictureSet, int], np.ndarray | None]


def own_mask(data: PictureSet, row: int) -> np.ndarray | None:
    """The mask (H, W) bool that the data set names, if it is there."""
    path = data.folder / str(data.masks[row])
    return read_mask(path) if data.masks[row] and path.is_file() else None


def shares(sizes: Sequence[int], ratios: Sequence[float | None]) -> list[float]:
    """How much of a batch is of each data set; those without ratio share the rest by their sizes.

    Raises InputError for ratios that are more than the whole, or less with nobody to take the rest.
    """
    given = sum(ratio or 0 for ratio in ratios)
    rest = [size if ratio is None else 0 for size, ratio in zip(sizes, ratios, strict=True)]
    if any(ratio is not None and ratio <= 0 for ratio in ratios) or given > 1 + 1e-6:
        raise InputError(
            f"The ratios of the data sets add up to {given:g}.",
            "Give positive ones of at most 1 together.",
        )
    if not sum(rest):
        return [(ratio or 0) / given for ratio in ratios]
    if given > 1 - 1e-6:
        raise InputError(
            "The ratios leave nothing for the data sets without one.", "Make the others smaller."
        )
    return [
        (1 - given) * by_size / sum(rest) if ratio is None else ratio
        for ratio, by_size in zip(ratios, rest, strict=True)
    ]


class MixedPictures:
    """The batch of a step, from data sets.

    An epoch is as long as the largest of them, in an order of its own; of each place in it a data
    set is drawn by `ratios`, whose people begin again where they are at an end. On several devices
    each takes its turn.
    """

    def __init__(
        self,
        sets: Sequence[PictureSet],
        ratios: Sequence[float],
        size: int,
        batch: int,
        amount: Augmentation | None = None,
        painter: DensePainter | None = None,
        mask_of: MaskOf = own_mask,
        devices: int = 1,
        seed: int = 0,
    ) -> None:
        self.sets, self.ratios, self.size, self.batch = sets, ratios, size, batch
        self.amount, self.painter, self.mask_of = amount or Augmentation(), painter, mask_of
        self.devices, self.seed = devices, seed
        self.epoch = max(len(data) for data in sets)

    def __call__(self, step: int, random: torch.Generator) -> Samples:
        """The batch of a step; `random` draws sets and changes."""
        first = (step * self.devices + rank()) * self.batch
        chosen = torch.multinomial(
            torch.tensor(self.ratios), self.batch, replacement=True, generator=random
        )
        parts = []
        for place, which in enumerate(chosen.tolist(), first):
            data = self.sets[which]
            row = self._row(place) % len(data)
            change = draw_change(self.amount, random)
            picture = read_picture(data.folder / str(data.pictures[row]))
            mask = self.mask_of(data, row)
            parts.append(cut_person(data, row, picture, mask, change, self.size))
        samples = Samples.join(parts)
        return self.painter.painted(samples) if self.painter else samples

    def _row(self, place: int) -> int:
        """Of an endless list in which each epoch has an order of its own."""
        epoch, index = divmod(place, self.epoch)
        return int(_order(self.epoch, self.seed + epoch)[index])


@functools.lru_cache(maxsize=4)
def _order(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(count)
