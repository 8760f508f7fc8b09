"""Scans from files: every format, colours, and what is wrong with files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.ply import PlyMesh, write_ply
from layfigure.engine.geometry.mesh_clean import enclosed_volume, reduce_faces, vertex_normals
from layfigure.engine.geometry.mesh_file import list_scans, read_scan


def body() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = load_shipped()
    colors = np.clip(data.v_template * 60 + 120, 0, 255).astype(np.uint8)
    return data.v_template, data.faces, colors


def ply(path: Path, vertices=None, faces=None, colors=None) -> Path:
    v, f, _ = body()
    vertices = v if vertices is None else vertices
    write_ply(path, PlyMesh(vertices, f if faces is None else faces, colors, None))
    return path


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb", "stl", "off"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    vertices, faces, colors = body()
    path = tmp_path / f"scan.{suffix}"
    if suffix == "ply":
        ply(path, colors=colors)
    else:
        trimesh.Trimesh(vertices, faces, vertex_colors=colors, process=False).export(path)
    scan = read_scan(path)
    assert len(scan.faces) == len(faces)
    assert abs(len(scan.vertices) - len(vertices)) < 20  # few vertices lie on one another
    assert np.allclose(np.ptp(scan.vertices, axis=0), np.ptp(vertices, axis=0), atol=1e-5)
    assert scan.vertices.dtype == np.float32 and scan.faces.dtype == np.int32
    assert enclosed_volume(scan.vertices, scan.faces) > 0
    outward = scan.normals[scan.vertices[:, 2].argmax()]
    assert outward[2] > 0.3 and not scan.notes
    if suffix in ("ply", "glb"):
        near = np.linalg.norm(scan.vertices - vertices[5000], axis=1).argmin()
        assert np.abs(scan.colors[near].astype(int) - colors[5000]).max() <= 3
    if suffix == "stl":
        assert scan.colors is None


@pytest.mark.parametrize("suffix", ["obj", "glb"])
def test_a_texture_becomes_colours(tmp_path: Path, suffix: str) -> None:
    mesh = trimesh.creation.icosphere(3)
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, :8], picture[:, 8:] = (200, 10, 10), (10, 10, 200)
    uv = np.stack(
        [np.where(mesh.vertices[:, 0] < 0, 0.2, 0.8), np.full(len(mesh.vertices), 0.5)], 1
    )
    mesh.visual = trimesh.visual.TextureVisuals(uv=uv, image=Image.fromarray(picture))
    mesh.export(tmp_path / f"scan.{suffix}")
    scan = read_scan(tmp_path / f"scan.{suffix}")
    left, right = scan.vertices[:, 0] < -0.2, scan.vertices[:, 0] > 0.2
    assert (scan.colors[left, 0] > 150).all() and (scan.colors[right, 2] > 150).all()


def test_a_scene_is_joined(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(2)
    scene = trimesh.Scene()
    scene.add_geometry(ball)
    scene.add_geometry(ball, transform=trimesh.transformations.translation_matrix([5, 0, 0]))
    scene.export(tmp_path / "two.glb")
    scan = read_scan(tmp_path / "two.glb")
    assert len(scan.faces) == 2 * len(ball.faces) and np.ptp(scan.vertices[:, 0]) > 6.9


def test_inside_out_is_turned(tmp_path: Path) -> None:
    vertices, faces, _ = body()
    scan = read_scan(ply(tmp_path / "in.ply", faces=faces[:, ::-1].copy()))
    assert "inside out" in scan.notes[0]
    assert np.allclose(scan.normals, read_scan(ply(tmp_path / "out.ply")).normals, atol=1e-5)


def test_few_lost_vertices_are_left_out(tmp_path: Path) -> None:
    vertices = body()[0].copy()
    vertices[10:30] = np.nan
    scan = read_scan(ply(tmp_path / "scan.ply", vertices))
    assert "20 vertices" in scan.notes[0] and np.isfinite(scan.vertices).all()
    assert scan.faces.max() < len(scan.vertices)


def test_huge_scans_are_reduced(tmp_path: Path) -> None:
    vertices, faces, colors = body()
    for _ in range(2):
        grown = trimesh.Trimesh(vertices, faces, vertex_colors=colors, process=False).subdivide()
        vertices, faces = np.asarray(grown.vertices, np.float32), np.asarray(grown.faces, np.int32)
        colors = np.asarray(grown.visual.vertex_colors)[:, :3]
    assert len(faces) > 400_000
    scan = read_scan(ply(tmp_path / "huge.ply", vertices, faces, colors))
    assert 50_000 < len(scan.faces) <= 150_000 and "reduced" in scan.notes[0]
    whole = enclosed_volume(vertices, faces)
    assert abs(enclosed_volume(scan.vertices, scan.faces) / whole - 1) < 0.02
    assert scan.colors is not None and len(scan.colors) == len(scan.vertices)


def test_reducing_keeps_the_surface() -> None:
    ball = trimesh.creation.icosphere(5)
    vertices, faces, _ = reduce_faces(ball.vertices.astype(np.float32), ball.faces, None, 2000)
    assert 800 < len(faces) <= 2000
    assert np.abs(np.linalg.norm(vertices, axis=1) - 1).max() < 0.02
    normals = vertex_normals(vertices, faces)
    assert ((normals * vertices).sum(1) > 0.9).all()


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    vertices, faces, _ = body()
    flat = vertices * np.array([1, 1, 0], np.float32)
    lost = vertices.copy()
    lost[: len(lost) // 4] = np.inf
    cases = {
        "points.ply": ({"faces": np.zeros((0, 3), np.int32)}, "no faces"),
        "plane.ply": ({"vertices": flat}, "one plane"),
        "lost.ply": ({"vertices": lost}, "not numbers"),
        "few.ply": ({"faces": faces[:20]}, "too few"),
    }
    for name, (changed, words) in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            read_scan(ply(tmp_path / name, **changed))
        assert name in str(caught.value) and caught.value.hint
    (tmp_path / "empty.obj").touch()
    (tmp_path / "bad.glb").write_bytes(b"glTF not at all" * 20)
    (tmp_path / "text.txt").write_text("hello")
    for name in ("empty.obj", "bad.glb", "text.txt", "missing.stl"):
        with pytest.raises(InputError, match=name):
            read_scan(tmp_path / name)


def test_list_scans(tmp_path: Path) -> None:
    for name in ("b.PLY", "a.obj", "c.npz"):
        (tmp_path / name).touch()
    assert [p.name for p in list_scans(tmp_path)] == ["a.obj", "b.PLY"]
