"""The example scans that ship: whole, of the right size, on the body that wears them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from layfigure.engine.avatars import example
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import pose_from_smpl24
from layfigure.engine.formats.ply import read_ply


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "scans"
    example.write_example(folder)
    return folder


def test_layout(unpacked: Path) -> None:
    body = load_shipped()
    minimal = read_ply(unpacked / "minimal.ply")
    assert len(minimal.vertices) == len(body.v_template)
    np.testing.assert_array_equal(minimal.faces, body.faces)
    assert "CC0" in (unpacked / "LICENSE.txt").read_text()
    scans = sorted((unpacked / example.NAME).glob("*.ply"))
    assert 8 <= len(scans) <= 10
    for path in scans:
        mesh = read_ply(path)
        assert 5000 < len(mesh.vertices) < 7000
        assert mesh.colors is not None and mesh.colors.std(axis=0).min() > 20
        assert abs(mesh.vertices[:, 1].min()) < 0.03  # it stands on the floor
        pose = np.load(path.with_suffix(".npz"))
        assert pose["pose"].shape == (72,) and pose["transl"].shape == (3,)


def test_the_body_is_inside_its_clothes(unpacked: Path) -> None:
    body = Body(load_shipped())
    for path in sorted((unpacked / example.NAME).glob("*.ply")):
        pose = np.load(path.with_suffix(".npz"))
        scan = read_ply(path)
        with torch.no_grad():
            full = torch.from_numpy(pose_from_smpl24(pose["pose"])).reshape(1, -1, 3)
            vertices, _ = body(torch.zeros(1, 1), full, torch.from_numpy(pose["transl"])[None])
        near, _ = cKDTree(vertices[0].numpy()).query(scan.vertices)
        assert np.median(near) < 0.03, path.name
        assert near.max() < 0.25, path.name


def test_it_is_small() -> None:
    assert example._DATA.stat().st_size < 2e6
