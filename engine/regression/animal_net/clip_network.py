"""SMAL4V's test network: what the parent sees in each frame goes through a GRU over the clip.

The encodings are the parent's and stay as they are. As published the GRU starts from nothing and
its answers replace the parent's, and the shape of the last frame is that of all. Here the GRU's
answers are added to the parent's and start at zero, so that a training begins with what the parent
can do; the GRU runs both ways; and the shape is the mean over the clip. `as_published` is the
original.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .guess import Guess
from .network import AnimalNetwork

_SPREAD = 0.02  # of the first weights, as published


class ClipNetwork(nn.Module):
    """The frames of a clip, encoded by `parent`, to one shape and its poses.

    Its heads are the parent's own: train a copy of it.
    """

    def __init__(
        self, parent: AnimalNetwork, hidden: int = 1024, as_published: bool = False
    ) -> None:
        super().__init__()
        self.parent = parent
        self.as_published = as_published
        both = not as_published
        self.rnn_encoder = nn.GRU(parent.encoded, hidden, batch_first=True, bidirectional=both)
        outputs = hidden * (2 if both else 1)
        spread = _SPREAD if as_published else 0.0
        self.fc = _dense(outputs, parent.features, spread)
        self.fc_inverse = _dense(outputs, parent.encoded, spread)

    @torch.no_grad()
    def encode(self, pictures: Tensor, batch: int = 32) -> tuple[Tensor, Tensor]:
        """Features (T, features) and (T, encoded) of the clip's crops (T, 3, size, size)."""
        parts = [self.parent.encoder(part) for part in pictures.split(batch)]
        features, encoded = zip(*parts, strict=True)
        return torch.cat(features), torch.cat(encoded)

    def forward(self, features: Tensor, encoded: Tensor) -> Guess:
        """The animal in all T frames of a clip, as `encode` gives them."""
        states = self.rnn_encoder(encoded[None])[0][0]
        turned, shaped = self.fc(states), self.fc_inverse(states)
        if not self.as_published:
            turned, shaped = features + turned, encoded + shaped
        guess = self.parent.read(turned, shaped)
        for name in ("betas", "limb_logscale"):
            every = getattr(guess, name)
            one = every[-1:] if self.as_published else every.mean(0, keepdim=True)
            setattr(guess, name, one.expand_as(every))
        return guess


def _dense(inputs: int, outputs: int, spread: float) -> nn.Sequential:
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, 0.0, spread)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(nn.ReLU(), layer)
