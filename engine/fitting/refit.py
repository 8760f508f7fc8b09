"""A fit as the start of another: after an artist put some keypoints right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .kinematics import Kinematics
from .paths import fill, fill_rotations
from .problem import State
from .tracks import ClipFit, Track


@dataclass
class Start:
    """A previous fit of the same clip, whose tracks are the clip's people in this order."""

    fit: ClipFit
    trusted: np.ndarray  # (F, P, 137) bool, keypoints that are right beyond doubt

    def of(self, people: np.ndarray) -> Start:
        """The start of some of the people, chosen by their numbers (B,)."""
        tracks = [self.fit.tracks[k] for k in people]
        fit = replace(self.fit, tracks=tracks, focal=self.fit.focal[people])
        return Start(fit, self.trusted[:, people])


def state_of(start: Start, kinematics: Kinematics, frames: int, like: Tensor) -> State:
    """The unknowns of a clip of `frames` frames as `start` left them, held outside the tracks."""
    states = [_of_track(track, kinematics, frames, like) for track in start.fit.tracks]
    focal = torch.tensor(np.log(start.fit.focal)).to(like)
    rows = (torch.stack(column) for column in zip(*states, strict=True))
    return State(*rows, focal)


def _of_track(
    track: Track, kinematics: Kinematics, frames: int, like: Tensor
) -> tuple[Tensor, ...]:
    betas = torch.tensor(track.betas).to(like)
    position = torch.tensor(track.transl).to(like) + kinematics.root_offset(betas)
    depth = position[:, 2:].clamp_min(0.05)
    place = torch.cat([position[:, :2] / depth, depth.log()], 1).cpu().numpy()
    everywhere = np.arange(frames)

    def spread(values: np.ndarray) -> Tensor:
        return torch.tensor(fill(values, track.frame_ids, everywhere)).to(like)

    root = fill_rotations(torch.tensor(track.root).to(like), track.frame_ids, everywhere)
    return root, spread(place), spread(track.pose), spread(track.expression), betas
