"""The training of the parent: a network that sees one picture, on pictures of many animals."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...formats.animal_file import AnimalData
from ...training.module import Losses, Optimisation, StepModule, by_step
from ..crops import normalised_levels
from .augment import NONE, Augmentation, Augmenter
from .losses import AnimalLosses, Weights
from .network import AnimalNetwork
from .samples import AnimalSamples

BATCH = 32
RATE, _WARM = 1e-3, 50  # and steps in which the rate rises
_STEEPEST = 10.0  # norm of the gradient, at most


class ParentStage(StepModule):
    """Supervised by all that is known of each sample.

    `held_back`: samples that are validated on and not learned from; None for none. `bfloat16`:
    encode in it, which is faster where the processor has it.
    """

    def __init__(
        self,
        network: AnimalNetwork,
        data: AnimalData,
        samples: AnimalSamples,
        held_back: AnimalSamples | None,
        steps: int,
        *,
        batch: int = BATCH,
        rate: float = RATE,
        weights: Weights | None = None,
        family: str = "",
        augmentation: Augmentation | None = None,
        bfloat16: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.network, self.samples, self.held_back = network, samples, held_back
        self.steps, self.batch, self.rate = steps, batch, rate
        self.in_bfloat16 = bfloat16
        self.measure = AnimalLosses(data, network.size, weights, family)
        self.augment = Augmenter(data, augmentation or Augmentation())
        self.still = Augmenter(data, NONE)

    def configure_optimizers(self) -> Optimisation:
        """Adam as published; the rate rises first and falls as a cosine to a hundredth."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.rate)

        def factor(step: int) -> float:
            fall = 0.01 + 0.495 * (1 + math.cos(math.pi * min(step / self.steps, 1)))
            return min(1.0, (step + 1) / _WARM) * fall

        return by_step(optimizer, factor)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """A body that is guessed to be at the camera must not undo what is learned."""
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _STEEPEST)

    def losses(self, step: int) -> Losses:
        """Of the batch of this step."""
        random = self.generator(step)
        rows = torch.randint(len(self.samples), (self.batch,), generator=random)
        return self._losses(*self.augment(self.samples[rows], self.network.size, random))

    def validation_loss(self) -> Tensor | None:
        """The loss on what is held back."""
        if self.held_back is None:
            return None
        random = torch.Generator().manual_seed(0)
        found = self._losses(*self.still(self.held_back, self.network.size, random))
        return found["loss"]

    def _losses(self, levels: Tensor, samples: AnimalSamples) -> Losses:
        samples = samples.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            features, encoded, maps = self.network.look(normalised_levels(levels.to(self.device)))
        guess = self.network.read(features.float(), encoded.float())
        masks = samples.truth is None  # the truth says more
        parts = self.measure.picture(guess, samples, masks)
        if maps is not None:
            parts["looked"] = self.measure.looked(maps.float(), samples)
        return self.measure.sum(parts)
