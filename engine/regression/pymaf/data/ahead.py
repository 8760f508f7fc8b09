"""Batches that are made in other threads while the network learns from the ones before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from ..samples import Samples

Source = Callable[[int, torch.Generator], Samples]


class Ahead:
    """A source of batches that are there when they are asked for.

    They are those of `source`, with the generators of StepModule: the seed of a step is one more
    than that of the step before. The caller's own generator is left as it is.
    """

    def __init__(self, source: Source, steps: int, threads: int = 4) -> None:
        """`steps`: where the training ends; after that nothing is made."""
        self.source, self.steps, self.threads = source, steps, threads
        self._pool = ThreadPoolExecutor(threads)
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
