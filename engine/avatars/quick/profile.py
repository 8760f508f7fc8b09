"""Offsets of a canonical mesh from the quick network, without asking the network again."""

from __future__ import annotations

import torch
from torch import Tensor

from ..offsets import REACH
from .network import QuickNetwork, combine

_STOPS = 11  # along each normal, from -REACH to REACH
_AT_ONCE = 1 << 16


class RayOffsets:
    """The network's shapes at stops along every normal (V, S, 1 + K), sampled once.

    They give the distance at the stops for any pose; the zero between two stops is the offset.
    """

    def __init__(
        self, network: QuickNetwork, vertices: Tensor, normals: Tensor, influence: Tensor
    ) -> None:
        self.network, self.influence = network, influence
        self.stops = torch.linspace(-REACH, REACH, _STOPS)
        places = vertices[:, None] + self.stops[:, None] * normals[:, None]
        with torch.no_grad():
            parts = [network.shapes(part) for part in places.flatten(0, 1).split(_AT_ONCE)]
        self.shapes = torch.cat(parts).unflatten(0, (len(vertices), _STOPS))

    @torch.no_grad()
    def __call__(self, code: Tensor) -> Tensor:
        """The way out through the surface that is nearest; 0 where there is none in reach."""
        amounts = self.network.amounts_of(self.influence, code)
        value = combine(self.shapes, amounts[:, None])
        out = (value[:, :-1] <= 0) & (value[:, 1:] > 0)
        before, after = value[:, :-1], value[:, 1:]
        share = before / (before - after).clamp_max(-1e-9)
        place = self.stops[:-1] + share * (self.stops[1] - self.stops[0])
        far = torch.where(out, place.abs(), torch.full_like(place, torch.inf))
        nearest = far.argmin(1, keepdim=True)
        found = place.gather(1, nearest)[:, 0]
        return torch.where(out.any(1), found, torch.zeros_like(found))
