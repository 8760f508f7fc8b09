"""Poses that a network read off the pictures, as the beginning of a fit and a witness in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..bodies.initialiser import JOINTS
from ..bodies.pose_prior import PosePrior
from .guesses import Alternatives, Guesses
from .paths import fill, fill_rotations
from .people import People
from .problem import Problem, State
from .start import everywhere, frames_to_try, single_fits
from .tracks import ClipFit

_TRUST = 3.0  # weight of the guesses' own densities in the choice among them
_STEPS = ((6.0, 5),)  # robust scale and solver steps of the frames alone
_SPREAD = 0.8  # rad, of an angle that a network tells


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

    def state(self, joints: int) -> State:
        """The poses alone, of a body of so many joints, to be weighed against guesses."""
        pose = self.pose.new_zeros(*self.pose.shape[:2], joints, 3)
        pose[:, :, 1 : 1 + JOINTS] = self.pose
        batch, frames = pose.shape[:2]
        place, none = self.pose.new_zeros(batch, frames, 3), self.pose.new_zeros(batch, frames, 0)
        return State(self.root, place, pose, none, none[:, 0], place[:, 0, 0])

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

    Of the guesses those count that agree with what is told.
    """
    frames = problem.evidence.size.shape[1]
    picked = frames_to_try(known.cpu().numpy(), fps)
    rows = torch.as_tensor(picked, device=known.device)
    some, few, there = witness.at(rows), problem.at(rows), known[:, rows]
    state = some.state(len(problem.kinematics.parents))
    prior = some.beside(guesses.of(rows).prior(state, there, few.prior, _TRUST))
    assert prior.root is not None and prior.root_spread is not None
    alone = (prior.root, prior.root_spread.clamp(max=1.0), prior.mean, prior.spread)
    share = torch.zeros_like(prior.root_spread)
    near = Alternatives(*(x[:, :, None] for x in (*alone, share)))
    singles, _ = single_fits(few, near, None, _STEPS, lambda: tick("Fitting the pose"))
    return everywhere(problem, singles, there.cpu().numpy(), picked, frames)
