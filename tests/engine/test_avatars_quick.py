"""The quick avatar of a coat whose truth is known: what it learns, how it is posed and rigged."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

import tiny_avatar
from layfigure.engine.avatars.avatar import Avatar, load_avatar, mean_code, save_avatar
from layfigure.engine.avatars.offsets import OffsetMesh, WalkOffsets
from layfigure.engine.avatars.posing import Poser, rig_of
from layfigure.engine.avatars.quick.surface import QuickSurface
from layfigure.engine.avatars.scanimate.skinning import move
from layfigure.engine.bodies.model import Body
from layfigure.engine.formats.skeleton import JOINT_NAMES
from layfigure.engine.geometry.mesh_clean import enclosed_volume, vertex_normals
from layfigure.engine.jobs import avatar_rig
from layfigure.engine.progress import Progress
from layfigure.engine.training.losses_file import read_rows
from scan_inputs import ARMS_UP, STRIDE, pose_of

NOWHERE = np.zeros(3, np.float32)


def code_of(avatar: Avatar) -> torch.Tensor:
    """The pose code in which the canonical mesh was extracted."""
    return mean_code(avatar.surface, avatar.poses)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with tiny_avatar.small():
        yield


@pytest.fixture(scope="module")
def avatar(coat_avatar: Path) -> Avatar:
    return load_avatar(coat_avatar)


@pytest.fixture(scope="module")
def surface(avatar: Avatar) -> QuickSurface:
    assert isinstance(avatar.surface, QuickSurface)
    return avatar.surface


@pytest.fixture(scope="module")
def coat(surface: QuickSurface) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and normals (V, 3) of the true coat in canonical space."""
    rest = torch.from_numpy(tiny_avatar.dressed().v_template)
    points = move(surface.body.from_rest, rest).numpy()
    return points, vertex_normals(points, tiny_avatar.person().faces)


def from_coat(points: np.ndarray, coat: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Signed distance (N,), metres, of points (N, 3) near the coat."""
    _, near = cKDTree(coat[0]).query(points)
    return ((points - coat[0][near]) * coat[1][near]).sum(1)


def test_the_losses_fall(coat_avatar: Path) -> None:
    rows = read_rows(coat_avatar / "loss.csv")
    assert rows["step"] == list(range(10, tiny_avatar.STEPS + 1, 10))
    for name in ("loss", "surface", "normal", "eikonal"):
        assert rows[name][-1] < 0.6 * rows[name][0], name


def test_the_surface_is_the_coat(avatar: Avatar, coat: tuple[np.ndarray, np.ndarray]) -> None:
    there = tiny_avatar.covered()[cKDTree(coat[0]).query(avatar.mesh.vertices)[1]]
    off = np.abs(from_coat(avatar.mesh.vertices[there], coat))
    print(f"mesh to coat: {1000 * np.quantile(off, [0.5, 0.95])} mm")
    assert np.median(off) < 2e-3 and np.quantile(off, 0.95) < 6e-3
    back = cKDTree(avatar.mesh.vertices).query(coat[0][tiny_avatar.covered()])[0]
    assert np.quantile(back, 0.99) < 0.02  # the mesh's vertices lie 20 mm apart


def test_the_mesh_is_watertight_and_looks_outward(avatar: Avatar) -> None:
    mesh = avatar.mesh
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight
    assert 0.04 < enclosed_volume(mesh.vertices, mesh.faces) < 0.12  # cubic metres of a person
    assert mesh.weights.shape == (len(mesh.vertices), len(JOINT_NAMES))
    np.testing.assert_allclose(mesh.weights.sum(1), 1, atol=1e-5)
    assert (mesh.weights > 0).sum(1).max() <= 8
    assert mesh.vt.min() >= 0 and mesh.vt.max() <= 1 and mesh.ft.max() < len(mesh.vt)
    assert avatar.texture.shape == (128, 128, 3)


def test_colours_are_the_scans(avatar: Avatar) -> None:
    waist = avatar.person.joints(avatar.person.v_template)[0, 1]
    height = rig_of(avatar).v_template[:, 1] - waist
    for side, paint in ((height > 0.03, tiny_avatar.RED), (height < -0.03, tiny_avatar.BLUE)):
        off = np.abs(avatar.mesh.colors[side].astype(int) - paint).max(1)
        assert side.sum() > 300 and np.quantile(off, 0.95) < 12
    painted = avatar.texture[(avatar.texture > 0).any(2)].astype(int)
    both = [(np.abs(painted - p).max(1) < 12).mean() for p in (tiny_avatar.RED, tiny_avatar.BLUE)]
    assert sum(both) > 0.9 and min(both) > 0.2


def test_distances(
    avatar: Avatar, surface: QuickSurface, coat: tuple[np.ndarray, np.ndarray]
) -> None:
    """Negative on the bare body by the coat's thickness, positive outside; off by millimetres."""
    rows = np.flatnonzero(tiny_avatar.covered())[::9]
    body = surface.body.vertices[rows]
    on, normals = torch.from_numpy(coat[0][rows]), torch.from_numpy(coat[1][rows])
    thick = (on - body).norm(dim=1)
    for points, true in ((body, -thick), (on, 0 * thick), (on + 0.03 * normals, 0.03)):
        off = surface.distance(points, code_of(avatar)) - true
        assert off.abs().median() < 3e-3 and off.abs().quantile(0.9) < 8e-3


def test_two_ways_to_the_offsets_agree(avatar: Avatar, surface: QuickSurface) -> None:
    mesh = avatar.mesh
    moving = OffsetMesh(surface, mesh)
    walk = WalkOffsets(surface, moving.vertices, moving.normals)
    code = surface.pose_code(torch.from_numpy(avatar.poses[4]).float())
    one, other = moving.offsets(code), walk(code)
    apart = (one - other).abs()
    print(f"offsets {1000 * one.abs().mean():.2f} mm, apart {1000 * apart.median():.3f} mm")
    assert apart.median() < 1e-3 and apart.quantile(0.9) < 4e-3
    assert len(one) == len(mesh.vertices) and one.abs().max() <= 0.05


def test_saved_and_loaded_it_is_the_same(avatar: Avatar, tmp_path: Path) -> None:
    save_avatar(tmp_path, avatar)
    again = load_avatar(tmp_path)
    assert again.about.items() >= avatar.about.items()
    np.testing.assert_array_equal(again.texture, avatar.texture)
    for pose in (pose_of(ARMS_UP, 2.0), pose_of(STRIDE)):
        np.testing.assert_array_equal(Poser(again)(pose, NOWHERE), Poser(avatar)(pose, NOWHERE))
    points = avatar.surface.box_min + torch.rand(50, 3) * 0.5
    code = code_of(avatar)
    assert torch.equal(again.surface.distance(points, code), avatar.surface.distance(points, code))
    assert torch.equal(again.surface.color(points, code), avatar.surface.color(points, code))


def test_every_pose_moves_the_same_vertices(avatar: Avatar) -> None:
    """In every learned pose they lie on the coat, in the world's place of the scan."""
    poser = Poser(avatar)
    _, transl = tiny_avatar.poses()
    for row, scan in enumerate(tiny_avatar.true_meshes()):
        vertices = poser(avatar.poses[row], transl[row])
        assert vertices.shape == avatar.mesh.vertices.shape and vertices.dtype == np.float32
        near, which = cKDTree(scan.vertices).query(vertices)
        normals = vertex_normals(scan.vertices, scan.faces)
        off = np.abs(((vertices - scan.vertices[which]) * normals[which]).sum(1))
        off = off[tiny_avatar.covered()[which]]
        assert np.median(off) < 3e-3 and np.quantile(near, 0.95) < 0.025, row


def test_remeshed_it_is_the_same_shape(avatar: Avatar) -> None:
    poser, pose = Poser(avatar), avatar.poses[3]
    plain = poser(pose, NOWHERE)
    vertices, faces, paint = poser.remeshed(pose, NOWHERE, 64)
    assert paint.shape == vertices.shape and paint.dtype == np.uint8 and faces.max() < len(vertices)
    away = cKDTree(plain).query(vertices)[0]
    assert np.median(away) < 0.015 and enclosed_volume(vertices, faces) > 0.03


def test_filters_hold_the_clothes_but_not_the_skeleton(avatar: Avatar) -> None:
    """A pose beyond all that was learned; within it, auto changes nothing."""
    auto, none = Poser(avatar), Poser(avatar, "none")
    learned = avatar.poses[1]
    np.testing.assert_array_equal(auto(learned, NOWHERE), none(learned, NOWHERE))
    wild = pose_of({"left_hip": (-1.8, 0, 0.4), "left_knee": (2.2, 0, 0), "left_wrist": (1, 0, 0)})
    calm, free = auto(wild, NOWHERE), none(wild, NOWHERE)
    assert 0 < np.abs(calm - free).max() < 0.1
    original = Poser(avatar, "scanimate")(wild, NOWHERE)
    hand = avatar.mesh.weights[:, JOINT_NAMES.index("left_wrist")] > 0.5
    assert np.linalg.norm(original - free, axis=1)[hand].max() > 0.02


def test_the_rig_skinned_by_a_body_is_the_avatar(avatar: Avatar) -> None:
    rig = rig_of(avatar)
    joints = avatar.person.joints(avatar.person.v_template)
    np.testing.assert_allclose(rig.joints(rig.v_template), joints, atol=1e-5)
    poses = np.stack([pose_of(ARMS_UP, 1.0), pose_of(STRIDE), 0 * pose_of({})])
    place = torch.tensor([[0.5, 1.0, -2.0]]).expand(3, 3)
    found = Body(rig)(torch.zeros(3, 0), torch.from_numpy(poses), place)[0].numpy()
    mesh = avatar.mesh
    points, weights = torch.from_numpy(mesh.vertices), torch.from_numpy(mesh.weights)
    for row, pose in enumerate(poses):
        with torch.no_grad():
            true = avatar.surface.skin(points, weights, torch.from_numpy(pose)) + place[row]
        np.testing.assert_allclose(found[row], true.numpy(), atol=1e-4)


def test_corrective_shapes_bring_the_rig_closer(
    avatar: Avatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(avatar_rig, "_SAMPLES", 60)
    rig, found = avatar_rig.make_rig(avatar, 8, 0, Progress(lambda *_: None))
    print(f"plain {found.before_mm}, corrected {found.after_mm} mm")
    assert found.after_mm[0] < 0.7 * found.before_mm[0]
    assert rig.posedirs is not None and rig.posedirs.shape == (*rig.v_template.shape, 8)
    poser, plain = Poser(avatar), rig_of(avatar)
    left = []
    for data in (plain, rig):
        poses = torch.from_numpy(avatar.poses).float()
        none = torch.zeros(len(poses), 0), torch.zeros(len(poses), 3)
        moved = Body(data)(none[0], poses, none[1])[0].numpy()
        true = np.stack([poser(pose, NOWHERE) for pose in avatar.poses])
        left.append(np.linalg.norm(moved - true, axis=-1).mean())
    assert left[1] < 0.7 * left[0]
    none_at_all, same = avatar_rig.make_rig(avatar, 0, 0, Progress(lambda *_: None))
    assert none_at_all.posedirs is None or none_at_all.posedirs.shape[2] == 0
    assert same.after_mm[0] <= same.before_mm[0] * 1.01


def test_fingers_move_the_hands(avatar: Avatar) -> None:
    """A bent index finger moves the tip of that hand, and nothing else."""
    still = pose_of({})
    bent = pose_of({"left_index1": (0, 0, -1.2), "left_index2": (0, 0, -1.2)})
    poser = Poser(avatar)
    moved = np.linalg.norm(poser(bent, NOWHERE) - poser(still, NOWHERE), axis=1)
    joints = avatar.person.joints(avatar.person.v_template)
    rest = rig_of(avatar).v_template
    hand = np.linalg.norm(rest - joints[JOINT_NAMES.index("left_index2")], axis=1) < 0.15
    assert moved.max() > 0.02 and moved[hand].max() == moved.max()
    assert moved[~hand].max() < 1e-3


def test_no_scan_has_colours(coat_avatar: Path, tmp_path: Path) -> None:
    """Then neither has the avatar, but all the rest."""
    folder = shutil.copytree(coat_avatar, tmp_path / "grey")
    whole = load_avatar(folder)
    assert isinstance(whole.surface, QuickSurface)
    grey = QuickSurface(whole.surface.body, whole.surface.network, None, 0.0)
    save_avatar(folder, dataclasses.replace(whole, surface=grey))
    again = load_avatar(folder).surface
    points, code = torch.rand(5, 3), code_of(whole)
    assert not again.has_color
    assert torch.equal(again.color(points, code), torch.full((5, 3), 0.5))
