"""Motion, camera, result index and point cache: round trips, foreign readers, damaged files."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.camera import Camera, load_camera, save_camera
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import Motion, load_motion, save_motion
from layfigure.engine.formats.npz import read_npz, write_npz
from layfigure.engine.formats.pc2 import read_pc2, write_pc2
from layfigure.engine.formats.points import (
    PointCloud,
    load_points,
    normal_colors,
    patch_colors,
    save_points,
)
from layfigure.engine.formats.result import PersonFiles, Result, read_result, write_index
from layfigure.engine.formats.skeleton import (
    BONE_NAMES,
    JOINT_NAMES,
    MIXAMO_NAMES,
    PARENTS,
    UNREAL_NAMES,
)
from make_result import looking_camera, make_result, walking_motion
from synthetic import load_shipped


def same(ours: object, theirs: object) -> None:
    """Field by field."""
    for field in fields(ours):
        a, b = getattr(ours, field.name), getattr(theirs, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(b, a, atol=1e-6, err_msg=field.name)
        else:
            assert a == b, field.name


def test_motion_round_trip(tmp_path: Path) -> None:
    motion = walking_motion(load_shipped(), 5, 29.97)
    motion.fps = float(np.float32(29.97))
    motion.frame_ids, motion.observed = np.arange(3, 8), np.array([1, 1, 0, 1, 1], bool)
    motion.joints, motion.joint_names = np.ones((5, 55, 3), np.float32), JOINT_NAMES
    save_motion(tmp_path / "motion.npz", motion)
    same(motion, load_motion(tmp_path / "motion.npz"))
    assert motion.pose_vectors.shape == (5, 55, 3)


def test_a_motion_of_amass(tmp_path: Path) -> None:
    """Their own files have a few arrays less."""
    path = tmp_path / "amass.npz"
    poses = np.random.default_rng(0).normal(size=(4, 165))
    write_npz(path, poses=poses, trans=np.zeros((4, 3)), betas=np.ones(16), mocap_frame_rate=120.0)
    motion = load_motion(path)
    assert motion.fps == 120 and motion.expression.shape == (4, 0) and motion.joints is None
    np.testing.assert_array_equal(motion.frame_ids, np.arange(4))
    assert motion.observed.all() and motion.betas.shape == (16,)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"poses": None}, "poses"),
        ({"trans": None}, "trans"),
        ({"poses": np.zeros((5, 164))}, "belong together"),
        ({"poses": np.zeros((0, 165)), "trans": np.zeros((0, 3))}, "belong together"),
        ({"trans": np.zeros((4, 3))}, "belong together"),
        ({"poses": np.full((5, 165), np.nan)}, "not finite"),
        ({"betas": np.array([np.inf])}, "not finite"),
    ],
)
def test_bad_motion(tmp_path: Path, change: dict, word: str) -> None:
    path = tmp_path / "motion.npz"
    save_motion(path, walking_motion(load_shipped(), 5))
    arrays = {k: v for k, v in (read_npz(path) | change).items() if v is not None}
    write_npz(path, **arrays)
    with pytest.raises(InputError, match=word):
        load_motion(path)


def test_camera_round_trip(tmp_path: Path) -> None:
    camera = looking_camera(6, 25.0, moving=True)
    save_camera(tmp_path / "camera.npz", camera)
    again = load_camera(tmp_path / "camera.npz")
    same(camera, again)
    points = np.random.default_rng(0).normal(size=(6, 9, 3))
    np.testing.assert_allclose(again.to_world(again.to_camera(points)), points, atol=1e-6)
    pixel = again.project(np.array([0.5, -0.25, 2.0]))
    np.testing.assert_allclose(pixel, [700 * 0.25 + 330, 680 * -0.125 + 236])


def test_bad_camera(tmp_path: Path) -> None:
    path = tmp_path / "camera.npz"
    save_camera(path, looking_camera(6, 25.0))
    good = read_npz(path)
    for change in ({"fx": None}, {"frame_ids": np.arange(5)}, {"world_to_camera": np.eye(4)[None]}):
        write_npz(path, **{k: v for k, v in (good | change).items() if v is not None})
        with pytest.raises(InputError, match="camera.npz"):
            load_camera(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_result(tmp_path / "result", frames=4, footage="/films/äö walk.mp4")
    return tmp_path / "result"


def test_result_round_trip(folder: Path) -> None:
    pc2 = folder / "person_00" / "vertices.pc2"
    write_pc2(pc2, np.zeros((4, 2, 3)))
    (folder / "overlay.mp4").write_bytes(b"film")
    result = Result(
        *(folder, "fit", 29.97, 12, 4),
        people=[PersonFiles("person_00", folder / "person_00" / "motion.npz", pc2)],
        body=folder / "body.npz",
        camera=folder / "camera.npz",
        overlay=folder / "overlay.mp4",
        footage="/films/äö walk.mp4",
        meta={"notes": ["a"]},
    )
    write_index(folder, result)
    assert read_result(folder) == read_result(folder / "result.json") == result
    moved = folder.rename(folder.with_name("moved"))
    assert read_result(moved).people[0].motion.is_file()


def test_meshes_of_every_frame_come_in_the_order_of_the_frames(folder: Path) -> None:
    result = read_result(folder)
    assert result.people[0].mesh_files() == []
    meshes = folder / "person_00" / "meshes"
    meshes.mkdir()
    for name in ("walk_10.ply", "walk_9.ply", "walk_1.ply", "readme.txt"):
        (meshes / name).write_bytes(b"")
    result.kind, result.people[0].meshes = "avatar_meshes", meshes
    write_index(folder, result)
    again = read_result(folder)
    assert again == result
    names = [path.name for path in again.people[0].mesh_files()]
    assert names == ["walk_1.ply", "walk_9.ply", "walk_10.ply"]


def test_points_of_a_person(folder: Path) -> None:
    own, person = folder / "person_00", read_result(folder).people[0]
    patch = np.array([0, 0, 2, 5], np.int32)
    cloud = PointCloud(patch_colors(patch, 1), patch, patch_colors(patch))
    person.points, person.point_positions, person.point_normals = (
        own / name for name in ("points.npz", "points.pc2", "normals.pc2")
    )
    save_points(person.points, cloud)
    for path in (person.point_positions, person.point_normals):
        write_pc2(path, np.zeros((4, 4, 3), np.float32))
    result = read_result(folder)
    result.people = [person]
    write_index(folder, result)
    assert read_result(folder) == result
    same(cloud, load_points(person.points))
    person.point_normals = None
    write_index(folder, result)
    with pytest.raises(InputError, match="point_normals"):
        read_result(folder)
    cloud.patch = patch[:3]
    save_points(person.points, cloud)
    with pytest.raises(InputError, match="do not belong together"):
        load_points(person.points)


def test_colours_of_points() -> None:
    colors = patch_colors(np.array([3, 0, 3, 1]))
    assert colors.dtype == np.uint8 and len(np.unique(colors, axis=0)) == 3
    np.testing.assert_array_equal(colors[0], colors[2])
    assert (patch_colors(np.arange(9), 1) != patch_colors(np.arange(9), 2)).any()
    shown = normal_colors(np.array([[0, 0, 1], [-1, 0, 0], [0, -0.5, 0.5]]))
    np.testing.assert_array_equal(shown, [[128, 128, 255], [0, 128, 128], [128, 64, 191]])


@pytest.mark.parametrize("name", ["body.npz", "camera.npz", "person_00/motion.npz", "result.json"])
def test_result_with_a_file_missing(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError) as caught:
        read_result(folder)
    assert (name if name != "result.json" else str(folder)) in caught.value.message


def test_bad_results(folder: Path) -> None:
    index = json.loads((folder / "result.json").read_text("utf-8"))
    secret = folder.parent / "secret.npz"
    shutil.copy(folder / "body.npz", secret)
    escape = {**index["files"], "body": "../secret.npz"}
    absolute = {**index["files"], "camera": str(secret)}
    person = index["people"][0]
    wrong = (
        ({"format": 99}, "newer Layfigure"),
        ({"format": "x"}, "cannot be read"),
        ({"files": escape}, "outside the folder"),
        ({"files": absolute}, "outside the folder"),
        ({"people": [{**person, "motion": "../secret.npz"}]}, "outside the folder"),
        ({"people": []}, "missing or wrong"),
        ({"people": [{**person, "motion": None}]}, "missing or wrong"),
        ({"people": 3}, "missing or wrong"),
        ({"files": {}}, "missing or wrong"),
        ({"fps": "fast"}, "missing or wrong"),
        ({"kind": ...}, "missing or wrong"),
        ({"kind": "sculpture"}, "'sculpture' is no kind of result"),
        ({"people": [{**person, "meshes": "person_00/meshes"}]}, "this folder of the result"),
        ({"people": [{**person, "meshes": "person_00/motion.npz"}]}, "this folder of the result"),
        ({"people": [{**person, "meshes": "../.."}]}, "outside the folder"),
    )
    for change, word in wrong:
        changed = {k: v for k, v in (index | change).items() if v is not ...}
        (folder / "result.json").write_text(json.dumps(changed))
        with pytest.raises(InputError, match=word):
            read_result(folder)
    for text in ("", "{", "[]", "null", "\x00"):
        (folder / "result.json").write_text(text)
        with pytest.raises(InputError, match="result.json"):
            read_result(folder)
    with pytest.raises(InputError, match="not a result folder"):
        read_result(folder / "nowhere")


def test_pc2_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "vertices.pc2"
    vertices = np.random.default_rng(0).normal(size=(3, 5, 3))
    write_pc2(path, vertices)
    np.testing.assert_array_equal(read_pc2(path), vertices.astype(np.float32))
    assert [p.name for p in tmp_path.iterdir()] == ["vertices.pc2"]
    whole = path.read_bytes()
    for wrong, word in (
        (whole[:-1], "cut off"),
        (whole[:20], "not a PC2"),
        (b"x" * 99, "not a PC2"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(InputError, match=word):
            read_pc2(path)
    with pytest.raises(InputError, match="gone.pc2"):
        read_pc2(tmp_path / "gone.pc2")


def test_blender_plays_the_point_cache(tmp_path: Path) -> None:
    """Mesh Cache, Blender's own reader, moves the vertices to where the file says."""
    bpy = pytest.importorskip("bpy")
    vertices = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    write_pc2(tmp_path / "v.pc2", vertices)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = bpy.data.meshes.new("points")
    mesh.from_pydata([(0, 0, 0)] * 6, [], [(0, 1, 2), (3, 4, 5)])
    thing = bpy.data.objects.new("points", mesh)
    bpy.context.collection.objects.link(thing)
    cache = thing.modifiers.new("cache", "MESH_CACHE")
    cache.cache_format, cache.filepath = "PC2", str(tmp_path / "v.pc2")
    cache.frame_start = 1.0
    for frame in range(4):
        bpy.context.scene.frame_set(1 + frame)
        posed = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        found = np.zeros(18, np.float32)
        posed.vertices.foreach_get("co", found)
        np.testing.assert_allclose(found.reshape(6, 3), vertices[frame], atol=1e-6)


def test_skeleton_tables() -> None:
    assert len(JOINT_NAMES) == len(set(JOINT_NAMES)) == len(PARENTS) == 55
    assert PARENTS[0] == -1 and all(0 <= p < j for j, p in enumerate(PARENTS) if j)
    assert list(BONE_NAMES) == list(JOINT_NAMES)
    assert len(set(BONE_NAMES.values())) == 55
    assert BONE_NAMES["left_shoulder"] == "upper_arm_L"
    for table in (UNREAL_NAMES, MIXAMO_NAMES):
        assert set(table) <= set(BONE_NAMES.values())
        assert len(set(table.values())) == len(table) >= 50
    for joint, parent in zip(JOINT_NAMES[1:], PARENTS[1:], strict=True):
        side, above = joint.split("_")[0], JOINT_NAMES[parent].split("_")[0]
        assert above == side or above not in ("left", "right"), "no limb hangs on the other side"
    for joint, bone in BONE_NAMES.items():
        for side in ("left", "right"):
            if joint.startswith(f"{side}_"):
                other = joint.replace(side, {"left": "right", "right": "left"}[side])
                assert bone.endswith(f"_{side[0].upper()}")
                assert BONE_NAMES[other][:-1] == bone[:-1]
    assert UNREAL_NAMES["upper_arm_L"] == "upperarm_l"
    assert MIXAMO_NAMES["upper_arm_L"] == "mixamorig:LeftArm"


def test_types_are_as_promised(folder: Path) -> None:
    result = read_result(folder)
    assert result.camera is not None
    assert isinstance(load_motion(result.people[0].motion), Motion)
    assert isinstance(load_camera(result.camera), Camera)
    assert load_body(result.body).kind == "layfigure"
