"""SMAL's template, limb scales and skinning give the numbers of the original."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from animal_vectors import assert_same, inputs, needed, stored

from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.bodies.smal import SURFACE_POINTS, read_smal
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.regression.wldo import project
from scanimate_vectors import generator, seed

FAMILIES = (-1, 1)
pytestmark = needed
EVERY = set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smal")
    generator().write_smal_files(str(path), seed())
    return path


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def body(folder: Path, family: int) -> AnimalBody:
    return AnimalBody(
        read_smal(
            folder / "smal_model.pkl",
            family,
            data=folder / "smal_data.pkl",
            symmetry=folder / "smal_sym.pkl",
        )
    )


def check(name: str, found: torch.Tensor | np.ndarray) -> None:
    EVERY.add(name)
    assert_same("smal", name, found)


@pytest.fixture(scope="module", autouse=True)
def all_were_compared(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    whole = sum("test_vectors_smal" in str(item.path) for item in request.session.items)
    if request.session.testsfailed == 0 and whole == 2 * len(FAMILIES) + 1:
        assert {name.split("#")[0] for name in stored("smal")} == EVERY


def test_template(body: AnimalBody, family: int) -> None:
    template = body.data.v_template
    check(f"family{family}.v_template", template)
    y = template[:, 1]
    sides = [(y < 0).sum(), (y > 0).sum(), (y == 0).sum()]
    check(f"family{family}.counts_left_right_centre", np.array(sides))
    if family == -1:
        check("family-1.v_shaped", body.shaped(inputs("smal")["betas"]))


def test_posed(body: AnimalBody, family: int) -> None:
    given = inputs("smal")
    pose = given["theta"].unflatten(1, (-1, 3))
    still = torch.zeros(1, 20), None, torch.zeros(1, 35, 3), torch.zeros(1, 3)
    cases = {
        "plain": (given["betas"], None, pose, given["trans"]),
        "limbs": (given["betas"], given["logscale"], pose, given["trans"]),
        "rest": still,
    }
    for case, arguments in cases.items():
        vertices, joints = body(*arguments)
        points = torch.cat([joints, vertices[:, list(SURFACE_POINTS.values())]], dim=1)
        check(f"family{family}.{case}.verts", vertices)
        check(f"family{family}.{case}.joints", points)
        torch.testing.assert_close(body.keypoints(vertices), points, atol=1e-5, rtol=0)
        if (family, case) == (-1, "limbs"):
            some = vertices[:, given["projected_vertices"]]
            for name, what in (("vertices", some), ("joints", points)):
                pixels, _ = project(what, given["cam_scale"])
                check(f"projected.{name}", pixels)


def test_rotations() -> None:
    check("rotations", axis_angle_to_matrix(inputs("smal")["theta"].unflatten(1, (-1, 3))))
