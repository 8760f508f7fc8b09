"""Surface elements: what plays them, what they look like, how the artist chooses."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from addon_helpers import drawn
from layfigure.addon.scene import points as scene_points
from layfigure.addon.scene.axes import to_blender
from layfigure.addon.scene.export_fbx import export_fbx
from layfigure.addon.scene.import_result import ImportOptions, import_result
from layfigure.addon.scene.points_nodes import COLORINGS, SHAPES
from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.pc2 import read_pc2, write_pc2
from layfigure.engine.formats.points import load_points, normal_colors, save_points
from layfigure.operators.export import characters
from layfigure.panels.points import LAYFIGURE_PT_points
from scene_helpers import bpy, clean_scene, farthest, posed_vertices  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_points import make_points  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A result with points, the same for all tests."""
    folder = tmp_path_factory.mktemp("points") / "coat"
    make_points(folder)
    return folder


def discs(thing) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners (N, 6, 3), face normals (N, 3) and sRGB colours (N, 6, 3) of the discs shown now."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    corners = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    colors = np.empty(len(mesh.vertices) * 4, np.float32)
    mesh.color_attributes.active_color.data.foreach_get("color_srgb", colors)
    normals = np.array([polygon.normal for polygon in mesh.polygons])
    return corners.reshape(-1, 6, 3), normals, colors.reshape(-1, 6, 4)[:, :, :3] * 255


def test_discs_play_the_caches(made):
    person = import_result(bpy.context, made).people[0]
    assert person.shown == [person.points] and person.handle == person.points
    places, normals = (read_pc2(made / "person_00" / f"{n}.pc2") for n in ("points", "normals"))
    for frame in (0, 3, 7):
        bpy.context.scene.frame_set(frame + 1)
        corners, facing, _ = discs(person.points)
        assert np.abs(corners.mean(1) - to_blender(places[frame])).max() < 1e-5
        assert (facing * to_blender(normals[frame])).sum(1).min() > 0.9999
    bpy.context.scene.frame_set(2, subframe=0.5)
    between = to_blender(places[1:3].mean(0))
    assert np.abs(discs(person.points)[0].mean(1) - between).max() < 1e-5


def test_colours_are_those_of_the_engine(made):
    person = import_result(bpy.context, made).people[0]
    cloud = load_points(made / "person_00" / "points.npz")
    bpy.context.scene.frame_set(4)
    normals = read_pc2(made / "person_00" / "normals.pc2")[3]
    for coloring, wanted in (
        ("color", cloud.colors),
        ("patch", cloud.patch_colors),
        ("normal", normal_colors(normals)),
    ):
        scene_points.set_look(person.points, coloring=coloring)
        assert scene_points.look(person.points) == ("disc", coloring)
        assert np.abs(discs(person.points)[2] - wanted[:, None].astype(float)).max() <= 3


def test_points_are_a_cloud_with_the_same_attributes(made):
    person = import_result(bpy.context, made).people[0]
    scene_points.set_look(person.points, "point", "patch")
    shown = person.points.evaluated_get(bpy.context.evaluated_depsgraph_get())
    geometry = shown.evaluated_geometry()
    cloud = geometry.pointcloud
    patch = cloud.attributes["patch"].data
    stored = load_points(made / "person_00" / "points.npz")
    assert len(patch) == len(stored.patch) and patch[500].value == stored.patch[500]
    spacing = scene_points.spacing(read_pc2(made / "person_00" / "points.pc2", 1)[0])
    assert cloud.points[0].radius == pytest.approx(spacing, rel=1e-4)
    assert cloud.materials[0].name == "person_00 elements"


def test_spacing_of_a_grid():
    x, y = np.mgrid[:40, :50] * 0.01
    grid = np.stack([x, y, 0 * x], 2).reshape(-1, 3)
    assert scene_points.spacing(grid) == pytest.approx(0.01, rel=0.15)
    assert scene_points.spacing(grid[:1]) >= 0


def test_the_mesh_is_there_and_right(made):
    person = import_result(bpy.context, made).people[0]
    assert person.mesh.hide_viewport and person.mesh.hide_render
    scene_points.show(person.points, "mesh")
    bpy.context.scene.frame_set(4)
    assert person.shown == [person.mesh] and person.points.hide_render
    assert farthest(person.mesh, read_pc2(made / "person_00" / "vertices.pc2")[3]) < 1e-4
    scene_points.show(person.points, "both")
    assert person.shown == [person.points, person.mesh]


def test_meshes_of_every_frame_give_way_to_points(tmp_path):
    make_points(tmp_path / "coat", "avatar_meshes", 3)
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    assert person.shown == [person.points]
    scene_points.show(person.points, "mesh")
    graph = bpy.context.evaluated_depsgraph_get()
    assert {i.object.name for i in graph.object_instances if i.object.type == "MESH"} == {"walk_0"}
    assert person.shown == person.sequence


def test_bones_move_a_mesh_without_points(made):
    person = import_result(bpy.context, made, ImportOptions(use_cache=False)).people[0]
    assert person.points is None and person.shown == [person.mesh]
    assert not person.armature.hide_get()


def test_the_fbx_of_points_is_the_skinned_mesh(made, tmp_path):
    import_result(bpy.context, made)
    import_result(bpy.context, made)  # so that it matters which one is selected
    chosen = characters(bpy.context)
    assert len(chosen) == 1
    export_fbx(bpy.context, chosen, tmp_path / "coat.fbx")
    body, motion = load_body(made / "body.npz"), load_motion(made / "person_00" / "motion.npz")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "coat.fbx"))
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    bpy.context.scene.frame_set(5)
    assert farthest(mesh, posed_vertices(body, motion, 3)) < 1e-3


def test_the_panel_and_its_operators(addon, made):
    assert not LAYFIGURE_PT_points.poll(bpy.context)
    assert not bpy.ops.layfigure.show_points.poll()
    assert bpy.ops.layfigure.import_result(directory=str(made)) == {"FINISHED"}
    points = bpy.context.view_layer.objects.active
    pressed = "[Points] | Mesh | Both | [Discs] | Points | [Colour] | Normal | Patch | Radius"
    assert LAYFIGURE_PT_points.poll(bpy.context) and drawn(LAYFIGURE_PT_points) == pressed
    bpy.ops.layfigure.look_of_points(coloring="patch")
    bpy.ops.layfigure.look_of_points(shape="point")
    assert scene_points.look(points) == ("point", "patch")
    for what in ("mesh", "both", "points"):
        assert bpy.ops.layfigure.show_points(what=what) == {"FINISHED"}
        assert scene_points.shown(points) == what
    bpy.context.view_layer.objects.active = bpy.data.objects["person_00 body"]
    assert LAYFIGURE_PT_points.poll(bpy.context)
    assert set(SHAPES) == {"disc", "point"} and set(COLORINGS) == {"color", "normal", "patch"}


def test_one_undo_takes_everything_away(addon, made):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.layfigure.import_result(directory=str(made))
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert not bpy.data.objects and not bpy.data.node_groups


def test_a_saved_file_needs_no_add_on(made, tmp_path):
    import_result(bpy.context, made)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    points = bpy.data.objects["person_00 points"]
    bpy.context.scene.frame_set(8)
    places = to_blender(read_pc2(made / "person_00" / "points.pc2")[7])
    assert np.abs(discs(points)[0].mean(1) - places).max() < 1e-5
    assert scene_points.shown(points) == "points"


def test_points_that_do_not_belong_together(made, tmp_path):
    shutil.copytree(made, tmp_path / "coat")
    own = tmp_path / "coat" / "person_00"
    write_pc2(own / "normals.pc2", read_pc2(own / "normals.pc2")[:, :-1])
    with pytest.raises(InputError, match=r"normals\.pc2: it does not hold 12768 points in 8 fr"):
        import_result(bpy.context, tmp_path / "coat")
    cloud = load_points(own / "points.npz")
    cloud.patch = cloud.patch[:-1]
    save_points(own / "points.npz", cloud)
    with pytest.raises(InputError, match="do not belong together"):
        import_result(bpy.context, tmp_path / "coat")
    assert not bpy.data.objects
