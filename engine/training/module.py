"""What is trained: a Lightning module whose batch of step n follows from its seed and n alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

_APART = 2**40  # between the seeds of two devices
_OTHER = 2**39  # makes another seed

Losses = dict[str, Tensor]  # "loss" is the one that is minimised, the others are written down


Optimisation = OptimizerLRSchedulerConfig  # what `configure_optimizers` returns, see by_step


class StepModule(LightningModule):
    """Draws its own batches. Subclasses give `losses` and `configure_optimizers`.

    There is one optimiser, and rates follow the step: `configure_optimizers` returns `by_step`.
    """

    changes: tuple[int, ...] = ()  # steps at which the loss begins to mean something else

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed

    def losses(self, step: int) -> Losses:
        """The loss of the batch of step `step` (0, 1, ...) as "loss", and its parts.

        The same names every time.
        """
        raise NotImplementedError

    def validation_loss(self) -> Tensor | None:
        """What early stopping watches: the loss on what is held back, None where nothing is.

        Called without gradients; it draws nothing at random, or with a generator of its own.
        """
        return None

    def training_step(self, step: int, index: int) -> Losses:
        """Lightning's door to `losses`."""
        # Layers draw from torch's own source (dropout); it must not depend on what was before.
        torch.manual_seed(self.generator(step).initial_seed() ^ _OTHER)
        return self.losses(step)

    def generator(self, step: int) -> torch.Generator:
        """The source of all that is random in step `step`, on the CPU; each device has its own.

        The seed of the next step is one more.
        """
        return torch.Generator().manual_seed(
            self.global_rank * _APART + self.seed * 1_000_003 + step
        )


def by_step(optimizer: torch.optim.Optimizer, factor: Callable[[int], float]) -> Optimisation:
    """What `configure_optimizers` returns: all rates are multiplied by factor(step)."""
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
