"""Where the animal stands and which way it looks, from the annotated frames alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...bodies.animal_posing import AnimalPosing
from .energy import Energy, Weights
from .evidence import Evidence
from .solve import descend
from .state import State

_HEADINGS = 8  # ways that it may look
_PITCHES = (0.0, 0.45)  # rad that the camera may look down
_ROUNDS = 70
_UPRIGHT = 2.0  # energy of a radian that the animal leans sideways
_LOST = 20.0  # usual misses: far ones must pull as well


def place(model: AnimalPosing, energy: Energy) -> State:
    """The body at rest in each frame, best of many starts; every frame must show points."""
    evidence = energy.evidence
    turns = _turns(evidence.points.device)
    frames, starts = len(evidence.points), len(turns)
    chosen = torch.arange(frames, device=turns.device).repeat_interleave(starts)
    some = evidence.only(chosen, masks=False)
    base = turns.repeat(frames, 1, 1)
    state = State.start(
        *(base, _distance(model, energy, some, base)),
        *(len(energy.priors.mean), len(model.data.limb_scales), len(model.data.parents)),
    )
    part = Energy(model, some, energy.priors, 30.0)

    def each(state: State) -> Tensor:
        rest = state.rest(model, energy.priors)
        lean = state.root[:, 1, 1].square()  # the animal's left is level when this is 0
        return part.misses(state, rest, _LOST) + _UPRIGHT * lean

    descend(state, lambda s, _: each(s).sum(), Weights(), _ROUNDS, ("turn", "place"))
    with torch.no_grad():
        best = each(state).view(frames, starts).argmin(1)
    best += torch.arange(frames, device=turns.device) * starts
    return State(
        *(state.latent, state.limbs, state.base[best], state.turn[best]),
        *(state.place[best], state.angles[best]),
    )


def _turns(device: torch.device) -> Tensor:
    """(S, 3, 3) model to camera: looking around, seen level and from above."""
    level = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # head to the right, back upwards
    found = []
    for pitch in _PITCHES:
        down = _about(0, pitch)
        for k in range(_HEADINGS):
            found.append(down @ level @ _about(2, 2 * np.pi * k / _HEADINGS))
    return torch.stack(found).to(device)


def _about(axis: int, angle: float) -> Tensor:
    """(3, 3) a turn about the axis x, y or z."""
    one, two = (axis + 1) % 3, (axis + 2) % 3
    matrix = torch.eye(3)
    matrix[one, one] = matrix[two, two] = float(np.cos(angle))
    matrix[two, one], matrix[one, two] = float(np.sin(angle)), -float(np.sin(angle))
    return matrix


def _distance(model: AnimalPosing, energy: Energy, some: Evidence, base: Tensor) -> Tensor:
    """(N, 3) places at which the body at rest looks as large as its points do."""
    with torch.no_grad():
        zeros = State.start(
            *(base[:1], base.new_zeros(1, 3)),
            *(len(energy.priors.mean), len(model.data.limb_scales), len(model.data.parents)),
        )
        rest = zeros.rest(model, energy.priors)
        still = base.new_zeros(1, len(model.data.parents), 3)
        own = model(rest, still, -rest.joints[:, 0], energy.points) @ base.mT  # (N, K, 3)
        sure = some.sure[..., None] / some.sure.sum(1)[:, None, None]
        rays = (some.points - some.lens[2:]) / some.lens[:2]
        middle, own_middle = (sure * rays).sum(1), (sure * own[..., :2]).sum(1)
        spread = (sure * (rays - middle[:, None]).square()).sum((1, 2)).sqrt()
        own_spread = (sure * (own[..., :2] - own_middle[:, None]).square()).sum((1, 2)).sqrt()
        # Foreshortened or bent, it looks smaller than its whole self, not larger.
        whole = (sure * (own - (sure * own).sum(1)[:, None]).square()).sum((1, 2)).sqrt()
        depth = own_spread.clamp(min=0.4 * whole) / spread.clamp(min=1e-6)
        corner = middle - own_middle / depth[:, None]
        return torch.cat([corner, depth.log()[:, None]], 1)
