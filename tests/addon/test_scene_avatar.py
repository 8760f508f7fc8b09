"""Avatars, rigs, meshes of every frame: what plays them, FBX; against numpy and torch."""

import sys
from pathlib import Path

import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.correctives import update_correctives
from layfigure.addon.scene.export_fbx import export_fbx
from layfigure.addon.scene.import_result import ImportOptions, import_result
from layfigure.engine.formats.errors import InputError
from layfigure.operators.export import characters
from scene_helpers import bpy, clean_scene, farthest, posed_vertices  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_avatar import avatar_vertices, make_avatar  # noqa: E402
from make_result import write_png  # noqa: E402

FRAMES = (0, 3, 7)


def test_an_avatar_plays_its_cache(tmp_path):
    body, motion = make_avatar(tmp_path / "coat")
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame + 1)
        assert farthest(person.mesh, avatar_vertices(body, motion, frame)) < 1e-4
    assert person.mesh.data.shape_keys is None
    assert person.armature.hide_get() and bpy.context.view_layer.objects.active == person.mesh
    assert person.mesh.data.materials[0].node_tree.nodes.active.image.packed_file is not None


def test_an_avatar_can_play_its_armature_instead(tmp_path):
    body, motion = make_avatar(tmp_path / "coat")
    options = ImportOptions(use_cache=False)
    person = import_result(bpy.context, tmp_path / "coat", options).people[0]
    bpy.context.scene.frame_set(4)
    assert farthest(person.mesh, posed_vertices(body, motion, 3)) < 1e-4
    assert not person.armature.hide_get()


def test_a_rig_moves_as_the_engine_does(tmp_path):
    torch = pytest.importorskip("torch")
    from layfigure.engine.bodies.model import Body

    body, motion = make_avatar(tmp_path / "coat", "rig")
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    posed, _ = Body(body, torch.float64)(
        torch.zeros(1, 0, dtype=torch.float64),
        torch.as_tensor(motion.pose_vectors, dtype=torch.float64),
        torch.as_tensor(motion.trans, dtype=torch.float64),
    )
    moved = 0.0
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame + 1)
        assert farthest(person.mesh, posed[frame].numpy()) < 1e-4
        assert np.abs(avatar_vertices(body, motion, frame) - posed[frame].numpy()).max() < 1e-5
        plain = posed_vertices(body, motion, frame)
        moved = max(moved, np.abs(posed[frame].numpy() - plain).max())
    assert moved > 0.02, "the correctives are to be seen"
    keys = person.mesh.data.shape_keys.key_blocks
    assert [key.name for key in keys] == ["Basis", *(f"corrective_{k:02d}" for k in range(4))]
    assert person.mesh.data.materials[0].node_tree.nodes.active.image.size[0] == 256


def test_correctives_follow_the_artists_pose(tmp_path):
    body, motion = make_avatar(tmp_path / "coat", "rig")
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    other = import_result(bpy.context, tmp_path / "coat").people[0]
    for curve in compat.fcurves(person.mesh.data.shape_keys):
        for point in curve.keyframe_points:
            point.co.y = 0.5
    bpy.context.scene.frame_set(4)
    assert farthest(person.mesh, avatar_vertices(body, motion, 3)) > 1e-3
    # the pose comes from a constraint, its own keys say something else
    compat.remove_fcurve(person.armature, 'pose.bones["shin_L"].rotation_quaternion')
    person.armature.pose.bones["shin_L"].rotation_quaternion = (1, 0, 0, 0)
    copy = person.armature.pose.bones["shin_L"].constraints.new("COPY_ROTATION")
    copy.target, copy.subtarget = other.armature, "shin_L"
    assert update_correctives(bpy.context, person.armature, [person.mesh]) == 8
    assert bpy.context.scene.frame_current == 4
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame + 1)
        assert farthest(person.mesh, avatar_vertices(body, motion, frame)) < 2e-4


def test_a_bone_that_lost_its_name(tmp_path):
    make_avatar(tmp_path / "coat", "rig", 2)
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    person.armature.data.bones["head"].name = "top"
    with pytest.raises(InputError, match="no bone head"):
        update_correctives(bpy.context, person.armature, [person.mesh])


@pytest.mark.parametrize("preset", ["generic", "unreal", "unity"])
def test_a_rig_survives_fbx(tmp_path, preset):
    body, motion = make_avatar(tmp_path / "coat", "rig")
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    export_fbx(bpy.context, [person.armature], tmp_path / "coat.fbx", preset)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["coat.fbx"]
    (tmp_path / "coat" / "person_00" / "texture.png").unlink()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "coat.fbx"))
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    assert "corrective_03" in mesh.data.shape_keys.key_blocks
    for frame in FRAMES:
        # Blender's importer begins one frame later
        bpy.context.scene.frame_set(frame + (1 if preset == "unreal" else 2))
        assert farthest(mesh, avatar_vertices(body, motion, frame)) < 1e-3
    image = next(image for image in bpy.data.images if image.size[0] == 256)
    assert np.allclose(np.array(image.pixels[:4]) * 255, (255, 255, 255, 255), atol=1)


def test_two_characters_keep_their_textures_in_one_fbx(tmp_path):
    for number in range(2):
        folder = tmp_path / f"coat{number}"
        make_avatar(folder, "rig", 2)
        pixels = np.full((16, 16, 4), 255 * number, np.uint8)
        write_png(folder / "person_00" / "texture.png", pixels)
        import_result(bpy.context, folder)
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    export_fbx(bpy.context, armatures, tmp_path / "two.fbx")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "two.fbx"))
    assert {image.pixels[0] for image in bpy.data.images if image.size[0] == 16} == {0, 1}


def test_the_fbx_of_an_avatar_is_its_skinned_mesh(tmp_path):
    body, motion = make_avatar(tmp_path / "coat")
    import_result(bpy.context, tmp_path / "coat")
    # the mesh is selected, its armature hidden
    export_fbx(bpy.context, characters(bpy.context), tmp_path / "coat.fbx")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "coat.fbx"))
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    bpy.context.scene.frame_set(5)
    assert farthest(mesh, posed_vertices(body, motion, 3)) < 1e-3


def test_meshes_of_every_frame_are_shown_in_theirs(tmp_path):
    body, motion = make_avatar(tmp_path / "coat", "avatar_meshes", 12)
    import_result(bpy.context, tmp_path / "coat")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "coat.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "coat.blend"))
    frames = bpy.data.collections["person_00 frames"].objects
    for frame in (0, 2, 10, 11):
        bpy.context.scene.frame_set(frame + 1)
        graph = bpy.context.evaluated_depsgraph_get()
        seen = {instance.object.name for instance in graph.object_instances}
        assert seen & {thing.name for thing in frames} == {f"walk_{frame}"}
        shown = [thing.name for thing in frames if not thing.hide_render]
        assert shown == [f"walk_{frame}"] and "person_00 body" not in seen
        thing = bpy.data.objects[f"walk_{frame}"]
        assert farthest(thing, avatar_vertices(body, motion, frame)) < 1e-4
    mesh = bpy.data.objects["walk_0"].data
    colors = np.empty(4 * len(mesh.vertices), np.float32)
    mesh.color_attributes.active_color.data.foreach_get("color_srgb", colors)
    assert set(map(tuple, np.rint(colors.reshape(-1, 4) * 255).astype(int))) == {
        (200, 0, 0, 255),
        (0, 200, 0, 255),
    }


def test_a_mesh_too_few_builds_nothing(tmp_path):
    make_avatar(tmp_path / "coat", "avatar_meshes", 3)
    (tmp_path / "coat" / "person_00" / "meshes" / "walk_1.ply").unlink()
    with pytest.raises(InputError, match="2 meshes are not one for each of 3 frames"):
        import_result(bpy.context, tmp_path / "coat")
    (tmp_path / "coat" / "person_00" / "meshes" / "walk_1.ply").write_bytes(b"ply")
    with pytest.raises(InputError, match="walk_1.ply"):
        import_result(bpy.context, tmp_path / "coat")
    assert not bpy.data.objects and not bpy.data.meshes
