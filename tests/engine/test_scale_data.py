"""Positional maps, packed frames, and frames made of scans."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

import tiny_avatar
from layfigure.engine.avatars.scale.data import samples_of_scans, spread_evenly
from layfigure.engine.avatars.scale.packed import (
    PackedFrame,
    list_packed,
    read_packed,
    read_split,
    write_packed,
    write_splits,
)
from layfigure.engine.avatars.scale.position_map import (
    PositionMap,
    position_map,
    read_mask,
    with_uvs,
)
from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.avatars.scans import Scans
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.npz import write_npz
from layfigure.engine.formats.obj import ObjMesh, write_obj
from layfigure.engine.geometry.mesh_clean import vertex_normals
from layfigure.engine.geometry.mesh_file import Scan
from layfigure.engine.geometry.visibility import seen_faces
from layfigure.engine.progress import Progress

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
HALVES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def silent() -> Progress:
    return Progress(lambda *_: None)


def flat(faces: np.ndarray) -> BodyData:
    """A body that is its own UV map: the unit square."""
    return replace(tiny_avatar.person(), v_template=SQUARE, faces=faces, vt=SQUARE[:, :2], ft=faces)


@pytest.fixture(scope="module")
def own_map() -> PositionMap:
    return position_map(tiny_avatar.person(), 32)


def test_a_pixel_shows_its_middle_and_the_first_row_the_top() -> None:
    points = position_map(flat(HALVES), 32).points(torch.from_numpy(SQUARE)).view(32, 32, 3)
    middle = (torch.arange(32) + 0.5) / 32
    assert torch.allclose(points[..., 0], middle.expand(32, 32), atol=1e-6)
    assert torch.allclose(points[..., 1], 1 - middle[:, None].expand(32, 32), atol=1e-6)


def test_where_uvs_overlap_the_first_face_is_seen() -> None:
    whole = HALVES[[0, 1, 0, 1]]
    assert set(position_map(flat(whole), 64).face.tolist()) == {0, 1}
    assert set(position_map(flat(whole[::-1].copy()), 64).face.tolist()) == {0, 1}
    only = position_map(flat(HALVES[[0, 0, 0, 1]]), 64).face.view(64, 64)
    assert set(only.flatten().tolist()) == {0, 3}


def test_pixels_of_the_shipped_body_are_where_its_uvs_say(own_map: PositionMap) -> None:
    """Against every triangle tried on every pixel, in float64."""
    data = tiny_avatar.person()
    assert data.vt is not None and data.ft is not None
    row, column = np.divmod(np.arange(32 * 32), 32)
    place = np.column_stack([(column + 0.5) / 32, 1 - (row + 0.5) / 32])
    a, b, c = (data.vt[data.ft[:, k]].astype(np.float64) for k in range(3))
    across = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    across[across == 0] = np.nan
    for pixel in range(0, 1024, 3):
        off = place[pixel] - a
        v = (off[:, 0] * (c - a)[:, 1] - off[:, 1] * (c - a)[:, 0]) / across
        w = ((b - a)[:, 0] * off[:, 1] - (b - a)[:, 1] * off[:, 0]) / across
        hit = np.flatnonzero((v >= 0) & (w >= 0) & (v + w <= 1))
        face = int(own_map.face[pixel])
        assert face == (hit[0] if len(hit) else -1)
        if len(hit):
            expected = [1 - v[face] - w[face], v[face], w[face]]
            assert own_map.barycentric[pixel].tolist() == pytest.approx(expected, abs=1e-4)
    empty = own_map.face < 0
    assert (own_map.corners[empty] == torch.from_numpy(data.faces[0])).all()
    points = own_map.points(torch.from_numpy(data.v_template)[None])
    assert points.shape == (1, 1024, 3) and not points[0, empty].any()
    assert torch.equal(own_map.valid, (~empty).nonzero()[:, 0])
    near, _ = cKDTree(data.v_template).query(points[0, own_map.valid].numpy())
    assert near.max() < 0.03


def test_a_mask_takes_patches_away(own_map: PositionMap, tmp_path: Path) -> None:
    mask = np.zeros(1024, bool)
    mask[own_map.valid[5:].numpy()] = True
    np.save(tmp_path / "bools.npy", mask)
    np.save(tmp_path / "faces.npy", np.where(mask, 7, -1).astype(np.int32).reshape(32, 32))
    for name in ("bools", "faces"):
        fewer = own_map.restrict(read_mask(tmp_path / f"{name}.npy"))
        assert torch.equal(fewer.valid, own_map.valid[5:])
    with pytest.raises(InputError, match="4 pixels and the map 1024"):
        own_map.restrict(mask[:4])
    with pytest.raises(InputError, match="where this body is not"):
        own_map.restrict(~mask)
    for content in (pickle.dumps({}), b"", np.zeros(3).tobytes()):
        (tmp_path / "wrong.npy").write_bytes(content)
        with pytest.raises(InputError, match="wrong.npy: this is not"):
            read_mask(tmp_path / "wrong.npy")
    np.save(tmp_path / "wrong.npy", mask[:5])
    with pytest.raises(InputError, match="is not a mask"):
        read_mask(tmp_path / "wrong.npy")


def test_uvs_come_from_a_template(tmp_path: Path) -> None:
    body = tiny_avatar.person()
    bare = replace(body, vt=None, ft=None)
    with pytest.raises(InputError, match="no UV map"):
        position_map(bare, 32)
    file = tmp_path / "template.obj"
    write_obj(file, ObjMesh(body.v_template, body.faces, body.vt, body.ft))
    assert np.allclose(with_uvs(bare, file).vt, body.vt, atol=1e-6)
    write_obj(file, ObjMesh(body.v_template, body.faces[::-1], body.vt, body.ft))
    with pytest.raises(InputError, match="faces are not those"):
        with_uvs(bare, file)
    write_obj(file, ObjMesh(body.v_template, body.faces))
    with pytest.raises(InputError, match="no UVs"):
        with_uvs(bare, file)


def a_frame(name: str = "a") -> PackedFrame:
    random = np.random.default_rng(3)
    normals = random.normal(size=(50, 3)).astype(np.float32)
    return PackedFrame(
        posmap=random.normal(size=(32, 32, 3)).astype(np.float32),
        body_verts=random.normal(size=(20, 3)).astype(np.float32),
        scan_pc=random.normal(size=(50, 3)).astype(np.float32),
        scan_n=normals / np.linalg.norm(normals, axis=1, keepdims=True),
        scan_name=name,
    )


def arrays_of(frame: PackedFrame) -> dict[str, np.ndarray]:
    """As the original's own script packs it: the body in float64."""
    return {
        "posmap32": frame.posmap,
        "body_verts": frame.body_verts.astype(np.float64),
        "scan_pc": frame.scan_pc,
        "scan_n": frame.scan_n,
        "scan_name": np.array(frame.scan_name),
    }


def test_packed_frames_come_back(tmp_path: Path) -> None:
    frame = a_frame("coat_dance.000012")
    write_packed(tmp_path / "ours.npz", frame)
    write_npz(tmp_path / "theirs.npz", **arrays_of(frame), vtransf=np.zeros((20, 4, 4)))
    for name in ("ours", "theirs"):
        again = read_packed(tmp_path / f"{name}.npz", 32)
        assert again.scan_name == frame.scan_name
        for field in ("posmap", "body_verts", "scan_pc", "scan_n"):
            assert getattr(again, field).dtype == np.float32
            assert np.allclose(getattr(again, field), getattr(frame, field), atol=1e-6)
    with np.load(tmp_path / "ours.npz") as archive:  # as a reader of the original sees it
        assert archive["scan_name"].shape == () and archive["posmap32"].shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"posmap32": None}, "no map of 32 x 32 pixels but none"),
        ({"posmap32": None, "posmap64": np.zeros((64, 64, 3))}, "but one of 64"),
        ({"posmap32": np.zeros((3, 32, 32))}, "posmap32 has shape"),
        ({"scan_n": None}, "no array named scan_n"),
        ({"scan_n": np.ones((49, 3))}, "scan_n has shape"),
        ({"scan_n": np.eye(50, 3)}, "47 of its 50 normals have no length"),
        ({"scan_pc": np.full((50, 3), np.nan)}, "scan_pc is not a number"),
        ({"scan_pc": np.zeros((0, 3)), "scan_n": np.zeros((0, 3))}, "scan_pc has shape"),
        ({"body_verts": np.full((20, 3), "x")}, "body_verts is not a number"),
        ({"body_verts": np.float64(1)}, "body_verts has shape"),
        ({"body_verts": 1000 * a_frame().body_verts}, "not in metres"),
    ],
)
def test_a_wrong_packed_file_is_refused(change: dict, message: str, tmp_path: Path) -> None:
    arrays = {k: v for k, v in (arrays_of(a_frame()) | change).items() if v is not None}
    write_npz(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(InputError, match=f"wrong.npz.*{message}"):
        read_packed(tmp_path / "wrong.npz", 32)


def test_a_folder_of_frames(tmp_path: Path) -> None:
    frames = [a_frame(name) for name in "abc"]
    write_splits(tmp_path / "packed", {"train": frames, "val": frames[:1]})
    train = tmp_path / "packed" / "train"
    (train / "Thumbs.db").write_bytes(b"")
    found, notes = read_split(train, 32, spacing=2)
    assert [frame.scan_name for frame in found] == ["a", "c"]
    assert notes == [f"{train}: passed over what is no .npz: Thumbs.db."]
    assert "One frame only" in read_split(train.with_name("val"), 32)[1][0]
    with pytest.raises(InputError, match="it holds no .npz"):
        list_packed(train.with_name("test"))
    with pytest.raises(InputError, match="no such folder"):
        list_packed(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not an earlier result"):
        write_splits(tmp_path / "packed", {})
    other = replace(frames[0], body_verts=np.ones((21, 3), np.float32))
    write_packed(train / "b_packed.npz", other)
    with pytest.raises(InputError, match="b_packed.npz: its body has 21 vertices"):
        read_split(train, 32)


def body_as_scan(poses: np.ndarray, transl: np.ndarray) -> Scans:
    """The body without clothes, posed (S, J, 3), as if it had been scanned."""
    data = tiny_avatar.person()
    posed = tiny_avatar.posed(data, poses, transl)
    meshes = [Scan(v, data.faces, vertex_normals(v, data.faces), None) for v in posed]
    return Scans([f"f{row}" for row in range(len(posed))], poses, transl, meshes, data)


def test_frames_know_no_root(own_map: PositionMap) -> None:
    """However a body stands and wherever, its frame is the same; scan and body lie together."""
    pose, _ = tiny_avatar.poses()
    still = np.repeat(tiny_avatar.full(pose)[2:3], 2, 0)
    still[:, 0] = [[0, 0, 0], [0.3, 2.0, -0.2]]
    place = np.array([[0, 0, 0], [1, 2, 3]], np.float32)
    first, second = samples_of_scans(body_as_scan(still, place), own_map, silent(), points=9000)
    assert np.allclose(first.body_verts, second.body_verts, atol=1e-6)
    assert first.posmap.shape == (32, 32, 3) and first.scan_pc.shape == (9000, 3)
    vertices = torch.from_numpy(first.body_verts)
    assert np.allclose(first.posmap.reshape(-1, 3), own_map.points(vertices), atol=1e-7)
    data = tiny_avatar.person()
    pelvis = data.joints(data.v_template)[0]
    rest = tiny_avatar.posed(data, np.zeros_like(still), place[:1])[0] - pelvis
    hips = CanonicalBody(data).weights[:, 0] > 0.99
    assert np.allclose(first.body_verts[hips], rest[hips], atol=1e-5)
    for frame in (first, second):
        gap, near = cKDTree(frame.body_verts).query(frame.scan_pc)
        assert gap.max() < 0.03
        outward = vertex_normals(frame.body_verts, data.faces)[near]
        assert ((outward * frame.scan_n).sum(1) > 0).mean() > 0.97
        assert np.allclose(np.linalg.norm(frame.scan_n, axis=1), 1, atol=1e-5)
    assert np.abs(first.scan_pc.mean(0) - second.scan_pc.mean(0)).max() < 2e-3


def test_points_are_spread_by_area() -> None:
    corners = np.array(
        [
            [[0, 0, 0], [3, 0, 0], [0, 1, 0]],
            [[0, 0, 0], [0, 0, 0], [0, 1, 0]],  # without an area
            [[0, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[9, 9, 9], [9, 9, 9], [9, 9, 9]],
        ],
        np.float64,
    )
    points, normals = spread_evenly(corners, 4000, np.random.default_rng(0))
    up = normals[:, 2] > 0.5
    assert abs(up.sum() - 3000) <= 1
    assert np.allclose(normals[up], [0, 0, 1]) and np.allclose(normals[~up], [1, 0, 0])
    assert points[up].mean(0) == pytest.approx([1, 1 / 3, 0], abs=0.02)
    assert not points[~up, 0].any()


def test_only_the_outer_of_two_sheets_is_kept() -> None:
    pose, place = tiny_avatar.poses()
    faces, count = tiny_avatar.person().faces, len(tiny_avatar.person().v_template)
    sheets = [
        tiny_avatar.posed(data, tiny_avatar.full(pose[4:5]), place[4:5])[0]
        for data in (tiny_avatar.dressed(), tiny_avatar.person())
    ]
    covered = tiny_avatar.covered()[faces].all(1)
    seen = seen_faces(np.concatenate(sheets), np.concatenate([faces, faces + count]))
    assert seen[: len(faces)][covered].mean() > 0.97 and not seen[len(faces) :][covered].any()
