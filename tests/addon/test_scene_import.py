"""Import of a result folder, against linear blend skinning in numpy."""

import time

import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.import_result import ImportOptions, import_result
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import load_motion, save_motion
from layfigure.engine.formats.pc2 import write_pc2
from layfigure.engine.formats.result import read_result, write_index
from layfigure.engine.formats.skeleton import BONE_NAMES
from scene_helpers import bpy, clean_scene, farthest, make_result, posed_vertices  # noqa: F401


def test_vertices_are_those_of_the_fit(tmp_path):
    body, motion, _ = make_result(tmp_path / "walk", 24)
    mesh = import_result(bpy.context, tmp_path / "walk").people[0].mesh
    for frame in (0, 7, 13, 23):
        bpy.context.scene.frame_set(frame + 1)
        assert farthest(mesh, posed_vertices(body, motion, frame)) < 1e-4


def test_without_shape_keys_the_mesh_has_the_fitted_shape(tmp_path):
    body, motion, _ = make_result(tmp_path / "walk", 8)
    options = ImportOptions(shape_keys=False, start_frame=101)
    mesh = import_result(bpy.context, tmp_path / "walk", options).people[0].mesh
    motion.expression[:] = 0
    bpy.context.scene.frame_set(105)
    assert mesh.data.shape_keys is None
    assert farthest(mesh, posed_vertices(body, motion, 4)) < 1e-4


@pytest.mark.parametrize("moving", [False, True])
def test_the_camera_sees_what_the_footage_shows(tmp_path, moving):
    body, motion, camera = make_result(tmp_path / "walk", 12, moving=moving)
    thing = import_result(bpy.context, tmp_path / "walk").camera
    assert bool(compat.fcurves(thing)) == moving
    for frame in (0, 11):
        bpy.context.scene.frame_set(frame + 1)
        points = posed_vertices(body, motion, frame)[::50]
        seen = camera.world_to_camera[frame]
        expected = camera.project(points @ seen[:, :3].T + seen[:, 3])
        assert np.abs(_project(thing, points) - expected).max() < 0.1


def _project(thing, points):
    from layfigure.addon.scene.axes import to_blender

    graph, render = bpy.context.evaluated_depsgraph_get(), bpy.context.scene.render
    width, height = render.resolution_x, render.resolution_y
    thing = thing.evaluated_get(graph)
    view = thing.calc_matrix_camera(
        graph, x=width, y=height, scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    clip = np.column_stack([to_blender(points), np.ones(len(points))])
    clip = clip @ (np.array(view) @ np.linalg.inv(np.array(thing.matrix_world))).T
    return (clip[:, :2] / clip[:, 3:] * (1, -1) + 1) / 2 * (width, height)


def test_names_keys_and_ranges(tmp_path):
    body, motion, _ = make_result(tmp_path / "walk", 10, fps=29.97)
    imported = import_result(bpy.context, tmp_path / "walk", ImportOptions(start_frame=5))
    person, scene = imported.people[0], bpy.context.scene
    assert imported.collection.name == "walk"
    assert set(person.armature.data.bones.keys()) == set(BONE_NAMES.values())
    assert scene.render.fps / scene.render.fps_base == pytest.approx(29.97, abs=1e-4)
    assert (scene.frame_start, scene.frame_end) == (5, 14)
    curves = compat.fcurves(person.armature)
    assert len(curves) == 55 * 4 + 3
    assert all(len(c.keyframe_points) == 10 for c in curves)
    assert {k.interpolation for c in curves[:4] for k in c.keyframe_points} == {"LINEAR"}
    assert all(c.group is not None for c in curves)
    keys = person.mesh.data.shape_keys.key_blocks
    assert keys[0].name == "Basis"
    assert [keys[f"shape_{k:02d}"].value for k in range(10)] == pytest.approx(motion.betas)
    assert all(name in keys for name in body.expression_names)
    assert keys[body.expression_names[1]].value == pytest.approx(0.3)
    assert len(compat.fcurves(person.mesh.data.shape_keys)) == 2
    assert person.mesh.data.uv_layers
    assert bpy.context.view_layer.objects.active == person.armature


def test_bones_mirror_each_other(tmp_path):
    make_result(tmp_path / "walk", 2)
    bones = import_result(bpy.context, tmp_path / "walk").people[0].armature.data.bones
    for bone in bones:
        assert bone.length >= 0.0099
        if bone.name.endswith("_L"):
            left = np.array(bone.matrix_local)[:3, :3]
            right = np.array(bones[f"{bone.name[:-2]}_R"].matrix_local)[:3, :3]
            mirrored = left * [[-1], [1], [1]] * [-1, 1, 1]  # x axes keep the system right-handed
            np.testing.assert_allclose(right, mirrored, atol=0.02, err_msg=bone.name)


def test_a_result_can_be_imported_twice(tmp_path):
    body, motion, _ = make_result(tmp_path / "walk", 4)
    first = import_result(bpy.context, tmp_path / "walk")
    second = import_result(bpy.context, tmp_path / "walk", ImportOptions(start_frame=11))
    assert first.people[0].armature != second.people[0].armature
    bpy.context.scene.frame_set(13)
    assert farthest(second.people[0].mesh, posed_vertices(body, motion, 2)) < 1e-4
    bpy.context.scene.frame_set(3)
    assert farthest(first.people[0].mesh, posed_vertices(body, motion, 2)) < 1e-4


def test_the_cache_plays_the_engines_vertices(tmp_path):
    body, motion, _ = make_result(tmp_path / "walk", 3)
    vertices = np.stack([posed_vertices(body, motion, k) for k in range(3)]).astype(np.float32)
    vertices[2] += 0.05
    write_pc2(tmp_path / "walk" / "person_00" / "vertices.pc2", vertices)
    result = read_result(tmp_path / "walk")
    result.people[0].pc2 = tmp_path / "walk" / "person_00" / "vertices.pc2"
    write_index(tmp_path / "walk", result)
    options = ImportOptions(use_cache=True)
    mesh = import_result(bpy.context, tmp_path / "walk", options).people[0].mesh
    bpy.context.scene.frame_set(3)
    assert farthest(mesh, vertices[2]) < 1e-4


def test_missing_footage_is_said_and_does_not_matter(tmp_path):
    make_result(tmp_path / "walk", 2, footage=str(tmp_path / "gone.mp4"))
    imported = import_result(bpy.context, tmp_path / "walk")
    assert imported.footage is None and "gone.mp4" in imported.warnings[0]


def test_film_that_lies_on_its_side_is_left_out(tmp_path):
    (tmp_path / "frames").mkdir()
    picture = bpy.data.images.new("sideways", 480, 640)
    picture.filepath_raw, picture.file_format = str(tmp_path / "frames" / "0000.png"), "PNG"
    picture.save()
    make_result(tmp_path / "walk", 2, footage=str(tmp_path / "frames"))
    imported = import_result(bpy.context, tmp_path / "walk")
    assert imported.footage is None and "upright" in imported.warnings[0]


def test_a_missing_file_builds_nothing(tmp_path):
    make_result(tmp_path / "walk", 2)
    (tmp_path / "walk" / "person_00" / "motion.npz").unlink()
    with pytest.raises(InputError, match="motion.npz"):
        import_result(bpy.context, tmp_path / "walk")
    assert not bpy.data.objects and not bpy.data.meshes and not bpy.data.actions


def test_a_motion_of_another_body_builds_nothing(tmp_path):
    make_result(tmp_path / "walk", 2)
    path = tmp_path / "walk" / "person_00" / "motion.npz"
    motion = load_motion(path)
    motion.poses = motion.poses[:, : 24 * 3]
    save_motion(path, motion)
    with pytest.raises(InputError, match="24 joints but the body has 55"):
        import_result(bpy.context, tmp_path / "walk")
    assert not bpy.data.objects


def test_a_thousand_frames_in_two_seconds_and_playback_above_24(tmp_path):
    make_result(tmp_path / "long", 1000)
    start = time.perf_counter()
    mesh = import_result(bpy.context, tmp_path / "long").people[0].mesh
    assert time.perf_counter() - start < 2
    start = time.perf_counter()
    for frame in range(1, 49):
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        assert len(mesh.evaluated_get(graph).data.vertices)
    assert 48 / (time.perf_counter() - start) > 24
