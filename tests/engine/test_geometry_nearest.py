"""Nearest points against brute force in float64, ties, gradients, and all ways to find them."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor

from layfigure.engine.geometry.nearest import _by_distance, chamfer, nearest, nearest_other

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def brute(queries: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    square = (queries[:, None].double() - points.double()).square().sum(-1)
    return square.min(1).values, square.argmin(1)


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_as_brute_force(device: str) -> None:
    queries, points = random(700, 3).to(device), random(900, 3, seed=1).to(device)
    square, index = nearest(queries, points)
    wanted, which = brute(queries, points)
    assert torch.equal(index, which)
    assert square.dtype == torch.float32
    torch.testing.assert_close(square.double(), wanted, rtol=1e-5, atol=1e-12)


def test_all_distances_find_the_same() -> None:
    queries, points = random(300, 3), random(200, 3, seed=1)
    assert torch.equal(_by_distance(queries, points, 1)[:, 0], nearest(queries, points)[1])
    assert torch.equal(_by_distance(points, points, 2)[:, 1], nearest_other(points)[1])


@pytest.mark.skipif(
    importlib.util.find_spec("pytorch3d") is None, reason="pytorch3d is not installed"
)
def test_pytorch3d_finds_the_same() -> None:
    from pytorch3d.ops import knn_points

    queries, points = random(300, 3), random(200, 3, seed=1)
    found = knn_points(queries[None], points[None], K=1).idx[0, :, 0]
    assert torch.equal(found, nearest(queries, points)[1])


def test_of_several_the_first() -> None:
    line = torch.arange(6.0)
    grid = torch.cartesian_prod(line, line, line)
    twice = torch.cat([grid, grid.flip(0)])  # each point again, later
    middles = torch.cartesian_prod(line[:-1] + 0.5, line[:-1] + 0.5, line[:-1] + 0.5)  # eight each
    for queries in (grid, middles, grid + torch.tensor([0.5, 0, 0])):
        assert torch.equal(nearest(queries, twice)[1], brute(queries, twice)[1])


def test_of_one_point_and_of_none() -> None:
    queries = random(5, 3)
    square, index = nearest(queries, queries[:1])
    assert index.tolist() == [0] * 5 and square[0] == 0
    assert nearest(queries[:0], queries)[1].shape == (0,)


def test_nothing_that_is_no_number_stops_it() -> None:
    """A training that diverges shall see it in its loss."""
    points = random(4, 3)
    points[1] = float("nan")
    square, _ = nearest(points, random(6, 3, seed=1))
    assert square.isnan().tolist() == [False, True, False, False]


def test_chamfer_of_a_batch() -> None:
    a, b = random(2, 60, 3), random(2, 80, 3, seed=1)
    way = chamfer(a, b)
    for k in range(2):
        for found, index, wanted in (
            (way.a_to_b[k], way.index_ab[k], brute(a[k], b[k])),
            (way.b_to_a[k], way.index_ba[k], brute(b[k], a[k])),
        ):
            torch.testing.assert_close(found.double(), wanted[0], rtol=1e-5, atol=1e-12)
            assert torch.equal(index, wanted[1])


def test_gradients_go_to_both_sets() -> None:
    a = random(1, 7, 3, dtype=torch.float64).requires_grad_(True)
    b = random(1, 9, 3, seed=1, dtype=torch.float64).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x, y: chamfer(x, y)[:2], (a, b))
    assert torch.autograd.gradcheck(lambda x: nearest_other(x[0])[0], (a,))


def test_nearest_other_is_never_itself() -> None:
    points = random(50, 3)
    points[20] = points[10]  # at distance 0 of each other
    square, index = nearest_other(points)
    apart = (points[:, None] - points).square().sum(-1).fill_diagonal_(torch.inf)
    assert torch.equal(index, apart.argmin(1))
    assert square[10] == square[20] == 0 and index[10] == 20 and index[20] == 10
