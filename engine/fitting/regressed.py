"""Poses that a network read off the pictures, as the beginning of a fit and a witness in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..bodies.initialiser import JOINTS
from ..bodies.pose_prior import PosePrior
from ..geometry.rotations import matrix_to_axis_angle
from .guesses import Guesses
from .paths import fill, fill_rotations
from .people import People
from .problem import Problem, State
from .start import HELD, START_STEPS, choose, everywhere, frames_to_try, single_fits, taken
from .tracks import ClipFit

_SPREAD = 0.8  # rad, of an angle that a network tells
_TURN, _TRIED = 1.0, 2  # rad, of a root that it tells; turns of the root that are tried


@dataclass
class Regressed:
    """The poses of everybody in a clip: F frames, P people slots."""

    root: np.ndarray  # (F, P, 3, 3) body to camera
    pose: np.ndarray  # (F, P, 21, 3) axis-angle of the body's joints after the root, radians

    @staticmethod
    def of_fit(fit: ClipFit, frames: int, people: int) -> Regressed:
        """What tracks say, held before, between and after them; `person` of each is its slot."""
        root = np.tile(np.eye(3), (frames, people, 1, 1))
        pose = np.zeros((frames, people, JOINTS, 3))
        everywhere = np.arange(frames)
        for slot in {track.person for track in fit.tracks}:
            own = [track for track in fit.tracks if track.person == slot]
            ids = np.concatenate([track.frame_ids for track in own])
            turns = torch.tensor(np.concatenate([track.root for track in own]))
            angles = np.concatenate([track.pose[:, 1 : 1 + JOINTS] for track in own])
            order = ids.argsort()
            root[:, slot] = fill_rotations(turns[order], ids[order], everywhere).numpy()
            pose[:, slot] = fill(angles[order], ids[order], everywhere)
        return Regressed(root, pose)

    def part(self, frames: slice) -> Regressed:
        """Of some of the frames."""
        return Regressed(self.root[frames], self.pose[frames])


@dataclass
class Witness:
    """The same of B tracks of T frames."""

    root: Tensor  # (B, T, 3, 3)
    pose: Tensor  # (B, T, 21, 3)

    @staticmethod
    def of(regressed: Regressed, people: People, like: Tensor) -> Witness:
        """Of the tracks of `people`, on the device and in the precision of `like`."""
        frames = people.pictures[:, None] + np.arange(people.points.shape[1])
        rows = frames, people.slots[:, None]
        return Witness(*(torch.tensor(x[rows]).to(like) for x in (regressed.root, regressed.pose)))

    def at(self, frames: Tensor) -> Witness:
        """Of some of the frames."""
        return Witness(self.root[:, frames], self.pose[:, frames])

    def beside(self, prior: PosePrior) -> PosePrior:
        """`prior` and what is told, each by how sure it is of an angle."""
        own, told = prior.spread**-2, _SPREAD**-2
        mean = (own * prior.mean + told * self.pose) / (own + told)
        return replace(prior, mean=mean, spread=(own + told).rsqrt())


def told_start(
    problem: Problem,
    guesses: Guesses,
    witness: Witness,
    known: Tensor,
    fps: float,
    tick: Callable[[str], None],
) -> State:
    """Where a clip begins whose poses are told: as `clip_start`, without its search.

    Of the guesses' turns those two are tried that agree best with what is told.
    """
    picked = frames_to_try(known.cpu().numpy(), fps)
    rows = torch.as_tensor(picked, device=known.device)
    few, there = problem.at(rows), known[:, rows].cpu().numpy()
    turns = guesses.of(rows).turns()
    away = witness.at(rows).root[:, :, None] @ turns.root.transpose(-1, -2)
    odds = turns.share - matrix_to_axis_angle(away).square().sum(-1) / _TURN**2
    near = turns.at(odds.topk(_TRIED, -1).indices)
    singles, energy = single_fits(few, near, None, START_STEPS, lambda: tick("Fitting the pose"))
    times = picked / (fps or 30.0)
    chosen = choose(few, singles, energy, there, times, range(1, HELD))
    return everywhere(problem, taken(singles, chosen, _TRIED), there, picked, known.shape[1])
