"""The panel Rigged Body: guess, save, apply."""

import pytest

from addon_helpers import drawn
from layfigure.engine.formats.animal_file import load_animal
from layfigure.panels.rig_body import LAYFIGURE_PT_rig_body
from make_rig import make_tube, new_armature
from rig_result import make_rig_result, random_fit
from scene_helpers import bpy


@pytest.fixture
def tube(addon):
    """A tube on three bones, its armature active."""
    armature, thing = make_tube()
    bpy.context.view_layer.objects.active = armature
    return armature, thing


def test_the_panel_says_what_it_sees(addon):
    assert "Select an armature" in drawn(LAYFIGURE_PT_rig_body)
    armature, thing = make_tube()
    bpy.context.view_layer.objects.active = thing  # its mesh will do as well
    said = drawn(LAYFIGURE_PT_rig_body)
    assert "Tube | Tube mesh" in said and "Shape: Fat, Long, Smile" in said
    armature.layfigure_rig.without_keys = "smile, *at"
    assert "Shape: Long" in drawn(LAYFIGURE_PT_rig_body)
    bpy.data.objects.remove(thing)
    bpy.context.view_layer.objects.active = armature
    assert "It moves no mesh" in drawn(LAYFIGURE_PT_rig_body)


def test_from_keypoints_to_keys(tube, tmp_path):
    armature, thing = tube
    with pytest.raises(RuntimeError, match="none of its bones"):
        bpy.ops.layfigure.rig_guess()
    rig, path = armature.layfigure_rig, tmp_path / "tube.npz"
    with pytest.raises(RuntimeError, match="no keypoint"):
        bpy.ops.layfigure.rig_save(filepath=str(path))
    assert not path.exists()
    for name in ("bottom", "top", "wrong"):
        bpy.ops.layfigure.rig_point()
        rig.points[-1].name, rig.points[-1].bone = name, "bone.2"
    assert rig.active_point == 2
    bpy.ops.layfigure.rig_point(remove=True)
    rig.points["top"].end, rig.points["bottom"].bone = "TAIL", "bone.0"
    rig.without_keys = "smile"
    assert "TAIL" not in drawn(LAYFIGURE_PT_rig_body)
    bpy.ops.layfigure.rig_save(filepath=str(path))
    data = load_animal(path)
    assert bpy.context.scene.layfigure.animal_body == str(path)
    assert data.keypoint_names == ("bottom", "top") and data.shapedirs.shape[-1] == 2
    fit = random_fit(data, frames=2)
    make_rig_result(tmp_path / "fit", data, fit)
    bpy.ops.layfigure.rig_apply(directory=str(tmp_path / "fit"), start_frame=5)
    assert tuple(armature.animation_data.action.frame_range) == (5, 6)
    assert thing.data.shape_keys.key_blocks["Long"].value == pytest.approx(fit.betas[1], abs=1e-6)


def test_selected_vertices_become_a_keypoint(tube, tmp_path):
    armature, thing = tube
    bpy.ops.layfigure.rig_point()
    rig = armature.layfigure_rig
    rig.points[0].name = "rim"
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    for vertex in thing.data.vertices[:12]:
        vertex.select = True
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.layfigure.rig_vertices()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert (rig.points[0].end, rig.points[0].group) == ("GROUP", "keypoint rim")
    bpy.ops.layfigure.rig_save(filepath=str(tmp_path / "tube"))
    assert (load_animal(tmp_path / "tube.npz").keypoints[0] > 0).sum() == 12


def test_guessed_points_join_those_of_the_user(addon):
    bones = ["Hips", "LeftHand", "RightFoot"]
    armature = new_armature(
        "Friend", [(n, (0, 0, k), (0, 0, k + 1), k - 1, False) for k, n in enumerate(bones)]
    )
    armature.layfigure_rig.points.add().name = "my point"
    for _ in range(2):
        bpy.ops.layfigure.rig_guess()
    found = {point.name: point.bone for point in armature.layfigure_rig.points}
    assert found == {"my point": "", "LWrist": "LeftHand", "MidHip": "Hips", "RAnkle": "RightFoot"}
