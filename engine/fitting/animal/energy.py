"""What a fit makes small: misses of points and silhouettes, unlikely shapes and jerky motion.

Terms are half squares in their usual deviations, as a posterior has them, so that one balance
serves clips of any length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...bodies.animal_posing import AnimalPosing, Rest
from ...geometry.silhouette import Edges
from .evidence import Evidence
from .outline import outline_misses
from .prior import Priors
from .state import State

_CLICK = 0.015  # of the animal's size: usual miss of a point that a person set
_LOST = 4.0  # usual misses beyond which a point is taken for wrong
_OUTLINE = 250.0  # energy of a silhouette that misses the mask altogether
_ACCELERATION = {"turn": 0.01, "where": 0.004}  # rad, lengths a frame squared
_RESTLESS = 0.2  # the same of joints, of how far each usually turns
_USUAL_FPS = 30.0


@dataclass
class Weights:
    """What counts in a stage."""

    outline: float = 1.0  # 0: the rasteriser does not run
    smooth: float = 1.0


class Energy:
    """The energy of a state against evidence."""

    def __init__(self, model: AnimalPosing, evidence: Evidence, priors: Priors, fps: float) -> None:
        self.model, self.evidence, self.priors = model, evidence, priors
        self.points = model.points(evidence.rows)
        self.edges = Edges.of(torch.as_tensor(model.data.faces).long()).to(evidence.points.device)
        self.length = float(model.body.rest[:, 0].max() - model.body.rest[:, 0].min())
        self.quick = (_USUAL_FPS / fps) ** 2

    def __call__(self, state: State, weights: Weights) -> Tensor:
        """The sum of all terms."""
        shape = self.priors.shape(state.latent, state.limbs)
        return shape + self.per_frame(state, weights).sum()

    def per_frame(self, state: State, weights: Weights) -> Tensor:
        """(T,) of each frame; jerks count where they happen."""
        rest = state.rest(self.model, self.priors)
        energy = self.misses(state, rest, _LOST) + self.priors.pose(state.angles)
        if weights.smooth and len(state.base) > 2:
            energy = energy + weights.smooth * pad(self._jerks(state), (1, 1))
        if weights.outline and len(self.evidence.masked):
            outline = weights.outline * self._outline(state, rest)
            energy = energy.index_add(0, self.evidence.masked, outline)
        return energy

    def misses(self, state: State, rest: Rest, lost: float) -> Tensor:
        """(T,) energy of the points (Geman-McClure), `lost` usual misses counting half."""
        seen, evidence = self.seen(state, rest), self.evidence
        apart = (seen - evidence.points) / (_CLICK * evidence.measure[:, None, None])
        square = apart.square().sum(-1)
        robust = square / (1 + square / lost**2)
        return 0.5 * (evidence.sure * robust).sum(1)

    def seen(self, state: State, rest: Rest) -> Tensor:
        """(T, K, 2) px, where the body's points are seen."""
        places = state.posed(self.model, rest, self.points)
        depth = places[..., 2:].clamp(min=1e-3)
        return places[..., :2] / depth * self.evidence.lens[:2] + self.evidence.lens[2:]

    def _outline(self, state: State, rest: Rest) -> Tensor:
        """(M,) energy of the silhouettes that have a mask."""
        evidence = self.evidence
        vertices = state.posed(self.model, rest, frames=evidence.masked)
        loss = outline_misses(evidence.covered(vertices, self.edges), evidence.masks)
        return _OUTLINE * evidence.mask_sure * loss

    def _jerks(self, state: State) -> Tensor:
        """(T - 2,) energy of accelerations."""
        parts = (
            (state.angles / self.priors.turns[1:] / _RESTLESS).flatten(1),
            state.root.flatten(1) / 2**0.5 / _ACCELERATION["turn"],  # small turns as their angle
            state.where / self.length / _ACCELERATION["where"],
        )
        change = torch.cat(parts, 1).diff(n=2, dim=0) / self.quick
        return 0.5 * change.square().sum(1)
