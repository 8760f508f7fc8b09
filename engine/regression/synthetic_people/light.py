"""What shines on a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Light:
    """Lamps or the sun, far away, and light from all round."""

    towards: np.ndarray  # (L, 3) unit, the first casts shadows
    colours: np.ndarray  # (L, 3) times strength
    ambient: np.ndarray  # (3,)
    ground: np.ndarray  # (3,) what comes back from below

    def on(self, normals: np.ndarray, open_to_first: np.ndarray | float = 1.0) -> np.ndarray:
        """(N, 3) on surfaces with unit normals (N, 3); `open_to_first` (N,) 0 in its shadow."""
        above = (0.5 + 0.5 * normals[:, 1])[:, None]
        total = self.ambient * (0.4 + 0.6 * above) + self.ground * (1 - above)
        for k, (towards, colour) in enumerate(zip(self.towards, self.colours, strict=True)):
            facing = np.clip(normals @ towards, 0, 1)
            if k == 0:
                facing = facing * open_to_first
            total = total + facing[:, None] * colour
        return total


def lamps(rng: np.random.Generator) -> Light:
    """Any room's: one to three lamps or windows."""
    count = int(rng.integers(1, 4))
    towards = rng.normal(size=(count, 3))
    towards[:, 1] = np.abs(towards[:, 1]) + 0.3
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    warm = np.array([1.0, rng.uniform(0.8, 1.0), rng.uniform(0.6, 1.05)])
    strength = rng.uniform(0.2, 0.9) * rng.dirichlet(np.full(count, 1.0))
    ambient = rng.uniform(0.25, 0.75) * (1 + rng.normal(0, 0.05, 3))
    return Light(towards, strength[:, None] * warm, ambient, 0.25 * ambient)
