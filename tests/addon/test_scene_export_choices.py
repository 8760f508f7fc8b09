"""What an export can be told: keys, root motion, frames; what it refuses; operator and panel."""

import sys
from pathlib import Path

import numpy as np
import pytest

from layfigure.addon.scene import export as exporting
from layfigure.addon.scene.export import FORMATS, ExportOptions, export
from layfigure.addon.scene.import_result import import_result
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.ply import read_ply
from layfigure.operators.export import characters
from scene_helpers import bpy, clean_scene, make_result, posed_vertices  # noqa: F401

pytest.importorskip("ufbx")
sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from addon_helpers import drawn  # noqa: E402
from foreign_readers import read_character  # noqa: E402
from make_avatar import avatar_vertices, make_avatar  # noqa: E402
from make_points import make_points  # noqa: E402

FRAMES = 6


@pytest.mark.parametrize("preset", ["generic", "unreal"])
def test_clothes_become_pca_keys_over_the_skeleton(tmp_path, preset):
    body, motion = make_avatar(tmp_path / "coat", frames=FRAMES)
    import_result(bpy.context, tmp_path / "coat")
    options = ExportOptions(preset=preset, keys="pca")
    said = export(bpy.context, characters(bpy.context), tmp_path / "coat.fbx", options)
    assert "PCA keys" in said[0] and "mm off on average" in said[0]
    found = read_character(tmp_path / "coat.fbx", FRAMES)
    assert len(found["joint_names"]) == 55 and found["key_names"][0] == "pca_00"
    for k in (0, 3, 5):
        assert np.abs(found["posed"][k] - avatar_vertices(body, motion, k)).max() < 1e-3
        assert np.abs(found["posed"][k] - posed_vertices(body, motion, k)).max() > 5e-3


def test_without_pca_keys_the_skin_is_written_and_it_is_said(tmp_path):
    make_avatar(tmp_path / "coat", frames=2)
    import_result(bpy.context, tmp_path / "coat")
    said = export(bpy.context, characters(bpy.context), tmp_path / "coat.fbx", ExportOptions())
    assert "point cache was left out" in said[0]


def test_a_cached_mesh_without_a_skeleton(tmp_path):
    body, motion = make_avatar(tmp_path / "coat", frames=3)
    person = import_result(bpy.context, tmp_path / "coat").people[0]
    place = person.mesh.matrix_world.copy()
    person.mesh.parent, person.mesh.matrix_world = None, place
    person.mesh.modifiers.remove(person.mesh.modifiers["Armature"])
    assert characters(bpy.context) == [person.mesh]
    options = ExportOptions(preset="unity", keys="pca")
    export(bpy.context, [person.mesh], tmp_path / "coat.fbx", options)
    found = read_character(tmp_path / "coat.fbx", 3)
    assert found["joint_names"].tolist() == ["root"]  # Unity plays no keys without a skeleton
    for k in range(3):
        assert np.abs(found["posed"][k] - avatar_vertices(body, motion, k)).max() < 1e-3


def test_no_keys_and_some_of_the_frames(tmp_path):
    body, motion, _ = make_result(tmp_path / "walk", 4)
    person = import_result(bpy.context, tmp_path / "walk").people[0]
    options = ExportOptions(keys="none", frames=(2, 3))
    export(bpy.context, [person.armature], tmp_path / "a.fbx", options)
    found = read_character(tmp_path / "a.fbx", 1)
    assert found["key_names"].size == 0 and int(found["length"]) == 2
    motion.expression[:] = 0  # the fitted shape is in the mesh all the same
    assert np.abs(found["posed"][0] - posed_vertices(body, motion, 1)).max() < 1e-3


def test_root_motion_on_a_bone_and_in_place(tmp_path):
    make_result(tmp_path / "walk", FRAMES)
    person = import_result(bpy.context, tmp_path / "walk").people[0]
    found = {}
    for how in exporting.ROOT_MOTIONS:
        options = ExportOptions(root_motion=how, keys="none")
        export(bpy.context, [person.armature], tmp_path / f"{how}.fbx", options)
        found[how] = read_character(tmp_path / f"{how}.fbx", FRAMES)
    hips, root, still = found["hips"], found["root"], found["in_place"]
    assert root["joint_names"][0] == "root" and root["parents"][:2].tolist() == ["", "root"]
    assert np.abs(root["posed"] - hips["posed"]).max() < 1e-5
    assert np.abs(root["joints"][:, 1:] - hips["joints"]).max() < 1e-5
    way = root["joints"][:, 0]
    assert np.abs(way[:, 1]).max() < 1e-6, "the root stays on the floor"
    assert np.abs(way[:, [0, 2]] - hips["joints"][:, 0][:, [0, 2]]).max() < 1e-5
    assert np.ptp(way[:, 2]) > 0.05
    turns = root["turns"][:, :2] @ root["turns"][0, :2].swapaxes(-1, -2)
    ahead = turns @ (0, 0, 1)  # of root and hips, which face the front at first
    heading = np.arctan2(ahead[..., 0], ahead[..., 2])
    assert np.abs(turns[:, 0] @ (0, 1, 0) - (0, 1, 0)).max() < 1e-5, "the root stays upright"
    assert np.abs(heading[:, 0] - heading[:, 1]).max() < 0.03 and np.ptp(heading[:, 0]) > 0.2
    hips_still = still["joints"][:, 0]
    assert np.ptp(hips_still[:, [0, 2]], axis=0).max() < 1e-5
    assert np.abs(hips_still[:, 1] - hips["joints"][:, 0, 1]).max() < 1e-5
    inside = still["joints"] - still["joints"][:, :1]
    assert np.abs(inside - (hips["joints"] - hips["joints"][:, :1])).max() < 1e-5


def test_meshes_of_every_frame_go_into_files(tmp_path):
    body, motion = make_avatar(tmp_path / "coat", "avatar_meshes", 4)
    import_result(bpy.context, tmp_path / "coat")
    chosen = characters(bpy.context)
    assert export(bpy.context, chosen, tmp_path / "files", ExportOptions("ply")) == []
    for k in range(4):
        mesh = read_ply(tmp_path / "files" / f"files_{k + 1:04d}.ply")
        assert len(mesh.faces) == len(body.faces) - 2 * k
        assert np.abs(mesh.vertices - avatar_vertices(body, motion, k)).max() < 1e-4
        assert set(map(tuple, mesh.colors.tolist())) == {(200, 0, 0), (0, 200, 0)}
    export(bpy.context, chosen, tmp_path / "files", ExportOptions("obj", frames=(2, 3)))
    assert len(list((tmp_path / "files").glob("*.obj"))) == 2, "the earlier export is replaced"
    with pytest.raises(InputError, match="another one in every frame"):
        export(bpy.context, chosen, tmp_path / "cache", ExportOptions("pc2"))
    assert not (tmp_path / "cache").exists()
    said = export(bpy.context, chosen, tmp_path / "coat.fbx", ExportOptions())
    assert any("cannot be skinned" in line for line in said)


def test_points_are_left_out_and_it_is_said(tmp_path):
    make_points(tmp_path / "coat", frames=2)
    import_result(bpy.context, tmp_path / "coat")
    said = export(bpy.context, characters(bpy.context), tmp_path / "files", ExportOptions("ply"))
    assert len(said) == 1 and "points are left out" in said[0]
    assert len(read_ply(tmp_path / "files" / "files_0001.ply").faces) > 10_000


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    make_result(tmp_path / "walk", 2)
    armature = import_result(bpy.context, tmp_path / "walk").people[0].armature
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    objects = len(bpy.data.objects)
    for kind in ("obj", "mdd"):
        with pytest.raises(InputError, match="not an earlier result"):
            export(bpy.context, [armature], tmp_path / "mine", ExportOptions(kind))
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    assert len(bpy.data.objects) == objects


def test_a_wrong_ending_and_a_format_that_this_blender_lacks(tmp_path, monkeypatch):
    make_result(tmp_path / "walk", 2)
    armature = import_result(bpy.context, tmp_path / "walk").people[0].armature
    with pytest.raises(InputError, match="does not end in .glb"):
        export(bpy.context, [armature], tmp_path / "a.fbx", ExportOptions("gltf"))
    monkeypatch.setattr(exporting, "lacking", lambda name: "This Blender was built without USD")
    with pytest.raises(InputError, match="built without USD"):
        export(bpy.context, [armature], tmp_path / "a.usdz", ExportOptions("usd"))
    assert not (tmp_path / "a.usdz").exists()


def test_operator_menu_and_panel(addon, tmp_path):
    from layfigure.operators.export import LAYFIGURE_MT_export
    from layfigure.panels.export import LAYFIGURE_PT_export

    assert not bpy.ops.layfigure.export.poll()
    make_avatar(tmp_path / "coat", frames=2)
    import_result(bpy.context, tmp_path / "coat")
    settings = bpy.context.scene.layfigure
    for name in FORMATS:
        settings.export_format = name.upper()
        words = drawn(LAYFIGURE_PT_export)
        assert f"Export {FORMATS[name].label}…" in words
        assert ("Root Motion" in words) == FORMATS[name].skeleton
        assert ("Preset" in words) == (name == "fbx")
    assert "FBX (.fbx)" in drawn(LAYFIGURE_MT_export)
    made = {"GLTF": "coat.glb", "MDD": "cache"}
    for name, file in made.items():
        where = {"filepath": str(tmp_path / file), "format": name}
        assert bpy.ops.layfigure.export(**where, shape_keys="PCA") == {"FINISHED"}
        assert (tmp_path / file).exists()
    with pytest.raises(RuntimeError, match="no such folder"):
        bpy.ops.layfigure.export(filepath=str(tmp_path / "no" / "a.glb"), format="GLTF")
