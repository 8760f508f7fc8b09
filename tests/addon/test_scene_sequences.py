"""What follows a character's keys, shape keys in place of caches, the steps of an import."""

import sys
from pathlib import Path

import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.axes import to_blender
from layfigure.addon.scene.bake_cache import bake_cache, cache_of
from layfigure.addon.scene.baked_keys import evaluated_vertices, key_components, key_every_frame
from layfigure.addon.scene.clip_time import CLIP_FRAME
from layfigure.addon.scene.import_result import (
    ImportOptions,
    import_result,
    import_steps,
    read_import,
)
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import load_motion, save_motion
from layfigure.engine.formats.pc2 import read_pc2
from scene_helpers import bpy, clean_scene, farthest  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_points import make_points  # noqa: E402

FRAMES = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "coat"
    make_points(folder, frames=FRAMES)
    return folder


def cached(folder: Path, name: str = "vertices") -> np.ndarray:
    """(T, V, 3) what a point cache of the person holds, Blender's axes."""
    return to_blender(read_pc2(folder / "person_00" / f"{name}.pc2"))


def coordinates(thing) -> np.ndarray:
    """(V, 3) evaluated vertices, shown or not."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def retime(armature, scale: float, shift: float) -> None:
    """What an artist does with all keys in the dope sheet."""
    for curve in compat.fcurves(armature):
        for point in curve.keyframe_points:
            point.co.x = point.co.x * scale + shift
        curve.update()


def test_clothes_and_points_follow_the_keys(made):
    person = import_result(bpy.context, made, ImportOptions(start_frame=5)).people[0]
    retime(person.armature, 2.0, 20.0)
    person.points.modifiers["Surface Elements"].show_viewport = False
    person.mesh.hide_viewport = False
    clothes, points = cached(made), cached(made, "points")
    scene = bpy.context.scene
    for row in (0, 3, 7):
        scene.frame_set(2 * (5 + row) + 20)
        assert np.abs(coordinates(person.mesh) - clothes[row]).max() < 1e-5
        assert np.abs(coordinates(person.points) - points[row]).max() < 1e-5
        assert person.armature[CLIP_FRAME] == row
    scene.frame_set(2 * (5 + 3) + 21)  # between two frames of the clip
    assert np.abs(coordinates(person.mesh) - clothes[3:5].mean(0)).max() < 1e-5
    for frame, row in ((1, 0), (200, 7)):  # the ends are held
        scene.frame_set(frame)
        assert np.abs(coordinates(person.mesh) - clothes[row]).max() < 1e-5


def test_clothes_follow_strips(made):
    person = import_result(bpy.context, made).people[0]
    animation = person.armature.animation_data
    action, slot = animation.action, getattr(animation, "action_slot", None)
    strip = animation.nla_tracks.new().strips.new("slow", 11, action)
    if slot is not None:
        strip.action_slot = slot
    animation.action = None
    strip.scale = 2.0
    person.mesh.hide_viewport = False
    bpy.context.scene.frame_set(11 + 2 * 3)
    assert np.abs(coordinates(person.mesh) - cached(made)[3]).max() < 1e-4


def test_gaps_in_the_clip(tmp_path):
    make_points(tmp_path / "coat", frames=4)
    path = tmp_path / "coat" / "person_00" / "motion.npz"
    motion = load_motion(path)
    motion.frame_ids = np.array([0, 1, 5, 6])
    save_motion(path, motion)
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    person.mesh.hide_viewport = False
    for frame, row in ((1, 0), (2, 1), (4, 1.5), (6, 2), (7, 3)):
        bpy.context.scene.frame_set(frame)
        low, high = cached(tmp_path / "coat")[[int(row), int(np.ceil(row))]]
        wanted = low if row == int(row) else (low + high) / 2
        assert np.abs(coordinates(person.mesh) - wanted).max() < 1e-5


def test_meshes_of_every_frame_follow_too(tmp_path):
    make_points(tmp_path / "coat", "avatar_meshes", 4)
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    bpy.data.collections["person_00 frames"].hide_viewport = False
    retime(person.armature, 3.0, 10.0)
    for frame, row in ((1, 0), (13, 0), (15, 0), (16, 1), (19, 2), (22, 3), (50, 3)):
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        seen = {i.object.name for i in graph.object_instances if "walk" in i.object.name}
        assert seen == {f"walk_{row}"}
        assert [t.name for t in person.sequence if not t.hide_render] == [f"walk_{row}"]


def test_drivers_are_no_scripts_and_survive_a_save(made, tmp_path):
    import_result(bpy.context, made)
    blend = tmp_path / "a.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    bpy.ops.wm.open_mainfile(filepath=str(blend), use_scripts=False)
    mesh = bpy.data.objects["person_00 body"]
    assert {d.driver.type for d in mesh.animation_data.drivers} == {"AVERAGE"}
    mesh.hide_viewport = False
    bpy.context.scene.frame_set(4)
    assert np.abs(coordinates(mesh) - cached(made)[3]).max() < 1e-5


def test_a_cache_is_relative_to_a_saved_file(made, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(made.parent / "b.blend"))
    person = import_result(bpy.context, made).people[0]
    assert cache_of(person.mesh).filepath == "//coat/person_00/vertices.pc2"


def test_a_key_for_every_frame(made):
    person = import_result(bpy.context, made).people[0]
    mesh, scene = person.mesh, bpy.context.scene
    clothes, rest = cached(made), coordinates_of(mesh.data)
    assert bake_cache(bpy.context, mesh, range(2, 7)) is None
    keys = mesh.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", *(f"frame_{k:04d}" for k in range(2, 7))]
    assert cache_of(mesh) is None and not mesh.animation_data.drivers
    assert np.array_equal(coordinates_of(mesh.data), rest)
    mesh.hide_viewport = False
    for frame in (2, 4, 6):
        scene.frame_set(frame)
        assert np.abs(coordinates(mesh) - clothes[frame - 1]).max() < 1e-5
    scene.frame_set(4, subframe=0.5)
    assert np.abs(coordinates(mesh) - clothes[3:5].mean(0)).max() < 1e-5


def coordinates_of(mesh) -> np.ndarray:
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def test_components_tell_what_they_lose(made):
    person = import_result(bpy.context, made).people[0]
    mesh, clothes = person.mesh, cached(made)
    before = len(mesh.data.loops), len(mesh.data.uv_layers), len(mesh.vertex_groups)
    residual = bake_cache(bpy.context, mesh, range(1, FRAMES + 1), 3)
    blocks = mesh.data.shape_keys.key_blocks
    assert [block.name for block in blocks] == ["Basis", "pca_00", "pca_01", "pca_02"]
    assert all((b.slider_min, b.slider_max) == (-1, 1) for b in blocks[1:])
    basis = np.empty(3 * len(mesh.data.vertices), np.float32)
    blocks[0].points.foreach_get("co", basis)
    assert np.abs(basis.reshape(-1, 3) - clothes.mean(0)).max() < 1e-5
    assert (len(mesh.data.loops), len(mesh.data.uv_layers), len(mesh.vertex_groups)) == before
    mesh.hide_viewport = False
    gaps = []
    for frame in range(1, FRAMES + 1):
        bpy.context.scene.frame_set(frame)
        gaps.append(1000 * np.linalg.norm(coordinates(mesh) - clothes[frame - 1], axis=1))
    assert residual.mean_mm == pytest.approx(np.mean(gaps), rel=1e-3)
    assert residual.worst_mm == pytest.approx(np.max(gaps), rel=1e-3)
    assert 0.1 < residual.mean_mm < 5


def test_enough_components_are_exact():
    random = np.random.default_rng(0)
    thing = bpy.data.objects.new("thing", bpy.data.meshes.new("thing"))
    thing.data.from_pydata([(0, 0, 0)] * 3, [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(thing)
    for count in (5, 40):  # fewer frames than coordinates, and more
        moving = random.normal(size=(count, 3, 3)).astype(np.float32)
        exact = key_components(thing, range(count), moving, 99)
        assert exact.worst_mm < 1e-2
        assert len(thing.data.shape_keys.key_blocks) == 1 + min(count - 1, 9)
        shown = evaluated_vertices(bpy.context, thing, range(count))
        assert np.abs(shown - moving).max() < 1e-5
    still = np.repeat(moving[:1], 4, 0)
    assert key_components(thing, range(4), still, 2).worst_mm < 1e-3
    assert len(thing.data.shape_keys.key_blocks) == 1


def test_what_cannot_be_keyed(made):
    person = import_result(bpy.context, made).people[0]
    with pytest.raises(InputError, match="nothing moves in frames 50 to 60"):
        bake_cache(bpy.context, person.mesh, range(50, 61))
    assert cache_of(person.mesh) is not None and person.mesh.hide_viewport
    with pytest.raises(InputError, match="plays no point cache"):
        bake_cache(bpy.context, person.armature, range(3))
    mesh = person.mesh
    with pytest.raises(InputError, match="the sequence 5"):
        key_every_frame(mesh, [1], np.zeros((1, 5, 3), np.float32))
    with pytest.raises(InputError, match="are not one for each of 3"):
        key_every_frame(mesh, [1, 2, 3], np.zeros((1, len(mesh.data.vertices), 3), np.float32))
    nodes = mesh.modifiers.new("Build", "BUILD")
    nodes.frame_start, nodes.frame_duration = 1, 8
    with pytest.raises(InputError, match="its mesh changes in frame"):
        evaluated_vertices(bpy.context, mesh, range(1, 9))


def test_vertices_without_and_with_the_skin(made):
    person = import_result(bpy.context, made, ImportOptions(use_cache=False)).people[0]
    rest = coordinates_of(person.mesh.data)
    bpy.context.scene.frame_set(3)
    still = evaluated_vertices(bpy.context, person.mesh, [1, 8])
    assert np.abs(still - rest).max() < 1e-6
    posed = evaluated_vertices(bpy.context, person.mesh, [8], skinned=True)[0]
    bpy.context.scene.frame_set(8)
    assert np.array_equal(posed, coordinates(person.mesh))
    assert farthest(person.mesh, np.zeros((1, 3))) > 0.1 and person.mesh.modifiers[0].show_viewport


def test_an_import_in_steps(made):
    given = read_import(made)
    assert not bpy.data.objects
    steps, said = import_steps(bpy.context, given), []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            imported = end.value
            break
    assert list(dict.fromkeys(said)) == [
        *("armature", "motion", "mesh", "materials", "skin", "shape keys", "points"),
        *("camera", "timeline"),
    ]
    assert imported.people[0].points is bpy.context.view_layer.objects.active
