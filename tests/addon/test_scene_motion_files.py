"""BVH out and in again, by Blender and by the engine's own reader; frames as pose assets."""

import numpy as np
import pytest

from layfigure.addon.scene.bone_maps import guess
from layfigure.addon.scene.bvh_export import export_bvh
from layfigure.addon.scene.bvh_import import bvh_to_character, import_bvh
from layfigure.addon.scene.import_result import import_result
from layfigure.addon.scene.pose_assets import CATALOGS, most_different, pose_assets
from layfigure.addon.scene.retarget import RetargetOptions
from layfigure.addon.scene.retarget_rig import Rig
from layfigure.engine.formats.errors import InputError
from layfigure.engine.motion.bvh import read_bvh
from make_character_rigs import make_mixamo
from scene_helpers import bpy, clean_scene, make_result  # noqa: F401

FRAMES = range(1, 13)


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A made result that walks and waves."""
    folder = tmp_path_factory.mktemp("made") / "walk"
    make_result(folder, len(FRAMES))
    return folder


@pytest.fixture
def walker(walk):
    """Its armature."""
    return import_result(bpy.context, walk).people[0].armature


def places(armature):
    """Its slots' rows and (T, B, 3)."""
    rig = Rig(armature, guess(armature))
    return rig.row, rig.sample(bpy.context, FRAMES).places


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_bvh_is_read_by_others_as_it_is_shown(walker, tmp_path, scale):
    path = tmp_path / "walk.bvh"
    export_bvh(bpy.context, walker, path, FRAMES, scale)
    row, ours = places(walker)
    bvh = read_bvh(path)
    _, joints = bvh.world()
    assert bvh.fps == pytest.approx(30, abs=1e-3) and len(joints) == len(FRAMES)
    for slot, k in row.items():
        theirs = joints[:, bvh.names.index(slot)] / scale
        turned = np.stack([theirs[:, 0], -theirs[:, 2], theirs[:, 1]], -1)
        assert np.abs(turned - ours[:, k]).max() < 1e-4, slot  # m
    other = import_bvh(bpy.context, path)  # Blender's own reader, the unit found by the legs
    found, again = places(other)
    for slot, k in row.items():
        assert np.abs(again[:, found[slot]] - ours[:, k]).max() < 1e-3


def test_bvh_onto_a_character(walker, tmp_path):
    path = tmp_path / "walk.bvh"
    export_bvh(bpy.context, walker, path, FRAMES, 100.0)
    target = make_mixamo()
    before = set(bpy.data.objects)
    options = RetargetOptions(start_frame=5, lock=None)
    done = bvh_to_character(bpy.context, path, target, guess(target), options)
    assert done.frames[0] == 5 and len(done.frames) == len(FRAMES)
    assert set(bpy.data.objects) == before and target.animation_data.action == done.action


def test_a_damaged_bvh_is_refused_and_leaves_nothing(walker, tmp_path):
    path = tmp_path / "walk.bvh"
    export_bvh(bpy.context, walker, path, FRAMES)
    path.write_text(path.read_text()[:-200])
    before = set(bpy.data.objects)
    with pytest.raises(InputError, match="cut off"):
        import_bvh(bpy.context, path)
    path.write_text("nothing")
    with pytest.raises(InputError, match="no whole BVH"):
        import_bvh(bpy.context, path)
    with pytest.raises(InputError, match="cannot be read"):
        import_bvh(bpy.context, tmp_path / "gone.bvh")
    assert set(bpy.data.objects) == before


def test_poses_become_assets_in_a_catalog(walker, tmp_path):
    (tmp_path / CATALOGS).write_text("VERSION 1\n\n1234:Mine:Mine\n")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "poses.blend"))
    playing, bone_map = walker.animation_data.action, guess(walker)
    frames = most_different(bpy.context, walker, bone_map, FRAMES, 4)
    assert len(set(frames)) == 4 and set(frames) <= set(FRAMES)
    made = pose_assets(bpy.context, walker, bone_map, frames)
    text = (tmp_path / CATALOGS).read_text()
    assert "1234:Mine:Mine" in text and "Layfigure/person_00" in text
    assert walker.animation_data.action == playing
    for action in made:
        assert action.asset_data is not None and action.asset_data.catalog_id in text
        assert action.frame_range[0] == action.frame_range[1]
    bpy.context.scene.frame_set(frames[1])
    wanted = walker.pose.bones["upper_arm_L"].rotation_quaternion.copy()
    walker.animation_data.action = made[1]
    bpy.context.scene.frame_set(1)
    assert abs(wanted.dot(walker.pose.bones["upper_arm_L"].rotation_quaternion)) > 1 - 1e-5
    again = pose_assets(bpy.context, walker, bone_map, frames[:1])
    assert again[0].asset_data.catalog_id == made[0].asset_data.catalog_id
