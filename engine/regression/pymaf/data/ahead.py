"""Batches that are made in other threads while the network learns from the ones before."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from ..samples import Samples

_MOST = 16  # threads

Source = Callable[[int, torch.Generator], Samples]


class Ahead:
    """A source of batches that are there when they are asked for.

    They are those of `source`, with the generators of StepModule: the seed of a step is one more
    than that of the step before. The caller's own generator is left as it is.
    """

    def __init__(self, source: Source, steps: int, threads: int | None = None) -> None:
        """`steps`: where the training ends; after that nothing is made. `threads`: as many batches
        are made at a time; by default as there are cores."""
        self.source, self.steps = source, steps
        self.threads = threads or min(os.cpu_count() or 1, _MOST)
        self._pool = ThreadPoolExecutor(self.threads)
        self._made: dict[tuple[int, int], Future[Samples]] = {}

    def __call__(self, step: int, random: torch.Generator) -> Samples:
        """The batch of a step; those of the next ones are begun."""
        seed = random.initial_seed()
        wanted = [(step + more, seed + more) for more in range(self.threads + 1)]
        self._made = {key: made for key, made in self._made.items() if key in wanted}
        for key in wanted:
            if key not in self._made and (key[0] < self.steps or key[0] == step):
                self._made[key] = self._pool.submit(self._make, *key)
        return self._made.pop(wanted[0]).result()

    def _make(self, step: int, seed: int) -> Samples:
        return self.source(step, torch.Generator().manual_seed(seed))
