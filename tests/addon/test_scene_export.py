"""FBX, written by us and read back by Blender."""

import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.export import FORMATS, ExportOptions, export
from layfigure.addon.scene.export_fbx import PRESETS, export_fbx
from layfigure.addon.scene.import_result import import_result
from layfigure.engine.formats.errors import InputError
from scene_helpers import bpy, clean_scene, farthest, make_result, posed_vertices  # noqa: F401

BONES = {
    "generic": ("hips", "upper_arm_L", "index_01_R"),
    "unreal": ("pelvis", "upperarm_l", "index_01_r"),
    "unity": ("mixamorig:Hips", "mixamorig:LeftArm", "mixamorig:RightHandIndex1"),
}


@pytest.mark.parametrize("preset", list(PRESETS))
def test_ten_frames_survive(tmp_path, preset):
    body, motion, _ = make_result(tmp_path / "walk", 24)
    person = import_result(bpy.context, tmp_path / "walk").people[0]
    export_fbx(bpy.context, [person.armature], tmp_path / "walk.fbx", preset)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "walk.fbx"))
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    assert armature.name == (PRESETS[preset].armature or "person_00")
    assert all(name in armature.data.bones for name in BONES[preset])
    assert len(armature.data.bones) == 55
    keys = mesh.data.shape_keys.key_blocks
    assert not any(key.name.startswith("shape_") for key in keys)
    assert len(keys) == 1 + len(body.expression_names)
    first = PRESETS[preset].first_frame
    shift = (1 if first is None else first) + 1  # the importer adds one
    for frame in (0, 2, 5, 7, 10, 13, 16, 19, 21, 23):
        bpy.context.scene.frame_set(frame + shift)
        assert farthest(mesh, posed_vertices(body, motion, frame)) < 1e-3


def test_the_open_file_stays_as_it_was(tmp_path):
    make_result(tmp_path / "walk", 2, texture=True)
    person = import_result(bpy.context, tmp_path / "walk").people[0]
    bpy.data.objects.new("root", None)  # a name that the Unreal preset wants
    bpy.context.scene.frame_set(2)
    before = _state(person)
    for preset in PRESETS:
        export_fbx(bpy.context, [person.armature], tmp_path / "walk.fbx", preset)
    for name, form in FORMATS.items():
        path = tmp_path / (name if form.folder else f"walk{form.ending}")
        options = ExportOptions(name, keys="none", root_motion="root")
        export(bpy.context, [person.armature], path, options)
    assert _state(person) == before


def _state(person):
    kinds = ("objects", "scenes", "actions", "meshes", "armatures", "shape_keys", "images")
    names = {kind: sorted(t.name for t in getattr(bpy.data, kind)) for kind in kinds}
    keys = person.mesh.data.shape_keys.key_blocks
    points = np.empty(len(person.mesh.data.vertices) * 3, np.float32)
    keys[0].points.foreach_get("co", points)
    return (
        *(names, points.tobytes(), [key.name for key in keys], [key.value for key in keys]),
        *(bpy.context.scene.name, bpy.context.scene.frame_current),
        [thing.name for thing in bpy.context.selected_objects],
        [bone.name for bone in person.armature.data.bones],
        [group.name for group in person.mesh.vertex_groups],
        person.armature.animation_data.action.name,
        [curve.data_path for curve in compat.fcurves(person.armature)],
        person.mesh.data.materials[0].node_tree.nodes.active.image.name,
    )


def test_several_people_in_one_file(tmp_path):
    make_result(tmp_path / "walk", 4)
    people = [import_result(bpy.context, tmp_path / "walk").people[0] for _ in range(2)]
    export_fbx(bpy.context, [p.armature for p in people], tmp_path / "two.fbx")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "two.fbx"))
    names = sorted(thing.name for thing in bpy.data.objects if thing.type == "ARMATURE")
    assert names == ["person_00", "person_00.001"]


def test_nothing_to_export(tmp_path):
    with pytest.raises(InputError, match="Nothing to export"):
        export_fbx(bpy.context, [], tmp_path / "x.fbx")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path):
    make_result(tmp_path / "walk", 2)
    armature = import_result(bpy.context, tmp_path / "walk").people[0].armature
    (tmp_path / "file").write_text("in the way")
    objects = len(bpy.data.objects)
    with pytest.raises(InputError, match="cannot be written"):
        export_fbx(bpy.context, [armature], tmp_path / "file" / "x.fbx")
    assert len(bpy.data.objects) == objects
