"""The network that starts a fit, its guesses, and the choice among them along a clip."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.initialiser import (
    JOINTS,
    LIMBS,
    TRUNK,
    WEIGHTS,
    load_initialiser,
    look_at,
    read_answers,
)
from layfigure.engine.bodies.pose_prior import pose_prior
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.evidence import BODY_POINTS
from layfigure.engine.fitting.guesses import Guesses, facing, guess
from layfigure.engine.fitting.paths import best_path
from layfigure.engine.fitting.problem import State
from layfigure.engine.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from synthetic import BACK, FRONT, LEFT, RIGHT, Person, Scene, make_scene, walking_pose

YAWS = (FRONT, LEFT, BACK, RIGHT)
LIKE = torch.zeros(0, dtype=torch.float64)


@pytest.fixture(scope="module")
def scene() -> Scene:
    """One person a side, eight frames of a walk."""
    return make_scene([Person(yaw, (0.3, 0.1, 4.0)) for yaw in YAWS], 8)


@pytest.fixture(scope="module")
def guesses(scene: Scene) -> Guesses:
    points = torch.tensor(scene.clip.points.transpose(1, 0, 2, 3)).to(LIKE)
    plain = pose_prior(load_shipped().joint_names[1:22]).to(LIKE)
    centre = torch.tensor([320.0, 240.0]).to(LIKE)
    return guess(points, centre, torch.full((4,), 600.0).to(LIKE), plain)


def angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return matrix_to_axis_angle(a @ b.transpose(-1, -2)).norm(dim=-1)


def test_every_joint_is_guessed_once() -> None:
    assert sorted((*TRUNK, *(j for limb in LIMBS for j in limb))) == list(range(JOINTS))
    assert WEIGHTS.stat().st_size < 16e6


def test_the_turned_camera_looks_at_the_person() -> None:
    """Somebody at the edge of the picture looks the same to it as in the middle."""
    torch.manual_seed(0)
    points = 0.1 * torch.randn(5, len(BODY_POINTS), 3, dtype=torch.float64)
    points[..., 2] += 4.0
    aside = axis_angle_to_matrix(torch.tensor([0.2, 0.5, 0.0], dtype=torch.float64))
    weight = torch.ones(5, len(BODY_POINTS), dtype=torch.float64)
    middle, _ = look_at(points[..., :2] / points[..., 2:], weight)
    moved = points @ aside.T
    edge, turn = look_at(moved[..., :2] / moved[..., 2:], weight)
    identity = torch.eye(3, dtype=torch.float64).expand_as(turn)
    torch.testing.assert_close(turn @ turn.transpose(1, 2), identity)
    # The last five numbers are size and up. The turned camera may roll a little about its axis.
    torch.testing.assert_close(middle[:, -4], edge[:, -4], atol=0.01, rtol=0)
    spread = [f[:, : 2 * len(BODY_POINTS)].square().sum(1) for f in (middle, edge)]
    torch.testing.assert_close(spread[0], spread[1], rtol=0.02, atol=0)


def test_the_likeliest_guess_faces_the_right_way(guesses: Guesses) -> None:
    turns = guesses.turns()
    likely = turns.share.argmax(-1, keepdim=True)[..., None, None]
    root = turns.root.take_along_dim(likely, 2)[:, :, 0]
    truth = facing(torch.tensor(YAWS, dtype=torch.float64))[:, None]
    assert float(torch.rad2deg(angle(root, truth)).mean()) < 20.0


def test_the_pose_is_near_a_guess(guesses: Guesses) -> None:
    truth = torch.tensor(walking_pose(8))[:, 1:22]
    root = facing(torch.tensor(YAWS, dtype=torch.float64))[:, None].expand(-1, 8, -1, -1)
    state = state_of(root, truth.expand(4, -1, -1, -1))
    known = torch.ones(4, 8, dtype=torch.bool)
    prior = guesses.prior(state, known, pose_prior(load_shipped().joint_names[1:22]).to(LIKE))
    gap = (prior.mean - truth).abs()
    assert float(gap.mean()) < 0.15
    assert float((gap < 3 * prior.spread).double().mean()) > 0.95


def test_frames_without_evidence_get_the_plain_prior(guesses: Guesses) -> None:
    plain = pose_prior(load_shipped().joint_names[1:22]).to(LIKE)
    root = guesses.base.root[:, :, 0]
    known = torch.ones(4, 8, dtype=torch.bool)
    known[1, 3] = False
    state = state_of(root, guesses.base.pose[:, :, 0])
    prior = guesses.prior(state, known, plain)
    torch.testing.assert_close(prior.mean[1, 3], plain.mean)
    assert prior.root_spread is not None and float(prior.root_spread[1, 3]) > 100


def state_of(root: torch.Tensor, pose: torch.Tensor) -> State:
    batch, frames = root.shape[:2]
    full = torch.cat([torch.zeros_like(pose[:, :, :1]), pose], 2)
    place = torch.zeros(batch, frames, 3).to(root)
    empty = torch.zeros(batch, 0).to(root)
    return State(root, place, full, place[..., :0], empty, empty.sum(1))


def test_someone_who_is_hardly_seen_gets_finite_guesses() -> None:
    network = load_initialiser()
    points = torch.zeros(2, len(BODY_POINTS), 2)
    weight = torch.zeros(2, len(BODY_POINTS))
    weight[1, 0] = 1.0
    features, turn = look_at(points, weight)
    with torch.no_grad():
        answer = read_answers(network(features), turn)
    assert all(bool(torch.isfinite(x).all()) for x in (answer.root, answer.share, *answer.limbs))


def test_the_best_path_is_the_best_of_all_paths() -> None:
    rng = np.random.default_rng(0)
    energy, joints = rng.uniform(0, 5, (5, 3)), rng.normal(0, 0.3, (5, 3, 4))
    times = np.array([0.0, 0.1, 0.2, 0.5, 0.6])

    def cost(path: tuple[int, ...]) -> float:
        total = energy[0, path[0]]
        for t in range(1, 5):
            expected = 0.25 * min((times[t] - times[t - 1]) * 30, 15.0) ** 0.5
            jump = ((joints[t - 1, path[t - 1]] - joints[t, path[t]]) ** 2).sum() / expected**2
            total += min(jump, 60.0) + energy[t, path[t]]
        return total

    best = min(itertools.product(range(3), repeat=5), key=cost)
    assert tuple(best_path(energy, joints, times)) == best
    assert math.isfinite(cost(best))
