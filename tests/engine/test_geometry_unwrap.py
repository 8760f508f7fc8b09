"""UV maps of meshes that had none, and colours baked into them."""

from __future__ import annotations

import numpy as np
import pytest

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.bake import bake, bake_vertices, colours_at
from layfigure.engine.geometry.unwrap import unwrap
from layfigure.engine.geometry.uv_map import bilinear, sample_vertices, uv_map

BODY = load_shipped()
SIZE = 512


def by_place(points: np.ndarray) -> np.ndarray:
    """A smooth colour of every point."""
    return 0.5 + 0.5 * np.sin(7 * points + (0, 1, 2))


@pytest.fixture(scope="module")
def arm() -> tuple[np.ndarray, np.ndarray]:
    """The left arm of the shipped body: a few thousand faces, open at the shoulder."""
    chosen = (BODY.v_template[BODY.faces][..., 0] > 0.25).all(1)
    used, corners = np.unique(BODY.faces[chosen], return_inverse=True)
    return BODY.v_template[used], corners.reshape(-1, 3).astype(np.int32)


@pytest.fixture(scope="module")
def mapped(arm) -> tuple[np.ndarray, np.ndarray]:
    return unwrap(*arm, SIZE)


def test_charts_do_not_overlap(arm, mapped):
    vt, ft = mapped
    assert vt.dtype == np.float32 and ft.dtype == np.int32 and ft.shape == arm[1].shape
    assert vt.min() >= 0 and vt.max() <= 1 and ft.max() == len(vt) - 1
    a, b = vt[ft[:, 1]] - vt[ft[:, 0]], vt[ft[:, 2]] - vt[ft[:, 0]]
    area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    covered = uv_map(vt, ft, 2 * SIZE).covered().mean()
    assert covered > 0.3
    assert abs(area.sum() - covered) < 0.01 * covered


def test_corners_stay_at_their_vertices_and_the_map_is_the_same_again(arm, mapped):
    vt, ft = mapped
    vertex_of = np.full(len(vt), -1)
    for k in range(3):
        known = vertex_of[ft[:, k]]
        assert ((known == -1) | (known == arm[1][:, k])).all()
        vertex_of[ft[:, k]] = arm[1][:, k]
    for one, other in zip(mapped, unwrap(*arm, SIZE), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_baked_texture_shows_the_surface_its_colours(arm, mapped):
    vertices, faces = arm
    vt, ft = mapped
    picture = bake(vertices, faces, vt, ft, by_place, SIZE)
    assert picture.shape == (SIZE, SIZE, 3) and picture.dtype == np.uint8
    # Seen through the UVs alone, anywhere on the faces, seams included.
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), len(faces))
    points = (vertices[faces] * weights[..., None]).sum(1)
    uv = (vt[ft] * weights[..., None]).sum(1)
    seen = bilinear(picture, np.column_stack([uv[:, 0], 1 - uv[:, 1]]) * SIZE)
    assert np.abs(seen / 255 - by_place(points)).max() < 0.06
    colours = colours_at(vertices, by_place)
    assert colours.dtype == np.uint8 and colours.shape == vertices.shape
    same = bake_vertices(faces, vt, ft, colours / 255, SIZE)
    assert np.abs(same.astype(int) - picture).mean() < 1


def test_beyond_the_charts_the_nearest_texel_goes_on(arm, mapped):
    texels = uv_map(*mapped, SIZE)
    points = sample_vertices(texels, arm[1], arm[0])
    picture = bake(*arm, *mapped, lambda p: np.ones((len(p), 3)), SIZE)
    assert (picture == 255).all() and len(points) < SIZE * SIZE


def test_a_mesh_without_faces():
    with pytest.raises(InputError, match="without faces"):
        unwrap(np.zeros((3, 3)), np.zeros((0, 3), np.int32))
