"""Rigs of others as bodies, and motions keyed on them, against Blender's own evaluation."""

import numpy as np
import pytest
import torch

from layfigure.addon import compat
from layfigure.addon.scene.rig_body import GROUP, HEAD, TAIL, Keypoint, RigOptions, read_rig
from layfigure.addon.scene.rig_guess import VOCABULARIES, guess
from layfigure.addon.scene.rig_keys import key_rig
from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.formats.animal_file import load_animal, save_animal
from layfigure.engine.formats.errors import InputError
from make_rig import make_mannequin, make_tube, new_armature, shown_vertices
from rig_result import fitted_vertices, make_rig_result, random_fit
from scene_helpers import bpy, clean_scene  # noqa: F401

POINTS = [Keypoint("bottom", "bone.0"), Keypoint("top", "bone.2", TAIL)]
NO_SMILE = RigOptions(without_keys=("smile",))


def saved(tmp_path, armature, points=POINTS, options=NO_SMILE):
    """The rig's body as it comes out of its file."""
    save_animal(tmp_path / "rig.npz", read_rig(armature, points, options).data)
    return load_animal(tmp_path / "rig.npz")


def test_a_tube_is_a_body(tmp_path):
    armature, thing = make_tube()
    thing.data.shape_keys.key_blocks["Smile"].value = 0.25  # left out: it stays
    data = saved(tmp_path, armature)
    assert data.kind == "rig" and data.joint_names == ("bone.0", "bone.1", "bone.2")
    assert data.parents.tolist() == [-1, 0, 1]
    assert data.shape_std.tolist() == [0.5, 0.5] and data.families == data.limb_scales == ()
    assert len(data.faces) == 2 * len(thing.data.polygons) and data.vt.shape[1] == 2
    np.testing.assert_allclose(data.weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(data.J_regressor.sum(1), 1, atol=1e-5)
    turn = np.array(armature.matrix_world)[:3, :3]
    heads = np.array([bone.head_local for bone in armature.data.bones]) @ turn.T
    heads = heads[:, [1, 0, 2]] * (-1, 1, 1)  # it faces -Y: x of the animal is that
    np.testing.assert_allclose(data.J_regressor @ data.v_template, heads, atol=1e-6)


@pytest.mark.parametrize("facing", ["-Y", "+X", "+Y", "-X"])
def test_keyed_motion_is_the_fits(tmp_path, facing):
    armature, thing = make_tube(bones=4)
    options = RigOptions(facing, ("smile",))
    data = saved(tmp_path, armature, [Keypoint("top", "bone.3", TAIL)], options)
    fit = random_fit(data, frames=5)
    make_rig_result(tmp_path / "fit", data, fit)
    made = key_rig(bpy.context, armature, tmp_path / "fit", options, start_frame=11)
    assert made.frames.tolist() == [11, 12, 13, 14, 15]
    for frame in (0, 2, 4):
        bpy.context.scene.frame_set(11 + frame)
        np.testing.assert_allclose(
            shown_vertices(thing), fitted_vertices(data, fit, frame), atol=1e-4
        )
    assert thing.data.shape_keys.key_blocks["Fat"].value == pytest.approx(fit.betas[0], abs=1e-6)
    assert any("shape keys" in note for note in made.notes)


def test_points_stay_on_their_bones_in_every_pose(tmp_path):
    armature, _ = make_tube(bones=3, rings=60, around=16)
    data = saved(tmp_path, armature)
    fit, body = random_fit(data, frames=4), AnimalBody(data)
    pose, still = torch.tensor(fit.pose), torch.zeros(4, 3)
    vertices, joints = body(torch.zeros(1, 2), None, pose, still)
    rest = body.shaped(torch.zeros(1, 2))
    turns, places = body.chain(_matrices(pose), (body.regressor @ rest).expand(4, -1, -1))
    assert (joints - places).abs().max() < 0.004  # of a tube 0.5 m tall, bent by half a radian
    top = torch.tensor(data.keypoints[1] @ data.v_template) - (body.regressor @ rest)[0, 2]
    top = places[:, 2] + turns[:, 2] @ top
    assert (body.keypoints(vertices)[:, 1] - top).abs().max() < 0.004


def _matrices(pose):
    from layfigure.engine.geometry.rotations import axis_angle_to_matrix

    return axis_angle_to_matrix(pose)


def test_joints_follow_the_shape(tmp_path):
    armature, _ = make_tube()
    data = saved(tmp_path, armature)
    long = data.J_regressor @ data.shapedirs[:, :, 1]
    heads = data.J_regressor @ data.v_template
    np.testing.assert_allclose(long[:, 2], 0.3 * heads[:, 2], atol=1e-3)


def test_a_mannequin_of_rigify(tmp_path):
    armature, thing = make_mannequin()
    armature.location = (1, 2, 0)
    armature.pose.bones["root"].location = (0.3, 0, 0)  # an artist's pose, and an action
    armature.keyframe_insert('pose.bones["root"].location', frame=1)
    points = guess(armature, "HUMAN")
    assert {p.name for p in points} >= {"Neck", "MidHip", "LWrist", "RKnee", "LBigToe"}
    data = saved(tmp_path, armature, points, RigOptions())
    assert dict(zip(data.joint_names, data.parents, strict=True))["DEF-thigh.L"] == 0
    assert np.ptp(data.v_template, axis=0)[2] == pytest.approx(1.97, abs=0.05)
    fit = random_fit(data, frames=3)
    make_rig_result(tmp_path / "fit", data, fit)
    made = key_rig(bpy.context, armature, tmp_path / "fit")
    for frame in range(3):
        bpy.context.scene.frame_set(1 + frame)
        np.testing.assert_allclose(
            shown_vertices(thing), fitted_vertices(data, fit, frame), atol=1e-4
        )
    said = " ".join(made.notes)
    assert "constraints" in said and "bendy" in said and "stashed" in said
    assert [track.mute for track in armature.animation_data.nla_tracks] == [True]
    assert len(compat.fcurves(armature)) > 4 * len(data.joint_names)


def test_guesses_for_other_rigs():
    mixamo = ["mixamorig:Hips", "mixamorig:LeftArm", "mixamorig:LeftForeArm", "mixamorig:RightLeg"]
    chain = [(n, (0, 0, k), (0, 0, k + 1), k - 1, False) for k, n in enumerate(mixamo)]
    found = {p.name: p.on for p in guess(new_armature("Mixamo", chain), "HUMAN")}
    assert found == dict(zip(("MidHip", "LShoulder", "LElbow", "RKnee"), mixamo, strict=True))
    smal = ["LLeg1", "RFoot", "LLegBack3", "RFootBack", "Tail1", "LEar", "Neck"]
    chain = [(n, (0, 0, k), (0, 0, k + 1), k - 1, False) for k, n in enumerate(smal)]
    found = {p.name: p.on for p in guess(new_armature("Smal", chain), "ANIMAL")}
    assert found["left_front_shoulder"] == "LLeg1" and found["right_front_paw"] == "RFoot"
    assert found["left_back_hock"] == "LLegBack3" and found["right_back_paw"] == "RFootBack"
    assert found["left_ear_base"] == "LEar" and found["withers"] == "Neck"
    assert set(found) <= set(VOCABULARIES["ANIMAL"])


def test_keypoints_on_vertex_groups():
    armature, thing = make_tube()
    thing.vertex_groups.new(name="rim").add(list(range(12)), 0.5, "REPLACE")
    data = read_rig(armature, [Keypoint("rim", "rim", GROUP)]).data
    np.testing.assert_allclose(data.keypoints[0][:12], 1 / 12, atol=1e-6)
    with pytest.raises(InputError, match="vertex group 'none'"):
        read_rig(armature, [Keypoint("rim", "none", GROUP)])


def test_several_roots_get_the_bone_above_them():
    armature, thing = make_tube()
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    edit = armature.data.edit_bones
    edit["bone.1"].use_connect = False
    edit["bone.1"].parent = None
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(InputError, match=r"several roots \(bone.0, bone.1\)"):
        read_rig(armature, POINTS)
    bpy.ops.object.mode_set(mode="EDIT")
    edit = armature.data.edit_bones
    ground = edit.new("ground")
    ground.head, ground.tail, ground.use_deform = (0, 0, -0.1), (0, 0.3, -0.1), False
    edit["bone.0"].parent = edit["bone.1"].parent = ground
    bpy.ops.object.mode_set(mode="OBJECT")
    body = read_rig(armature, POINTS)
    assert body.data.joint_names[0] == "ground" and body.data.parents.tolist() == [-1, 0, 0, 2]
    assert any("ground moves no vertex" in note for note in body.notes)


def _scaled(armature, thing):
    armature.scale = (1, 2, 1)


def _negative(armature, thing):
    armature.scale = (-0.5, -0.5, -0.5)


def _no_weights(armature, thing):
    thing.vertex_groups.clear()


def _no_mesh(armature, thing):
    bpy.data.objects.remove(thing)


def _same_place(armature, thing):
    _edit(armature, ("twin", "bone.1", None))
    thing.vertex_groups.new(name="twin").add([0], 1.0, "REPLACE")


def _circle(armature, thing):
    # each hangs on an unmoving bone along which the other lies
    _edit(armature, ("org.1", "bone.1", "bone.2"), ("org.2", "bone.2", "bone.1"))


def _edit(armature, *bones):
    """Add bones (name, the one they lie along, what hangs on them)."""
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    edit = armature.data.edit_bones
    for name, along, child in bones:
        bone = edit.new(name)
        bone.head, bone.tail = edit[along].head, edit[along].tail
        bone.use_deform = child is None
        if child:
            edit[child].use_connect = False
            edit[child].parent = bone
    bpy.ops.object.mode_set(mode="OBJECT")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_scaled, "not uniform"),
        (_negative, "negative"),
        (_no_weights, "no vertex of its meshes has a weight"),
        (_no_mesh, "moves no mesh"),
        (_same_place, "bone.1 and twin lie at one place"),
        (_circle, "in a circle"),
    ],
)
def test_what_cannot_be_a_body_is_told(spoil, words):
    armature, thing = make_tube()
    spoil(armature, thing)
    bpy.context.view_layer.update()
    with pytest.raises(InputError, match=words):
        read_rig(armature, POINTS)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "no keypoint"),
        ([Keypoint("top", "gone")], "bone 'gone'"),
        ([Keypoint("top", "bone.0"), Keypoint("top", "bone.1", HEAD)], "two keypoints"),
        ([Keypoint("", "bone.0")], "no name"),
    ],
)
def test_wrong_keypoints_are_told(points, words):
    armature, _ = make_tube()
    with pytest.raises(InputError, match=words):
        read_rig(armature, points)


def test_a_fit_of_another_rig_changes_nothing(tmp_path):
    armature, thing = make_tube()
    data = saved(tmp_path, armature)
    make_rig_result(tmp_path / "fit", data, random_fit(data, frames=2))
    other, _ = make_tube(bones=2, name="Other")
    with pytest.raises(InputError, match="no such bone"):
        key_rig(bpy.context, other, tmp_path / "fit", NO_SMILE)
    armature.rotation_euler.z += 0.3
    bpy.context.view_layer.update()
    with pytest.raises(InputError, match="does not lie as"):
        key_rig(bpy.context, armature, tmp_path / "fit", NO_SMILE)
    assert not armature.animation_data and not other.animation_data
    assert thing.data.shape_keys.key_blocks["Fat"].value == 0
