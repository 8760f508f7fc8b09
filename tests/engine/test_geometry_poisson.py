"""Meshes from oriented points: a ball closed, a tube open, what there is too little of."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.poisson import poisson_mesh


def boundary(faces: np.ndarray) -> np.ndarray:
    """(B, 2) edges of one face only."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def test_a_ball_is_closed_and_coloured() -> None:
    normals = np.random.default_rng(0).normal(size=(6000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    red = (normals[:, :1] > 0) * np.array([[200, 0, 0]], np.uint8)
    vertices, faces, colors = poisson_mesh(0.5 * normals, normals, red, depth=6)
    assert vertices.dtype == np.float32 and faces.dtype == np.int32
    assert colors is not None and colors.dtype == np.uint8
    assert np.abs(np.linalg.norm(vertices, axis=1) - 0.5).max() < 2e-3
    volume = np.linalg.det(vertices[faces].astype(np.float64)).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi / 8, rel=0.01), "it faces outward"
    assert len(boundary(faces)) == 0
    sure = np.abs(vertices[:, 0]) > 0.06
    assert ((colors[:, 0] > 0) == (vertices[:, 0] > 0))[sure].all()


def test_a_tube_stays_open() -> None:
    """Like a skirt, whose hem screened Poisson alone would close."""
    random = np.random.default_rng(1)
    angle, height = 2 * np.pi * random.random(8000), random.random(8000)
    normals = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    points = 0.2 * normals + np.stack([0 * angle, height, 0 * angle], axis=1)
    twice = np.concatenate([points, points[::4]])  # patches share points along their borders
    vertices, faces, colors = poisson_mesh(twice, np.concatenate([normals, normals[::4]]), depth=7)
    assert colors is None
    radius = np.linalg.norm(vertices[:, [0, 2]], axis=1)
    middle = (vertices[:, 1] > 0.05) & (vertices[:, 1] < 0.95)
    assert np.abs(radius[middle] - 0.2).max() < 5e-3
    assert -0.04 < vertices[:, 1].min() < 0.02 and 0.98 < vertices[:, 1].max() < 1.04
    ends = vertices[boundary(faces)[:, 0], 1]
    assert (ends < 0.1).sum() > 20 and (ends > 0.9).sum() > 20
    assert not ((ends > 0.1) & (ends < 0.9)).any(), "no holes between"


def test_too_few_points() -> None:
    with pytest.raises(InputError, match="3 points give no surface"):
        poisson_mesh(np.eye(3), np.eye(3))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymeshlab", None)
    with pytest.raises(InputError, match="need pymeshlab"):
        poisson_mesh(np.eye(3), np.eye(3))
