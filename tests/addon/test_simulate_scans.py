"""Scans from Blender: clothes that fit, cloth that falls, cameras that miss what is hidden."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from layfigure.addon.scene import scan_set
from layfigure.addon.scene.cloth import drape
from layfigure.addon.scene.garment import OUTFITS, Piece, dress_person
from layfigure.addon.scene.posing import Skeleton
from layfigure.addon.scene.scan_camera import Scanner, join
from layfigure.addon.scene.surface import Shell
from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import Motion
from layfigure.engine.formats.npz import read_npz
from layfigure.engine.formats.ply import read_ply
from scene_helpers import bpy, clean_scene, posed_vertices  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
DETAIL = 0.04  # coarse cloth: the tests look at the way, not at the folds


@pytest.fixture(scope="module")
def person() -> Skeleton:
    return Skeleton(load_body(ROOT / "engine" / "bodies" / "data" / "layfigure.npz"), [0.5, -0.5])


@pytest.fixture(scope="module")
def dressed(person: Skeleton) -> list[Piece]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return dress_person(person, OUTFITS[0], DETAIL)


def test_posing_is_the_bodys_own_skinning(person: Skeleton) -> None:
    pose = np.random.default_rng(0).normal(0, 0.4, person.joints.shape)
    one, none = np.zeros((1, 3)), np.zeros((1, len(person.body.expression_names)))
    betas = np.array([0.5, -0.5], np.float32)
    motion = Motion(pose.reshape(1, -1), one, betas, none, 30.0)
    found = person.posed(pose)
    assert np.abs(found - posed_vertices(person.body, motion, 0)).max() < 1e-6


@pytest.mark.parametrize("outfit", OUTFITS)
def test_clothes_lie_outside_the_body_and_have_openings(
    person: Skeleton, dressed: list[Piece], outfit: str
) -> None:
    pieces = dressed if outfit == OUTFITS[0] else dress_person(person, outfit, DETAIL)
    names = [piece.name for piece in pieces]
    assert names[:3] == ["skin", "hair", "shoes"]
    assert [p.name for p in pieces if p.cloth] == (
        ["trousers", "shirt"] if outfit == "tshirt_trousers" else ["dress"]
    )
    shell = Shell(person.rest, person.body.faces)
    openings = {"trousers": 3, "shirt": 4, "dress": 4, "hair": 1, "shoes": 2}
    for piece in pieces[1:]:
        places, normals, _ = shell.nearest(piece.rest)
        assert ((piece.rest - places) * normals).sum(1).min() > -0.004, piece.name
        np.testing.assert_allclose(piece.weights.sum(axis=1), 1, atol=1e-6)
        assert _rims(piece.faces) == openings[piece.name], piece.name
    assert len(pieces[0].faces) < len(person.body.faces)  # nothing is left to show through


def _rims(faces: np.ndarray) -> int:
    """How many closed lines of edges with one triangle a mesh has."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges, count = np.unique(edges, axis=0, return_counts=True)
    used, ends = np.unique(edges[count == 1], return_inverse=True)
    start, end = ends.reshape(-1, 2).T
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(len(used), len(used)))
    return connected_components(graph, directed=False)[0]


def test_a_cloth_falls_onto_a_table_and_hangs(person: Skeleton) -> None:
    line = np.linspace(-0.5, 0.5, 15)
    x, z = np.meshgrid(line, line)
    rest = np.stack([x.ravel(), np.full(x.size, 0.52), z.ravel()], 1)
    k = (np.arange(14)[:, None] * 15 + np.arange(14)).ravel()
    faces = np.concatenate(
        [np.stack([k, k + 15, k + 1], 1), np.stack([k + 1, k + 15, k + 16], 1)]
    ).astype(np.int32)
    box = np.array([[a, b, c] for a in (-0.2, 0.2) for b in (0.0, 0.5) for c in (-0.2, 0.2)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    box_faces = np.array([(q[0], q[j], q[j + 1]) for q in sides for j in (1, 2)], np.int32)
    weights = np.ones((len(rest), 1))
    cloth = Piece("cloth", rest, faces, weights, cloth=True)
    fallen = drape(
        cloth, np.repeat(rest[None], 24, axis=0), [(np.repeat(box[None], 24, 0), box_faces)]
    )
    np.testing.assert_allclose(fallen[0], rest, atol=1e-4)
    on_top = (np.abs(rest[:, [0, 2]]) < 0.15).all(axis=1)
    assert fallen[-1][on_top, 1].min() > 0.495
    corner = np.abs(rest[:, [0, 2]]).min(axis=1) > 0.45
    assert fallen[-1][corner, 1].max() < 0.35
    assert not bpy.data.objects and not bpy.data.meshes


def test_a_scan_has_holes_noise_colours_and_is_the_same_again(
    person: Skeleton, dressed: list[Piece]
) -> None:
    posed = [piece.rest for piece in dressed]
    scans = [
        Scanner(vertices=3000).scan(dressed, posed, person, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    ]
    assert abs(len(scans[0].vertices) - 3000) < 200
    np.testing.assert_array_equal(scans[0].vertices, scans[1].vertices)
    np.testing.assert_array_equal(scans[0].colors, scans[1].colors)
    assert scans[0].vertices.shape != scans[2].vertices.shape or (
        np.abs(scans[0].vertices - scans[2].vertices).max() > 1e-4
    )
    scan = scans[0]
    assert scan.colors is not None and scan.colors.std(axis=0).min() > 20
    assert _rims(scan.faces) > 8
    # the soles stand on the floor, where no camera is
    assert _soles(scan.vertices, scan.faces) < 0.2 * _soles(*_joined(dressed))


def _soles(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Square metres of what faces straight down within a centimetre of the lowest point."""
    corners = vertices[faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    area = np.linalg.norm(across, axis=1)
    low = corners[:, :, 1].max(axis=1) < vertices[:, 1].min() + 0.01
    return float(area[low & (across[:, 1] < -0.9 * area)].sum())


def test_noise_is_as_asked(person: Skeleton, dressed: list[Piece]) -> None:
    posed = [piece.rest for piece in dressed]
    surface = Shell(*_joined(dressed))
    for noise, low, high in ((0.0, 0.0, 1e-6), (0.002, 0.001, 0.003)):
        scanner = Scanner(vertices=10**6, noise=noise)
        scan = scanner.scan(dressed, posed, person, np.random.default_rng(0))
        places, _, _ = surface.nearest(scan.vertices)
        away = np.linalg.norm(scan.vertices - places, axis=1)
        assert low <= away.mean() <= high


def _joined(pieces: list[Piece]) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces, _ = join([p.rest for p in pieces], [p.faces for p in pieces])
    return vertices, faces


def test_a_take_is_draped_and_stands_on_the_floor(
    person: Skeleton, dressed: list[Piece], monkeypatch
) -> None:
    monkeypatch.setattr(scan_set, "_MOVE", 6)
    monkeypatch.setattr(scan_set, "_HOLD", 2)
    takes = scan_set.pose_takes(person, 2)
    assert [list(take.scans.values()) for take in takes] == [["stand"], ["walk_contact"]]
    scanner = Scanner(vertices=3000)
    scans = [
        list(scan_set.simulate_take(person, dressed, takes[1], scanner, np.random.default_rng(1)))
        for _ in range(2)
    ]
    scan = scans[0][0]
    assert abs(scan.mesh.vertices[:, 1].min()) < 0.01
    pose = person.pose(scan_set.POSES["walk_contact"])
    np.testing.assert_allclose(scan.pose[:66], pose[:22].ravel(), atol=1e-6)
    body = Shell(person.posed(pose) + scan.transl, person.body.faces)
    places, normals, _ = body.nearest(scan.mesh.vertices)
    height = ((scan.mesh.vertices - places) * normals).sum(1)
    assert np.percentile(height, 1) > -0.008  # chords of a coarse mesh cut through a little
    assert np.percentile(height, 99) < 0.2
    np.testing.assert_array_equal(scan.mesh.vertices, scans[1][0].mesh.vertices)


def test_a_motion_is_followed_from_the_t_pose(person: Skeleton) -> None:
    poses = np.zeros((50, len(person.joints), 3), np.float32)
    poses[:, 16, 2] = np.linspace(-0.5, -1.0, 50)
    poses[:, 40] = 1.0  # a finger, which the layout does not know
    trans = np.tile(np.array([[0, 1.0, 0]], np.float32), (50, 1))
    motion = Motion(poses.reshape(50, -1), trans, np.zeros(0), np.zeros((50, 0)), 48.0)
    take = scan_set.motion_take(person, motion, 3)
    assert list(take.scans.values()) == ["frame_00000", "frame_00024", "frame_00048"]
    assert not take.poses[0].any() and not take.poses[:, 40].any()
    for frame, name in take.scans.items():
        wanted = poses[int(name.removeprefix("frame_")), 16]
        np.testing.assert_allclose(take.poses[frame, 16], wanted, atol=1e-6)
    with pytest.raises(InputError, match="fewer than the 30 scans"):
        scan_set.motion_take(person, motion, 30)
    motion.poses = motion.poses[:, :72]
    with pytest.raises(InputError, match="24 joints, the body 55"):
        scan_set.motion_take(person, motion, 3)


def run(*arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "headless" / "simulate_scans.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


def test_the_script_writes_the_layout(tmp_path: Path) -> None:
    out = tmp_path / "scans"
    done = run("--output", out, "--poses", 1, "--detail", 0.05, "--vertices", 2000)
    assert done.returncode == 0, done.stderr
    assert "Scan 1/1: stand" in done.stdout
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == [
        *("LICENSE.txt", "minimal.ply", "simulated.json"),
        *("tshirt_trousers/stand.npz", "tshirt_trousers/stand.ply"),
    ]
    assert json.loads((out / "simulated.json").read_text())["scans"] == 1
    assert len(read_ply(out / "minimal.ply").vertices) == 13718
    pose = read_npz(out / "tshirt_trousers" / "stand.npz", ("pose", "transl"))
    assert pose["pose"].shape == (72,) and pose["transl"].shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--poses", "99"], "there are"),
        (["--noise", "3"], "give metres"),
        (["--betas", "a,b"], "no list"),
        (["--garment", "toga"], "invalid choice"),
        (["--motion", "nowhere.npz"], "nowhere.npz: no such file"),
    ],
)
def test_wrong_input_ends_with_2_and_one_sentence(tmp_path, arguments, said) -> None:
    done = run("--output", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
