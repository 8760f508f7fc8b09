"""Keypoints without the mesh: the same points as the body's, derivatives as finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.kinematics import Kinematics, Parameters
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES
from layfigure.engine.geometry.rotations import axis_angle_to_matrix

LIKE = torch.zeros(0, dtype=torch.float64)
STEP = 1e-6


def arguments(count: int = 2, bend: float = 0.5) -> list[Tensor]:
    """root (N, 3) axis-angle, position, pose, betas, expression."""
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    pose = bend * normal(count, 55, 3)
    return [
        normal(count, 3),
        normal(count, 3),
        pose,
        normal(count, 20),
        normal(count, 52).sigmoid(),
    ]


def slopes(function: Callable[[Tensor], Tensor], count: int, size: int) -> Tensor:
    """Central differences (..., size) of function(change (count, size)) at zero."""
    columns = []
    for i in range(size):
        change = torch.zeros(count, size, dtype=torch.float64)
        change[:, i] = STEP
        columns.append((function(change) - function(-change)) / (2 * STEP))
    return torch.stack(columns, -1)


def test_points_are_those_of_the_body() -> None:
    data = load_shipped()
    root, position, pose, betas, expression = arguments(4)
    points = list(range(len(data.keypoint_names)))
    kinematics = Kinematics(data, points, Parameters((), True, 0), LIKE)
    found = kinematics.pose(axis_angle_to_matrix(root), position, pose, betas, expression)
    pose = torch.cat([root[:, None], pose[:, 1:]], 1)
    transl = position - kinematics.root_offset(betas)
    body = Body(data, torch.float64).keypoint_body(data.keypoint_names)
    expected, joints = body(betas, pose, transl, expression)
    assert data.keypoint_names == KEYPOINT_NAMES
    # Rest joints are derived in float32 here and in float64 there.
    assert (found.points - expected).abs().max() < 2e-6
    assert (found.joints - joints).abs().max() < 2e-6


@pytest.mark.parametrize("bend", [0.5, 0.0])
@pytest.mark.parametrize(
    "free",
    [
        Parameters(tuple(range(1, 55)), True, 4),
        Parameters((20, *range(25, 40)), False, 0),
        Parameters((22,), False, 52),
    ],
    ids=["all", "hand", "face"],
)
def test_derivatives_by_the_frame(free: Parameters, bend: float) -> None:
    kinematics = Kinematics(load_shipped(), range(0, 137, 4), free, LIKE)
    root, position, pose, betas, expression = arguments(bend=bend)
    turn = axis_angle_to_matrix(root)

    def moved(change: Tensor) -> Tensor:
        first = 6 * free.root
        last = first + 3 * len(free.joints)
        new_turn, place = turn, position
        if free.root:
            new_turn = axis_angle_to_matrix(change[:, :3]) @ turn
            place = position + change[:, 3:6]
        bent, face = pose.clone(), expression.clone()
        bent[:, list(free.joints)] += change[:, first:last].unflatten(-1, (-1, 3))
        face[:, : free.expressions] += change[:, last:]
        return kinematics.pose(new_turn, place, bent, betas, face).points

    posed = kinematics.pose(turn, position, pose, betas, expression, derivatives=True)
    assert posed.frame is not None and posed.frame.shape[-1] == free.size
    apart = (posed.frame - slopes(moved, 2, free.size)).abs().amax((0, 1, 2))
    if free.root:  # the file's skin weights sum to one to float32's precision only
        assert apart[3:6].max() < 2e-5
        apart[3:6] = 0
    assert apart.max() < 1e-7


def test_derivatives_by_the_shape() -> None:
    kinematics = Kinematics(load_shipped(), range(137), Parameters((1, 2), True, 0), LIKE)
    root, position, pose, betas, expression = arguments()
    turn = axis_angle_to_matrix(root)

    def shaped(change: Tensor) -> Tensor:
        return kinematics.pose(turn, position, pose, betas + change, expression).points

    posed = kinematics.pose(turn, position, pose, betas, expression, derivatives=True)
    assert posed.shared is not None
    assert (posed.shared - slopes(shaped, 2, betas.shape[1])).abs().max() < 1e-7
