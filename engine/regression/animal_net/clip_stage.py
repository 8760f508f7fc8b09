"""The training of the test network: on one clip with few keypoints and imperfect masks."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ...formats.animal_file import AnimalData
from ...training.module import Losses, Optimisation, StepModule, by_step
from ..crops import normalised_levels
from .clip_network import ClipNetwork
from .guess import Guess
from .losses import MASK_SIZE, AnimalLosses, Weights
from .samples import AnimalSamples, shrink_masks

WINDOW = 16  # frames that a step compares
_RATE = 1.5e-3
_POINTS_FIRST = 0.07  # share of the steps in which masks do not count yet, as published
_NEAR_PARENT = 0.02  # weight of leaving what the parent said

# Few keypoints and masks say little about a joint: its rest is the parent's.
CLIP_WEIGHTS = Weights(keypoints=10.0, mask=5.0, pose=0.02, shape=0.02, change=6.0)


class ClipStage(StepModule):
    """`samples` are the T frames of a clip, in order, cropped to the network's size.

    Every step runs the GRU over the whole clip and compares a window of it, so that training sees
    what is used afterwards.
    """

    features: Tensor  # (T, features) of the clip, as the parent encodes it
    encoded: Tensor  # (T, encoded)

    def __init__(
        self,
        network: ClipNetwork,
        data: AnimalData,
        samples: AnimalSamples,
        steps: int,
        *,
        window: int = WINDOW,
        rate: float = _RATE,
        weights: Weights = CLIP_WEIGHTS,
        family: str = "",
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.network, self.steps, self.rate = network, steps, rate
        self.window = min(window, len(samples))
        self.measure = AnimalLosses(data, network.parent.size, weights, family)
        self.samples = replace(samples, masks=shrink_masks(samples.masks, MASK_SIZE))
        network.eval()  # statistics of the encoder's batches stay the parent's
        network.requires_grad_(True)
        network.parent.encoder.requires_grad_(False)
        pictures = samples.pixels.permute(0, 3, 1, 2).float() / 255
        features, encoded = network.encode(normalised_levels(pictures))
        with torch.no_grad():
            self.before = network.parent.read(features, encoded)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("encoded", encoded, persistent=False)
        self.changes = (int(_POINTS_FIRST * steps),)

    def configure_optimizers(self) -> Optimisation:
        """Adam, the rate falling as a cosine to a twentieth."""
        learned = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(learned, lr=self.rate)
        return by_step(
            optimizer,
            lambda step: 0.05 + 0.475 * (1 + math.cos(math.pi * min(step / self.steps, 1))),
        )

    def losses(self, step: int) -> Losses:
        """Of a window of the clip."""
        random = self.generator(step)
        first = int(torch.randint(len(self.samples) - self.window + 1, (), generator=random))
        rows = torch.arange(first, first + self.window)
        part = self.samples[rows].to(self.device)
        guess = self.network(self.features, self.encoded)[rows.to(self.device)]
        masks = step >= _POINTS_FIRST * self.steps
        parts = self.measure.picture(guess, part, masks)
        parts.setdefault("mask", guess.place.sum() * 0)
        parts |= self.measure.motion(guess, part.lens)
        found = self.measure.sum(parts)
        before = self.before[rows].map(lambda tensor: tensor.to(self.device))
        left = (guess.pose[:, 1:] - before.pose[:, 1:]).square().mean()
        found["loss"] = found["loss"] + _NEAR_PARENT * left
        return found | {"left": left.detach()}

    @torch.no_grad()
    def answer(self) -> Guess:
        """The network's guess of all frames, on the CPU."""
        guess = self.network(self.features, self.encoded)
        return guess.map(lambda tensor: tensor.cpu())
