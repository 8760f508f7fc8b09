"""Iso-surfaces: coarse to fine is as good as everywhere, and an empty one is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.isosurface import dense_grid, extract, grid_level, progressive_grid

BOX = (torch.tensor([-1.0, -1.2, -0.8]), torch.tensor([1.0, 1.2, 0.8]))


def ball(points: Tensor) -> Tensor:
    return points.norm(dim=-1) - 0.5


def bumps(points: Tensor) -> Tensor:
    """A thin plate with holes: harder than a ball."""
    return points[:, 0].abs() - 0.03 - 0.02 * (9 * points[:, 1:]).sin().prod(-1)


def test_a_ball() -> None:
    vertices, faces = extract(ball, *BOX, 64)
    assert vertices.dtype == np.float32 and faces.dtype == np.int32
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.5).max() < 1e-3
    corners = vertices[faces].astype(np.float64)
    assert np.linalg.det(corners).sum() / 6 == pytest.approx(4 / 3 * np.pi / 8, rel=0.01)
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


@pytest.mark.parametrize("function", [ball, bumps])
def test_coarse_to_fine_finds_the_same_surface(function) -> None:
    dense, fine = (grid(function, *BOX, 64) for grid in (dense_grid, progressive_grid))
    assert ((dense.values < 0) == (fine.values < 0)).all()
    assert fine.evaluated < 0.5 * dense.evaluated
    crossing = torch.zeros_like(dense.values, dtype=torch.bool)
    for axis in range(3):
        changes = (dense.values < 0).diff(dim=axis)
        for start in (0, 1):
            crossing.narrow(axis, start, changes.shape[axis]).logical_or_(changes)
    assert torch.allclose(dense.values[crossing], fine.values[crossing], atol=1e-6)


def test_levels() -> None:
    assert [grid_level(n) for n in (1, 17, 64, 100, 128, 256)] == [4, 4, 6, 6, 7, 8]


@pytest.mark.parametrize("value", [1.0, -1.0, float("nan")])
def test_no_surface(value: float) -> None:
    with pytest.raises(InputError, match="no surface") as caught:
        extract(lambda points: torch.full((len(points),), value), *BOX, 32)
    assert caught.value.hint
