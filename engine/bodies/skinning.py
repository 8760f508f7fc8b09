"""Kinematic chain and linear blend skinning, batched over bodies and tree levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


class Chain(nn.Module):
    """A skeleton's tree. Joints of one depth turn together: some ten steps, not fifty-five."""

    back: Tensor  # (J,) place of each joint in the order of levels
    parent_of: Tensor  # (J,) parents, the root its own

    def __init__(self, parents: Sequence[int] | np.ndarray) -> None:
        super().__init__()
        self.parents = tuple(int(p) for p in parents)
        depth: list[int] = []
        for parent in self.parents:
            depth.append(0 if parent < 0 else depth[parent] + 1)
        order = sorted(range(len(depth)), key=lambda j: depth[j])
        place = {joint: position for position, joint in enumerate(order)}
        levels = [[j for j in order if depth[j] == d] for d in range(1, max(depth) + 1)]
        # up_d: where the parents of a level's joints stand in the level before.
        starts = [0, 1]
        for level in levels:
            starts.append(starts[-1] + len(level))
        self._levels = len(levels)
        for d, level in enumerate(levels):
            up = [place[self.parents[j]] - starts[d] for j in level]
            self._index(f"level_{d}", level)
            self._index(f"up_{d}", up)
        self._index("back", [place[j] for j in range(len(depth))])
        self._index("parent_of", [max(p, 0) for p in self.parents])

    def _index(self, name: str, values: list[int]) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.long), persistent=False)

    def forward(self, rotations: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """World rotations (N, J, 3, 3) and positions (N, J, 3), metres.

        `rotations` (N, J, 3, 3) are relative to the parent, `joints` (N, J, 3) the rest positions.
        The root turns about its own joint.
        """
        offsets = joints - joints[:, self.parent_of]
        turn, place = rotations[:, :1], joints[:, :1]
        turns, places = [turn], [place]
        for d in range(self._levels):
            level, up = getattr(self, f"level_{d}"), getattr(self, f"up_{d}")
            parent = turn[:, up]
            place = place[:, up] + (parent @ offsets[:, level, :, None]).squeeze(-1)
            turn = parent @ rotations[:, level]
            turns.append(turn)
            places.append(place)
        return torch.cat(turns, 1)[:, self.back], torch.cat(places, 1)[:, self.back]


def skin(rest: Tensor, weights: Tensor, turns: Tensor, places: Tensor, joints: Tensor) -> Tensor:
    """Posed points (N, V, 3), metres, of rest points (N, V, 3) by linear blend skinning.

    `weights` (V, J); world rotations (N, J, 3, 3), positions (N, J, 3), rest `joints` (N, J, 3).
    """
    shift = places - (turns @ joints[..., None]).squeeze(-1)
    rigid = torch.cat([turns, shift[..., None]], dim=-1).flatten(-2)
    blended = (weights @ rigid).unflatten(-1, (3, 4))
    return (blended[..., :3] @ rest[..., None]).squeeze(-1) + blended[..., 3]
