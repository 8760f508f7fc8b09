"""The least-squares problem: its gradient is its cost's, and the solver goes downhill only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from layfigure.engine.bodies.pose_prior import mean_pose, pose_prior
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.contact import Contact, ground
from layfigure.engine.fitting.evidence import BODY_POINTS, measure, person_size
from layfigure.engine.fitting.guesses import facing
from layfigure.engine.fitting.kinematics import Kinematics, Parameters
from layfigure.engine.fitting.problem import Problem, State, Weights
from layfigure.engine.fitting.solver import minimise
from layfigure.engine.formats.errors import Cancelled
from synthetic import BACK, Person, make_scene

LIKE = torch.zeros(0, dtype=torch.float64)
FRAMES, FOCAL = 6, 600.0
JOINTS = tuple(range(1, 22))
NOTHING = Weights(prior=0.0, limits=0.0, betas=0.0, focal=0.0, expression=0.0)


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Two people whose exact keypoints are the evidence, some of them hidden."""
    people = [Person(betas=(1.0, -0.5)), Person(yaw=BACK, place=(0.4, 0.2, 5.0), phase=1.0)]
    scene = make_scene(people, FRAMES)
    points = scene.clip.points.transpose(1, 0, 2, 3).astype(np.float64)
    points[0, 2, 3:6] = 0
    sizes = np.stack([person_size(p) for p in points])
    body = load_shipped()
    return Problem(
        kinematics=Kinematics(body, BODY_POINTS, Parameters(JOINTS, True, 0), LIKE),
        points=BODY_POINTS,
        evidence=measure(points, BODY_POINTS, np.array([320.0, 240.0]), sizes, LIKE),
        prior=pose_prior([body.joint_names[j] for j in JOINTS]),
        weights=Weights(),
        focal_start=torch.full((2,), np.log(FOCAL), dtype=torch.float64),
    )


@pytest.fixture(scope="module")
def state(problem: Problem) -> State:
    """Somewhat beside the truth, with limits exceeded here and there."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    yaw = torch.tensor([[0.1], [BACK]], dtype=torch.float64).expand(2, FRAMES)
    yaw = yaw + 0.02 * torch.arange(FRAMES)
    place = torch.tensor([[0.0, 0.0, np.log(4.0)], [0.1, 0.05, np.log(4.8)]], dtype=torch.float64)
    pose = mean_pose(problem.kinematics.joint_names).expand(2, FRAMES, -1, -1)
    return State(
        root=facing(yaw),
        place=place[:, None] + 0.01 * normal(2, FRAMES, 3),
        pose=pose + 0.25 * normal(*pose.shape),
        expression=torch.zeros(2, FRAMES, 52, dtype=torch.float64),
        betas=0.5 * normal(2, 20),
        log_focal=problem.focal_start + 0.1,
    )


def directions(problem: Problem, count: int = 4) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Random changes (B, T, D) and (B, S), each of one group of unknowns."""
    generator = torch.Generator().manual_seed(1)
    size = problem.kinematics.free.size
    groups = {"turn": slice(0, 3), "place": slice(3, 6), "pose": slice(6, size)}
    shared_groups = {"betas": slice(0, 20), "focal": slice(20, 21)}
    for _ in range(count):
        for name, part in groups.items():
            frames = torch.zeros(2, FRAMES, size, dtype=torch.float64)
            change = frames[..., part]
            change[:] = torch.randn(change.shape, generator=generator, dtype=torch.float64)
            yield name, frames, torch.zeros(2, 21, dtype=torch.float64)
        for name, part in shared_groups.items():
            shared = torch.zeros(2, 21, dtype=torch.float64)
            change = shared[:, part]
            change[:] = torch.randn(change.shape, generator=generator, dtype=torch.float64)
            yield name, torch.zeros(2, FRAMES, size, dtype=torch.float64), shared


def check_gradient(problem: Problem, state: State, groups: set[str], tolerance: float) -> None:
    """Along every direction of `groups`, half the slope of the cost is the gradient."""
    system = problem.linearise(state)
    checked = set()
    for name, frames, shared in directions(problem):
        if name not in groups:
            continue
        checked.add(name)
        shared = shared[:, : system.shared_gradient.shape[1]]  # what is not free has no column
        told = (system.gradient * frames).sum((1, 2)) + (system.shared_gradient * shared).sum(1)
        h = 1e-5
        more = problem.linearise(problem.step(state, h * frames, h * shared)).cost
        less = problem.linearise(problem.step(state, -h * frames, -h * shared)).cost
        slope = (more - less) / (4 * h)
        scale = slope.abs().max().clamp_min(1e-6)
        assert (told - slope).abs().max() < tolerance * scale, name
    assert checked == groups


FRAME, SHAPE = {"turn", "place", "pose"}, {"betas", "focal"}


@pytest.mark.parametrize("robust", [1e4, 4.0])
def test_gradient_of_the_data(problem: Problem, state: State, robust: float) -> None:
    # A weight of the focal length so small that it only says: free.
    weights = replace(NOTHING, robust=robust, focal=1e-9)
    check_gradient(replace(problem, weights=weights), state, FRAME | SHAPE, 1e-4)


@pytest.mark.parametrize(
    ("terms", "groups", "tolerance"),
    [
        ({"prior": 0.6}, {"pose"}, 1e-6),
        ({"limits": 15.0}, {"pose"}, 1e-5),
        ({"betas": 0.3}, {"betas"}, 1e-6),
        ({"focal": 20.0}, {"focal"}, 1e-6),
        ({"move": 60.0}, {"place"}, 1e-4),
        ({"bend": 40.0, "bend_speed": 0.5}, {"pose"}, 1e-6),
        ({"bend": 40.0, "quick": 1e3}, {"pose"}, 1e-6),
        # Increments of a rotation are taken as if turns were small, which they are.
        ({"turn": 60.0}, {"turn"}, 0.02),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_gradient_of_each_term(
    problem: Problem, state: State, terms: dict, groups: set[str], tolerance: float
) -> None:
    unseen = replace(problem.evidence, weights=torch.zeros_like(problem.evidence.weights))
    # Terms of the shape count by frames with evidence, so that one point must be seen a little.
    unseen.weights[:, :, 0] = 1e-9
    alone = replace(problem, evidence=unseen, weights=replace(NOTHING, **terms))
    check_gradient(alone, state, groups, tolerance)


def standing_feet(problem: Problem, state: State) -> Contact:
    still = torch.zeros(2, FRAMES - 1, 6, dtype=torch.float64)
    still[0, :, :3], still[1, 2:, 3] = 0.7, 1.0
    feet = torch.arange(19, 25)
    up = torch.tensor([[0.0, -1.0, 0.0], [0.1, -0.97, -0.2]], dtype=torch.float64)
    level = torch.einsum("btfc,bc->btf", problem.posed_points(state)[:, :, feet], up).mean(1)
    return Contact(feet, still, up, level)


@pytest.mark.parametrize("terms", [{"stand": 40.0}, {"stand": 1e-9, "ground": 20.0}])
def test_gradient_of_standing_feet(problem: Problem, state: State, terms: dict) -> None:
    unseen = torch.zeros_like(problem.evidence.weights)
    evidence = replace(problem.evidence, weights=unseen)
    contact = standing_feet(problem, state)
    weights = replace(NOTHING, **terms)
    alone = replace(problem, evidence=evidence, weights=weights, contact=contact)
    check_gradient(alone, state, FRAME, 1e-5)


def test_the_ground_is_found_under_standing_feet(problem: Problem) -> None:
    """Feet that stand on a slope, one of them noisy, and a leg that hangs in the air."""
    generator = torch.Generator().manual_seed(2)
    up = torch.nn.functional.normalize(torch.tensor([[0.05, -1.0, -0.15]]).double())
    along = torch.linalg.qr(torch.cat([up.T, torch.eye(3).double()[:, :2]], 1))[0][:, 1:]
    place = 2 * torch.rand(1, 40, 6, 2, generator=generator, dtype=torch.float64) - 1
    points = torch.einsum("btfk,ck->btfc", place, along) + up[:, None, None] * -0.9
    points[:, :, 5] += up * 0.3
    points += 0.005 * torch.randn(points.shape, generator=generator, dtype=torch.float64)
    own = torch.zeros(1, 6, dtype=torch.float64)
    weight = torch.ones(1, 40, 6, dtype=torch.float64)
    upright = torch.tensor([[0.0, -1.0, 0.0]]).double()
    found, level = ground(points, weight, own, upright)
    assert float(torch.rad2deg((found * up).sum().clamp(-1, 1).acos())) < 1.5
    assert abs(float(level.mean()) + 0.9) < 0.01


def test_fingers_and_face_have_their_gradient(problem: Problem, state: State) -> None:
    body = load_shipped()
    free = Parameters((22,), False, 52)
    part = replace(
        problem,
        kinematics=Kinematics(body, BODY_POINTS, free, LIKE),
        prior=pose_prior(["jaw"]),
        shape_free=False,
    )
    part = part.with_weights(focal=0.0, bend=8.0)
    system = part.linearise(state)
    none = torch.zeros(2, 21, dtype=torch.float64)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        change = torch.randn(2, FRAMES, free.size, generator=generator, dtype=torch.float64)
        h = 1e-5
        more = part.linearise(part.step(state, h * change, none)).cost
        less = part.linearise(part.step(state, -h * change, none)).cost
        told = (system.gradient * change).sum((1, 2))
        torch.testing.assert_close(told, (more - less) / (4 * h), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("robust", [4.0, 20.0])
def test_the_cost_only_falls(problem: Problem, state: State, robust: float) -> None:
    problem = problem.with_weights(robust=robust, turn=60.0, move=600.0, bend=40.0)
    costs = [problem.linearise(state).cost]
    for iterations in (1, 2, 4, 8, 16):
        reached, cost = minimise(problem, state, iterations, 0.0)
        torch.testing.assert_close(problem.linearise(reached).cost, cost)
        assert (cost <= costs[-1]).all()
        costs.append(cost)
    assert (costs[-1] < 0.2 * costs[0]).all()


def test_exact_points_are_met(problem: Problem, state: State) -> None:
    """With hardly a prior the fit goes through the points, to a third of the expected error."""
    exact = problem.with_weights(robust=20.0, prior=0.02, betas=0.02, focal=20.0)
    reached, _ = minimise(exact, state, 40, 0.0)
    posed = exact.kinematics.pose(
        *(x.flatten(0, 1) for x in (reached.root, reached.position, reached.pose)),
        reached.betas.repeat_interleave(FRAMES, 0),
        reached.expression.flatten(0, 1),
    )
    focal = reached.log_focal.exp().repeat_interleave(FRAMES)[:, None, None]
    pixels = posed.points[..., :2] / posed.points[..., 2:] * focal
    gap = (pixels - exact.evidence.points.flatten(0, 1)).norm(dim=-1)
    gap = gap / exact.evidence.size.flatten()[:, None]
    assert gap[exact.evidence.weights.flatten(0, 1) > 0].mean() < 0.003


def test_a_clip_that_is_done_waits_for_the_others(problem: Problem, state: State) -> None:
    """Clips of a batch do not mix: each ends where it would end alone."""
    both, _ = minimise(problem, state, 5, 0.0)
    for b in range(2):
        evidence = problem.evidence
        index = torch.tensor([b])
        one = State(*(getattr(state, field.name)[index] for field in fields(State)))
        alone = replace(
            problem,
            evidence=replace(
                evidence,
                points=evidence.points[index],
                weights=evidence.weights[index],
                size=evidence.size[index],
                trusted=evidence.trusted[index],
            ),
            focal_start=problem.focal_start[index],
        )
        reached, _ = minimise(alone, one, 5, 0.0)
        torch.testing.assert_close(reached.pose[0], both.pose[b], rtol=0, atol=1e-6)
        torch.testing.assert_close(reached.betas[0], both.betas[b], rtol=0, atol=1e-6)


def test_work_stops_where_the_tick_says_so(problem: Problem, state: State) -> None:
    calls = []

    def tick() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        minimise(problem, state, 10, 0.0, tick)
    assert len(calls) == 3
