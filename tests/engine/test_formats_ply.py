"""PLY files: read back the same, read and written by trimesh, which knows nothing of ours."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh

from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.ply import PlyMesh, read_ply, write_ply, write_points_ascii

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.25]], np.float32)
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
COLORS = np.array([[255, 0, 0], [0, 128, 0], [1, 2, 3], [250, 251, 252]], np.uint8)
NORMALS = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, -1]], np.float32)
FULL = PlyMesh(VERTICES, FACES, COLORS, NORMALS)


def same(found: PlyMesh, wanted: PlyMesh) -> None:
    for name in ("vertices", "faces", "colors", "normals"):
        a, b = getattr(found, name), getattr(wanted, name)
        assert (a is None) == (b is None), name
        if b is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "mesh",
    [FULL, PlyMesh(VERTICES, FACES), PlyMesh(VERTICES, FACES, COLORS), PlyMesh(VERTICES)],
    ids=["full", "plain", "colours", "points"],
)
def test_read_back(tmp_path: Path, mesh: PlyMesh) -> None:
    write_ply(tmp_path / "a.ply", mesh)
    same(read_ply(tmp_path / "a.ply"), mesh)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]


def test_trimesh_reads_ours(tmp_path: Path) -> None:
    write_ply(tmp_path / "a.ply", FULL)
    read = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_array_equal(read.vertices, VERTICES)
    np.testing.assert_array_equal(read.faces, FACES)
    np.testing.assert_array_equal(read.visual.vertex_colors[:, :3], COLORS)
    np.testing.assert_allclose(read.vertex_normals, NORMALS)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_we_read_trimesh(tmp_path: Path, encoding: str) -> None:
    mesh = trimesh.Trimesh(VERTICES, FACES, vertex_colors=COLORS, process=False)
    (tmp_path / "a.ply").write_bytes(trimesh.exchange.ply.export_ply(mesh, encoding=encoding))
    found = read_ply(tmp_path / "a.ply")
    same(PlyMesh(found.vertices, found.faces, found.colors), PlyMesh(VERTICES, FACES, COLORS))


@pytest.mark.parametrize("normals", [NORMALS, None], ids=["normals", "no normals"])
def test_points_as_scale_writes_them(tmp_path: Path, normals: np.ndarray | None) -> None:
    write_points_ascii(tmp_path / "a.ply", VERTICES, normals, COLORS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.ply"]
    lines = (tmp_path / "a.ply").read_text().splitlines()
    middle = "" if normals is None else " -1.000000"
    assert lines[-1].split()[:3] == ["0.000000", "1.000000", "0.250000"]
    assert lines[-1].endswith(f"{middle} 250 251 252 255") and len(lines[-1].split()) == (
        7 if normals is None else 10
    )
    header = lines[: lines.index("end_header")]
    assert header[:3] == ["ply", "format ascii 1.0", "element vertex 4"]
    assert header[-3:] == [
        "property uchar alpha",
        "element face 0",
        "property list uchar int vertex_indices",
    ]
    same(read_ply(tmp_path / "a.ply"), PlyMesh(VERTICES, colors=COLORS, normals=normals))
    read = trimesh.load(tmp_path / "a.ply", process=False)
    np.testing.assert_allclose(read.vertices, VERTICES, atol=1e-6)
    np.testing.assert_array_equal(read.visual.vertex_colors[:, :3], COLORS)


def test_text_with_polygons_and_more_properties(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_text(
        "ply\r\nformat ascii 1.0\r\ncomment of somebody\r\nelement vertex 5\r\n"
        "property double x\r\nproperty double y\r\nproperty float quality\r\nproperty double z\r\n"
        "property float red\r\nproperty float green\r\nproperty float blue\r\n"
        "element face 3\r\nproperty uchar flags\r\nproperty list uchar uint vertex_index\r\n"
        "property list uchar float texcoord\r\nelement edge 1\r\nproperty int vertex1\r\n"
        "end_header\r\n"
        "0 0 9 0 1 0 0\r\n1 0 9 0 0 1 0\r\n1 1 9 0 0 0 1\r\n0 1 9 0 0.5 0.5 0.5\r\n-1 .5 9 1e-1 "
        "0 0 0\r\n7 4 0 1 2 3 2 .5 .5\r\n7 3 0 3 4 0\r\n7 2 0 1 0\r\n3\r\n"
    )
    found = read_ply(tmp_path / "a.ply")
    np.testing.assert_array_equal(found.faces, [[0, 1, 2], [0, 2, 3], [0, 3, 4]])
    np.testing.assert_allclose(found.vertices[4], [-1, 0.5, 0.1])
    assert found.colors is not None
    np.testing.assert_array_equal(found.colors[[0, 3]], [[255, 0, 0], [128, 128, 128]])


def big_endian(faces: list[list[int]]) -> bytes:
    """Colours of 16 bits, and an element with a list before the vertices."""
    head = (
        "ply\nformat binary_big_endian 1.0\nelement camera 1\nproperty list short double matrix\n"
        "element vertex 4\nproperty float32 x\nproperty float32 y\nproperty float32 z\n"
        "property uint16 red\nproperty uint16 green\nproperty uint16 blue\n"
        f"element face {len(faces)}\nproperty list int32 uint32 vertex_indices\nend_header\n"
    )
    data = struct.pack(">hdd", 2, 1.0, 2.0)
    for place, colour in zip(VERTICES, COLORS, strict=True):
        data += struct.pack(">3f3H", *place, *(int(c) * 257 for c in colour))
    for face in faces:
        data += struct.pack(f">{len(face) + 1}i", len(face), *face)
    return head.encode() + data


def test_big_endian(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(big_endian(FACES.tolist()))
    same(read_ply(tmp_path / "a.ply"), PlyMesh(VERTICES, FACES, COLORS))
    (tmp_path / "b.ply").write_bytes(big_endian([[0, 1, 2, 3], [0, 1, 2]]))
    np.testing.assert_array_equal(
        read_ply(tmp_path / "b.ply").faces, [[0, 1, 2], [0, 2, 3], [0, 1, 2]]
    )


def test_many_triangles_are_fast(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mesh = PlyMesh(
        rng.random((400_000, 3), np.float32),
        rng.integers(0, 400_000, (800_000, 3)).astype(np.int32),
    )
    write_ply(tmp_path / "a.ply", mesh)
    before = time.process_time()
    found = read_ply(tmp_path / "a.ply")
    assert time.process_time() - before < 1.0
    same(found, mesh)


def _wrong() -> dict[str, bytes]:
    whole = big_endian(FACES.tolist())
    mixed = big_endian([[0, 1, 2, 3], [0, 1, 2]])
    return {
        "empty": b"",
        "no PLY": b"solid of another kind\n",
        "header without end": whole[:60],
        "faces cut off": whole[:-3],
        "mixed faces cut off": mixed[:-3],
        "vertices cut off": whole[:-60],
        "no format": whole.replace(b"binary_big_endian", b"binary_odd"),
        "unknown type": whole.replace(b"float32 y", b"floaty y"),
        "too many vertices": whole.replace(b"vertex 4", b"vertex 4000000000"),
        "fewer vertices": whole.replace(b"vertex 4", b"vertex 3"),
        "fewer faces": whole.replace(b"face 2", b"face 1"),
        "no vertices": whole.replace(b"element vertex", b"element vertix"),
        "a face of nothing": big_endian([[0, 1, 4]]),
        "a negative face": big_endian([[0, 1, -1], [0, 1, 2]]),
        "words for numbers": b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\n"
        b"property float y\nproperty float z\nend_header\n1 two 3\n",
        "text cut off": b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\n"
        b"property float y\nproperty float z\nend_header\n1 2 3\n",
    }


@pytest.mark.parametrize("name", list(_wrong()))
def test_wrong_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.ply").write_bytes(_wrong()[name])
    with pytest.raises(InputError, match=r"a\.ply: this PLY file is wrong \(") as error:
        read_ply(tmp_path / "a.ply")
    assert error.value.hint


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_ply(tmp_path / "a.ply")
