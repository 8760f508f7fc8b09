"""The unknowns of a fit, in measures in which a step of one is worth a step of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.interpolate import interp1d
from scipy.spatial.transform import Rotation, Slerp
from torch import Tensor

from ...bodies.animal_posing import AnimalPosing, Points, Rest
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .prior import Priors


@dataclass
class State:
    """One shape, T poses."""

    latent: Tensor  # (B,) the shape's deviation from its family
    limbs: Tensor  # (L,) logs of limb scales
    base: Tensor  # (T, 3, 3) where the root was turned to when the fit began, model to camera
    turn: Tensor  # (T, 3) axis-angle: what it turns besides, in the model's axes
    place: Tensor  # (T, 3) of the root joint in camera space: x / z, y / z, log z
    angles: Tensor  # (T, J - 1, 3) axis-angle of the other joints

    @classmethod
    def start(cls, base: Tensor, place: Tensor, betas: int, limbs: int, joints: int) -> State:
        """At rest: turned by base (T, 3, 3), at place (T, 3)."""
        zeros = base.new_zeros
        count = len(base)
        return cls(
            *(zeros(betas), zeros(limbs), base, zeros(count, 3), place),
            zeros(count, joints - 1, 3),
        )

    def copy(self) -> State:
        """One of its own."""
        return State(**{f.name: getattr(self, f.name).detach().clone() for f in fields(self)})

    @classmethod
    def woven(cls, states: Sequence[State], chosen: Tensor) -> State:
        """In frame t as `states[chosen[t]]`, with the shape of the first."""
        first, every = states[0], torch.arange(len(chosen), device=chosen.device)

        def pick(name: str) -> Tensor:
            return torch.stack([getattr(state, name) for state in states])[chosen, every]

        return cls(
            *(first.latent, first.limbs, pick("base"), pick("turn")),
            *(pick("place"), pick("angles")),
        )

    def unknowns(self) -> dict[str, Tensor]:
        """What is solved for, by name."""
        names = ("latent", "limbs", "turn", "place", "angles")
        return {name: getattr(self, name) for name in names}

    @property
    def root(self) -> Tensor:
        """(T, 3, 3) the root's turn, model to camera."""
        return self.base @ axis_angle_to_matrix(self.turn)

    @property
    def where(self) -> Tensor:
        """(T, 3) metres, camera space, of the root joint."""
        depth = self.place[:, 2:].exp()
        return torch.cat([self.place[:, :2] * depth, depth], 1)

    def rest(self, model: AnimalPosing, priors: Priors) -> Rest:
        """The shape at rest."""
        return model.rest(priors.betas(self.latent), self.limbs[None])

    def posed(
        self,
        model: AnimalPosing,
        rest: Rest,
        points: Points | None = None,
        frames: Tensor | slice = slice(None),
    ) -> Tensor:
        """(N, V or K, 3) camera space, of the chosen frames."""
        angles = self.angles[frames]
        pose = torch.cat([torch.zeros_like(angles[:, :1]), angles], 1)
        origin = rest.joints[:, 0]  # the root turns about it
        flat = model(rest, pose, (-origin).expand(len(pose), -1), points)
        return flat @ self.root[frames].mT + self.where[frames][:, None]

    def pose(self) -> Tensor:
        """(T, J, 3) axis-angle, the root first: model to camera."""
        return torch.cat([matrix_to_axis_angle(self.root)[:, None], self.angles], 1)

    def picked(self, frames: np.ndarray, known: np.ndarray) -> State:
        """At all `frames` (T,), between and beyond the `known` ones (A,) that this state is of."""
        turns = Rotation.from_matrix(self.root.detach().cpu().numpy())
        inside = np.clip(frames, known[0], known[-1])
        root = Slerp(known, turns)(inside) if len(known) > 1 else turns[np.zeros(len(frames), int)]

        def along(values: Tensor) -> Tensor:
            array = values.detach().cpu().numpy()
            if len(known) > 1:
                array = interp1d(known, array, axis=0)(inside)
            else:
                array = np.repeat(array, len(frames), axis=0)
            return torch.as_tensor(array).to(values)

        base = torch.as_tensor(root.as_matrix()).to(self.base)
        turn = base.new_zeros(len(base), 3)
        shape = self.latent.detach().clone(), self.limbs.detach().clone()
        return State(*shape, base, turn, along(self.place), along(self.angles))
