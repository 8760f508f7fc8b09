"""The shipped quadruped: its file, its two sides, its skin, and animals that differ as they do."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from layfigure.engine.bodies.models import load_animal_model
from layfigure.engine.formats.animal_file import LIMB_SCALES, SMAL_JOINTS, AnimalData, load_animal
from layfigure.engine.geometry.mesh_clean import enclosed_volume

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "engine" / "bodies" / "data" / "quadruped.npz"
ACROSS = np.array([1, -1, 1])


@cache
def shipped() -> AnimalData:
    return load_animal(SHIPPED)


def family(name: str) -> np.ndarray:
    data = shipped()
    return data.v_template + data.shapedirs @ data.family_betas[data.families.index(name)]


def everybody() -> dict[str, np.ndarray]:
    """The template, every family, and each named direction two units to either side."""
    data = shipped()
    shapes = {"template": data.v_template} | {name: family(name) for name in data.families}
    for k in range(7):
        for step in (-2, 2):
            shapes[f"beta {k} {step}"] = data.v_template + step * data.shapedirs[..., k]
    return shapes


def joints(vertices: np.ndarray) -> dict[str, np.ndarray]:
    data = shipped()
    return dict(zip(data.joint_names, data.J_regressor @ vertices, strict=True))


def keypoints(vertices: np.ndarray) -> dict[str, np.ndarray]:
    data = shipped()
    return dict(zip(data.keypoint_names, data.keypoints @ vertices, strict=True))


def crossed(vertices: np.ndarray) -> np.ndarray:
    a, b, c = vertices[shipped().faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)


def test_the_file_is_whole_and_small():
    data = shipped()
    assert SHIPPED.stat().st_size < 3e6
    assert data.kind == "quadruped" and "CC0" in data.licence
    assert data.joint_names == SMAL_JOINTS and data.limb_scales == LIMB_SCALES
    assert 3000 < len(data.v_template) < 5000 and data.shapedirs.shape[-1] >= 20
    assert {"cat", "dog", "horse", "cow", "hippo", "zebra"} == set(data.families)
    assert len(data.keypoint_names) == 24
    assert data.vt is not None and data.vt.min() >= 0 and data.vt.max() <= 1


def test_skin_is_one_closed_surface_without_handles():
    faces, count = shipped().faces, len(shipped().v_template)
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    directed, uses = np.unique(sides, axis=0, return_counts=True)
    assert (uses == 1).all()  # every edge once each way: closed, a manifold, one side out
    assert {tuple(e) for e in directed} == {tuple(e) for e in directed[:, ::-1]}
    pieces, _ = connected_components(coo_matrix((np.ones(len(sides)), sides.T), (count, count)))
    assert pieces == 1 and set(faces.ravel()) == set(range(count))
    assert count - len(sides) // 2 + len(faces) == 2
    assert all(enclosed_volume(shape, faces) > 0 for shape in everybody().values())


def test_both_sides_are_alike():
    data = shipped()
    twin = data.left_right
    assert twin is not None
    np.testing.assert_array_equal(twin[twin], np.arange(len(twin)))
    np.testing.assert_array_equal(data.v_template[twin] * ACROSS, data.v_template)
    np.testing.assert_array_equal(data.shapedirs[twin] * ACROSS[:, None], data.shapedirs)
    swap = [data.joint_names.index(_across(name)) for name in data.joint_names]
    np.testing.assert_allclose(data.weights[twin][:, swap], data.weights, atol=1e-6)
    np.testing.assert_allclose(data.J_regressor[:, twin][swap], data.J_regressor, atol=1e-6)
    mirrored = {tuple(sorted(twin[face])) for face in data.faces}
    assert mirrored == {tuple(sorted(face)) for face in data.faces}


def _across(name: str) -> str:
    if name[:2] in ("LL", "LF", "LE"):
        return "R" + name[1:]
    return "L" + name[1:] if name[:2] in ("RL", "RF", "RE") else name


def test_weights_are_few_smooth_and_on_their_own_side():
    data = shipped()
    np.testing.assert_allclose(data.weights.sum(1), 1, atol=1e-5)
    assert data.weights.min() >= 0 and (data.weights > 0).sum(1).max() <= 6
    sides = np.concatenate([data.faces[:, [0, 1]], data.faces[:, [1, 2]]])
    steps = np.abs(data.weights[sides[:, 0]] - data.weights[sides[:, 1]]).max(1)
    assert np.median(steps) < 0.1 and steps.max() < 0.75
    left = [i for i, name in enumerate(data.joint_names) if name[:2] in ("LL", "LF", "LE")]
    assert data.weights[data.v_template[:, 1] < -0.05][:, left].max() < 0.05
    for j, name in enumerate(data.joint_names):  # and every bone carries something
        assert data.weights[:, j].max() > 0.4, name


def test_no_family_folds_its_skin():
    """A triangle looks the way the skin around it does."""
    faces = shipped().faces
    for name in ("template", *shipped().families):
        vertices = everybody()[name]
        normals = crossed(vertices)
        around = np.zeros_like(vertices)
        for corner in range(3):
            np.add.at(around, faces[:, corner], normals)
        smooth = around[faces].sum(1)
        length = np.linalg.norm(normals, axis=1) * np.linalg.norm(smooth, axis=1)
        turned = np.einsum("fi,fi->f", normals, smooth) < -0.2 * length
        assert turned.mean() < 0.002, name


def test_stands_as_promised():
    for name, vertices in everybody().items():
        at = joints(vertices)
        length = np.ptp(vertices[:, 0])
        assert np.abs(at["root"]).max() < 0.03 * length, name
        assert at["LLeg1"][1] > 0 > at["RLeg1"][1], name  # left is +y
        assert at["Head"][0] > at["spine3"][0] > at["root"][0] > at["Tail7"][0], name
        for leg in ("LLeg", "LLegBack"):
            foot = at["LFoot" if leg == "LLeg" else "LFootBack"]
            assert at[f"{leg}2"][2] > at[f"{leg}3"][2] > foot[2], name
        feet = [vertices[:, 2].min(), at["LFoot"][2], at["LFootBack"][2]]
        assert np.ptp(feet) < 0.15 * np.ptp(vertices[:, 2]), name


def test_joints_lie_in_the_middle_of_their_limbs():
    for name in ("template", *shipped().families):
        vertices = everybody()[name]
        for joint in ("LLeg2", "LLeg3", "LFoot", "LLegBack3", "LFootBack", "Tail3", "Tail6"):
            j = shipped().joint_names.index(joint)
            ring = vertices[shipped().weights[:, j] > 0.25]
            place = joints(vertices)[joint]
            assert (ring.min(0) < place).all() and (place < ring.max(0)).all(), (name, joint)


def test_keypoints_lie_where_they_should():
    for name in ("template", *shipped().families):
        vertices = everybody()[name]
        at = keypoints(vertices)
        floor = vertices[:, 2].min() + 0.08 * np.ptp(vertices[:, 2])
        for side in ("left", "right"):
            assert at[f"{side}_front_paw"][2] < floor and at[f"{side}_back_paw"][2] < floor, name
        assert at["nose"][0] == max(p[0] for p in at.values()), name
        assert at["tail_end"][0] == min(p[0] for p in at.values()), name
        assert at["nose"][2] > at["chin"][2] and at["withers"][2] > at["throat"][2] - 0.2, name
        assert at["left_ear_tip"][1] > 0.02 * np.ptp(vertices[:, 1]) > at["right_ear_tip"][1], name
        assert at["left_eye"][0] > at["left_ear_base"][0], name
        np.testing.assert_allclose(at["left_eye"] * ACROSS, at["right_eye"], atol=1e-5)


def test_families_differ_as_they_do():
    def leg(name: str) -> float:
        at = joints(family(name))
        return (at["root"][2] - at["LFootBack"][2]) / (at["LLeg1"][0] - at["root"][0])

    def part(name: str, start: str, end: str) -> float:
        at = {**joints(family(name)), **keypoints(family(name))}
        return float(np.linalg.norm(at[end] - at[start]) / at["LLeg1"][0])

    assert leg("horse") > leg("dog") > leg("cow") > leg("hippo")
    assert part("horse", "Neck", "Head") > part("cow", "Neck", "Head")
    assert part("cow", "Neck", "Head") > part("hippo", "Neck", "Head")
    assert part("cat", "tail_start", "tail_end") > part("dog", "tail_start", "tail_end")
    assert part("dog", "tail_start", "tail_end") > part("hippo", "tail_start", "tail_end")
    wide = {n: np.ptp(family(n)[:, 1]) / np.ptp(family(n)[:, 0]) for n in shipped().families}
    assert wide["hippo"] == max(wide.values())
    tall = {n: np.ptp(family(n)[:, 2]) for n in shipped().families}
    assert 0.2 < tall["cat"] < 0.4 < tall["dog"] < 0.95 < tall["hippo"] < tall["horse"] < 2.5


@pytest.mark.parametrize(
    ("number", "start", "end"),
    [(0, "LLegBack2", "LFootBack"), (2, "Neck", "Head"), (3, "Head", "nose")]
    + [(4, "left_ear_base", "left_ear_tip"), (5, "tail_start", "tail_end")],
)
def test_first_directions_are_what_they_are_called(number, start, end):
    """One unit makes its own part longer by a good deal and the trunk not."""
    data = shipped()

    def lengths(step: float) -> tuple[float, float]:
        vertices = data.v_template + step * data.shapedirs[..., number]
        at = {**joints(vertices), **keypoints(vertices)}
        return float(np.linalg.norm(at[end] - at[start])), float(at["LLeg1"][0])

    (short, trunk), (long, same) = lengths(-1), lengths(1)
    assert long / short > 1.2
    assert abs(same / trunk - 1) < 0.02


def test_size_scales_everything():
    data = shipped()
    growth = data.shapedirs[..., 6]
    np.testing.assert_allclose(growth, 0.1 * data.v_template, atol=1e-3)


@pytest.mark.slow
def test_rebuilding_gives_the_same_animals(tmp_path):
    """On any machine, though another may mesh them with other triangles."""
    out = tmp_path / "quadruped.npz"
    build = [sys.executable, str(ROOT / "tools" / "build_quadruped.py"), "--out", str(out)]
    subprocess.run(build, check=True, timeout=3000)
    again, data = load_animal(out), shipped()
    assert len(again.faces) == pytest.approx(len(data.faces), rel=0.02)
    assert cKDTree(again.v_template).query(data.v_template)[0].max() < 0.02
    for k, name in enumerate(data.families):
        built = again.v_template + again.shapedirs @ again.family_betas[k]
        np.testing.assert_allclose(np.ptp(built, 0), np.ptp(family(name), 0), rtol=0.01)


def test_it_is_loaded_by_its_name():
    assert load_animal_model("quadruped").families == shipped().families
