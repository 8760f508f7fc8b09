"""OBJ files: read back the same, and read by trimesh, which knows nothing of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.obj import ObjMesh, ObjWriter, read_obj, write_obj

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.25]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
VT = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]], np.float32)
FT = np.array([[0, 1, 2], [4, 2, 3]], np.int32)


def test_read_back(tmp_path: Path) -> None:
    body = load_shipped()
    write_obj(tmp_path / "body.obj", ObjMesh(body.v_template, body.faces, body.vt, body.ft))
    mesh = read_obj(tmp_path / "body.obj")
    np.testing.assert_allclose(mesh.vertices, body.v_template, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, body.faces)
    assert mesh.vt is not None
    np.testing.assert_allclose(mesh.vt, body.vt, atol=1e-6)
    np.testing.assert_array_equal(mesh.ft, body.ft)
    write_obj(tmp_path / "plain.obj", ObjMesh(VERTICES, FACES))
    plain = read_obj(tmp_path / "plain.obj")
    assert plain.vt is None and plain.ft is None
    np.testing.assert_array_equal(plain.faces, FACES)


@pytest.mark.parametrize("uvs", [True, False])
@pytest.mark.parametrize("normals", [True, False])
def test_trimesh_reads_it(tmp_path: Path, uvs: bool, normals: bool) -> None:
    path = tmp_path / "square.obj"
    up = np.tile(np.array([[0, 0, 1]], np.float32), (4, 1))
    writer = ObjWriter(FACES, VT if uvs else None, FT if uvs else None, normals)
    writer.write(path, VERTICES, up if normals else None)
    mesh = trimesh.load(path, process=False)
    corners = np.asarray(mesh.vertices)[mesh.faces]
    np.testing.assert_allclose(corners, VERTICES[FACES], atol=1e-6)
    if uvs:
        np.testing.assert_allclose(mesh.visual.uv[mesh.faces], VT[FT], atol=1e-6)
    if normals:
        np.testing.assert_allclose(mesh.vertex_normals, np.tile((0, 0, 1), (len(mesh.vertices), 1)))


def test_trimesh_finds_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4), (200, 10, 20)).save(tmp_path / "texture.png")
    write_obj(tmp_path / "a.obj", ObjMesh(VERTICES, FACES, VT, FT), texture="texture.png")
    mesh = trimesh.load(tmp_path / "a.obj", process=False)
    assert mesh.visual.material.image.getpixel((1, 1)) == (200, 10, 20)


def test_polygons_and_numbers_from_the_end(tmp_path: Path) -> None:
    points = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvn 0 0 1\n"
    text = f"# a square\no thing\n{points}f -4//1 -3//1 -2//1 4//1\n"
    (tmp_path / "square.obj").write_text(text)
    mesh = read_obj(tmp_path / "square.obj")
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3]])
    assert mesh.vt is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("v 0 0\nf 1 1 1\n", "a line of this OBJ file is wrong"),
        ("v 0 0 0\nf 1 2 3\n", "2 points at nothing"),
        ("v 0 0 0\nf 0 1 1\n", "0 points at nothing"),
        ("v 0 0 0\nf 1 1\n", "fewer than three corners"),
        ("v a b c\n", "wrong"),
        ("hello\n", "not an OBJ file with faces"),
        ("", "not an OBJ file with faces"),
        ("v 0 0 0\n", "not an OBJ file with faces"),
    ],
)
def test_a_wrong_file_ends_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "wrong.obj"
    path.write_text(text)
    with pytest.raises(InputError, match="wrong.obj") as caught:
        read_obj(path)
    assert words in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        read_obj(tmp_path / "none.obj")


def test_normals_must_be_promised(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="normals"):
        ObjWriter(FACES).write(tmp_path / "a.obj", VERTICES, VERTICES)
    assert not (tmp_path / "a.obj").exists()
