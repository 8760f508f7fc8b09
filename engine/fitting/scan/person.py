"""One person in all scans: every scan alone first, then one shape for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...bodies.model import Body
from ...bodies.pose_files import GivenPose
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...geometry.mesh_clean import vertex_normals
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .samples import Samples, State
from .solve import Solver, Stage
from .starts import POINTS, find_starts
from .target import Reach, Target

_FINE_POINTS = 2500
_STAGES = (
    Stage(Reach(0.08, slide=0.1, turned=0.1), 4),
    Stage(Reach(0.04, slide=0.05, turned=0.1), 6),
    Stage(Reach(0.02, slide=0.02, turned=0.08), 8),
)
_TOGETHER = _STAGES[1:]
_TRIED = 2  # starts of a scan that are followed to the end
_OTHER_PERSON = 0.15  # metres between statures that clothes and postures do not explain
_OUT = 0.01  # metres that the body may stand out of the scan


@dataclass
class Fitted:
    """The body in one scan."""

    pose: np.ndarray  # (J, 3) axis-angle, radians
    transl: np.ndarray  # (3,) metres
    joints: np.ndarray  # (J, 3) metres
    distance: float  # metres from the scan to the body, on average
    outside: float  # share of the body that stands out of the scan


@dataclass
class Person:
    """One body for all scans: shape, rest vertices (V, 3) metres, and how it is in each."""

    betas: np.ndarray
    minimal: np.ndarray
    scans: list[Fitted]


class PersonFit:
    """A body that is to be found in scans. Its samples are made once."""

    def __init__(self, body: BodyData) -> None:
        self.body = body
        self.rough = Solver(Samples(body, POINTS))
        self.fine = Solver(Samples(body, _FINE_POINTS))

    def alone(self, target: Target, tick: Callable[[], None]) -> State:
        """The body in one scan, without any knowledge of the others."""
        starts, _ = find_starts(self.rough, target, tick)
        count = min(_TRIED, len(starts.betas))
        states, cost = self.fine.settle(starts.rows(slice(count)), [target] * count, _STAGES, tick)
        return states.rows([int(cost.argmin())])

    def given(self, pose: GivenPose) -> State:
        """The start of a scan whose pose is known."""
        angles = torch.as_tensor(pose.pose).float()[None]
        betas = torch.zeros(1, self.body.shapedirs.shape[2])
        root = axis_angle_to_matrix(angles[:, 0])
        state = State(root, torch.zeros(1, 3), angles, betas)
        at_rest = -self.fine.samples.transl(state)
        return State(root, at_rest + torch.as_tensor(pose.transl).float(), angles, betas)

    def together(
        self,
        names: Sequence[str],
        targets: Sequence[Target],
        states: Sequence[State],
        given: Sequence[GivenPose | None],
        tick: Callable[[], None],
    ) -> Person:
        """One shape for all scans. Raises InputError where they are of different people."""
        held = torch.tensor([pose is not None for pose in given])
        self._check_same(names, states, held)
        state = State.join(list(states))
        own = state.betas[~held] if (~held).any() else state.betas
        state.betas = own.median(0).values.expand(len(state.betas), -1).clone()
        state, _ = self.fine.settle(state, targets, _TOGETHER, tick, shared=True, held=held)
        return self._person(state, targets, given, held)

    def _person(
        self,
        state: State,
        targets: Sequence[Target],
        given: Sequence[GivenPose | None],
        held: Tensor,
    ) -> Person:
        betas = state.betas[:1]
        transl = self.fine.samples.transl(state)
        told = [torch.as_tensor(pose.transl).float() for pose in given if pose is not None]
        # Places that are given hold for a body with its own origin: ours moves there.
        shift = torch.zeros(3)
        if told and betas.numel():
            shift = (transl[held] - torch.stack(told)).mean(0)
        body = Body(self.body)
        scans = []
        for row, target in enumerate(targets):
            pose = given[row]
            angles = state.pose[row : row + 1].clone()
            angles[:, 0] = matrix_to_axis_angle(state.root[row : row + 1])
            place = transl[row] - shift if pose is None else torch.as_tensor(pose.transl).float()
            vertices, joints = body(betas, angles, (place + shift)[None])
            points = vertices[0].numpy()
            distance, outside = self._figures(points, target)
            exact = angles[0].numpy() if pose is None else pose.pose
            scans.append(Fitted(exact, place.numpy(), joints[0].numpy(), distance, outside))
        minimal = self.body.shaped(betas[0].numpy()) + shift.numpy()
        return Person(betas[0].numpy(), minimal.astype(np.float32), scans)

    def _figures(self, vertices: np.ndarray, target: Target) -> tuple[float, float]:
        normals = vertex_normals(vertices, self.body.faces)
        to_scan, to_body = target.distances(vertices, normals)
        return float(to_body.mean()), float((to_scan > _OUT).mean())

    def _check_same(self, names: Sequence[str], states: Sequence[State], held: Tensor) -> None:
        """Raise InputError where two scans that were fitted alone differ too much in stature."""
        heights = {}
        for name, state, known in zip(names, states, held.tolist(), strict=True):
            if not known:
                heights[name] = float(np.ptp(self.body.shaped(state.betas[0].numpy())[:, 1]))
        if not heights:
            return
        small, tall = min(heights, key=heights.__getitem__), max(heights, key=heights.__getitem__)
        if heights[tall] - heights[small] > _OTHER_PERSON:
            raise InputError(
                f"{small} and {tall} are scans of different people: "
                f"one is {heights[small]:.2f} m tall, the other {heights[tall]:.2f} m.",
                "Put the scans of each person into a folder of their own.",
            )
