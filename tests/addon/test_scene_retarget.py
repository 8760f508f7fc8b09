"""Motion of a result on other armatures, measured on what Blender shows."""

import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.bone_maps import KNOWN, BoneMap, guess
from layfigure.addon.scene.bone_maps_file import load_preset, presets, save_preset
from layfigure.addon.scene.foot_contacts import FootOptions, contacts, skate
from layfigure.addon.scene.foot_lock_keys import lock_feet
from layfigure.addon.scene.import_result import import_result
from layfigure.addon.scene.retarget import IN_PLACE, RetargetOptions, retarget
from layfigure.addon.scene.retarget_maths import shared, swing, unit
from layfigure.addon.scene.retarget_rig import Rig
from layfigure.addon.scene.smooth_motion import gaussian, smooth_motion
from layfigure.engine.formats.errors import InputError
from make_character_rigs import make_mixamo, make_unreal
from make_rig import new_armature
from scene_helpers import bpy, clean_scene, make_result  # noqa: F401

FRAMES = range(1, 17)
FREE = RetargetOptions(lock=None)
LIMBS = (
    *(("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot")),
    *(("index_01", "index_02"), ("pinky_02", "pinky_03"), ("hand", "middle_01")),
)


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


def seen(armature):
    """The rig, and its motion."""
    rig = Rig(armature, guess(armature))
    return rig, rig.sample(bpy.context, FRAMES)


def ways(armature):
    """(T, 14, 3) the directions of its limbs and of a few fingers."""
    rig, motion = seen(armature)
    pairs = [(rig.row[f"{a}_{s}"], rig.row[f"{b}_{s}"]) for s in "LR" for a, b in LIMBS]
    return np.stack([unit(motion.places[:, b] - motion.places[:, a]) for a, b in pairs], 1)


def on(source, target, options=FREE):
    """`source` retargeted onto `target`."""
    maps = (guess(source), guess(target))
    return retarget(bpy.context, source, target, maps, FRAMES, options)


def test_a_copy_of_the_rig_moves_the_same(walker, walk):
    twin = import_result(bpy.context, walk).people[0].armature
    old = twin.animation_data.action
    twin.location = (2, 0, 0.5)
    done = on(walker, twin)
    (_, first), (_, second) = seen(walker), seen(twin)
    assert np.abs(second.places - first.places - (2, 0, 0.5)).max() < 1e-3
    np.testing.assert_allclose(second.turns, first.turns, atol=1e-4)
    assert done.action == twin.animation_data.action and done.action.name.startswith("person_00 on")
    assert old.use_fake_user and any("kept" in note for note in done.notes)


@pytest.mark.parametrize(
    ("make", "mode"),
    [(make_mixamo, "QUATERNION"), (make_unreal, "ZXY"), (make_unreal, "AXIS_ANGLE")],
)
def test_limbs_point_alike_on_other_rests(walker, make, mode):
    target = make()
    for bone in target.pose.bones:
        bone.rotation_mode = mode
    on(walker, target)
    cosine = (ways(walker) * ways(target)).sum(-1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.5


def test_a_turned_target_walks_its_own_way(walker):
    target = make_mixamo()
    target.rotation_euler[2] += np.pi / 2  # about world z: the object lies on its back in itself
    target.rotation_mode = "XYZ"
    bpy.context.view_layer.update()
    on(walker, target)
    _, ours = seen(walker)
    rig, theirs = seen(target)
    way, other = (m.places[-1, 0] - m.places[0, 0] for m in (ours, theirs))
    turned = np.array([-way[1], way[0], way[2]])
    assert (unit(turned) * unit(other)).sum() > 0.999


def test_in_place_and_start_frame(walker):
    target = make_mixamo()
    done = on(walker, target, RetargetOptions(start_frame=101, root=IN_PLACE))
    assert done.frames.tolist() == list(range(101, 117))
    rig = Rig(target, guess(target))
    places = rig.sample(bpy.context, done.frames).places
    middle = (places[:, rig.row["thigh_L"]] + places[:, rig.row["thigh_R"]]) / 2
    assert np.ptp(middle[:, :2], axis=0).max() < 1e-4 and np.ptp(middle[:, 2]) > 1e-3


def test_bones_beyond_the_map_stay_and_wrong_input_changes_nothing(walker):
    target = make_unreal()
    target.pose.bones["head"].rotation_quaternion = (0.9, 0.4359, 0, 0)
    headless = guess(target)
    del headless.bones["head"]
    before = len(bpy.data.actions)
    with pytest.raises(InputError, match="same armature"):
        retarget(bpy.context, target, target, (headless, headless), FRAMES)
    legless = BoneMap("", {k: v for k, v in headless.bones.items() if k != "shin_L"})
    with pytest.raises(InputError, match="no bone for shin_L"):
        retarget(bpy.context, walker, target, (guess(walker), legless), FRAMES)
    assert len(bpy.data.actions) == before and target.animation_data is None
    retarget(bpy.context, walker, target, (guess(walker), headless), FRAMES)
    assert target.pose.bones["head"].rotation_quaternion[1] == pytest.approx(0.4359)


def test_feet_that_stand_do_not_slide(walker):
    # the made walk slides as it likes: hold the feet where they are slow
    feet = FootOptions(height=0.2, speed=2.0, blend=2)
    rig, motion = seen(walker)
    lengths = _lengths(rig, motion)
    before, after = lock_feet(bpy.context, walker, guess(walker), FRAMES, feet)
    rig, locked = seen(walker)
    assert before > 1 and after < 0.35 * before
    np.testing.assert_allclose(_lengths(rig, locked), lengths, atol=1e-4)
    others = [row for slot, row in rig.row.items() if slot.startswith(("upper", "hand", "head"))]
    np.testing.assert_allclose(locked.places[:, others], motion.places[:, others], atol=1e-5)
    for side in "LR":  # what the operator says is what Blender shows
        rows = [rig.row[f"foot_{side}"], rig.row[f"toes_{side}"]]
        standing = contacts(motion.places[:, rows], 30, feet)
        assert skate(locked.places[:, rows], standing) < skate(motion.places[:, rows], standing)


def _lengths(rig, motion):
    legs = [rig.row[f"{stem}_L"] for stem in ("thigh", "shin", "foot", "toes")]
    return np.linalg.norm(np.diff(motion.places[:, legs], axis=1), axis=-1)


def test_smoothing_takes_noise_away_and_meets_the_rest(walker):
    rng = np.random.default_rng(0)
    for curve in compat.fcurves(walker):
        if "upper_arm_L" in curve.data_path:
            for key in curve.keyframe_points:
                key.co[1] += rng.normal(0, 0.02)
            curve.update()
    noisy = ways(walker)
    done = smooth_motion(bpy.context, walker, guess(walker), range(3, 15), strength=1.5)
    assert done.jerk[1] < 0.8 * done.jerk[0] and done.skate is None
    smooth, ends = ways(walker), [0, 1, 2, 13, 14, 15]
    np.testing.assert_allclose(smooth[ends], noisy[ends], atol=1e-3)
    before, after = (np.abs(np.diff(w[5:12, 0], 2, axis=0)).mean() for w in (noisy, smooth))
    assert after < 0.4 * before


def test_maps_of_known_rigs_are_guessed():
    assert guess(make_mixamo()).name == "Mixamo"
    assert guess(make_unreal()).name == "Unreal"
    for known in KNOWN:  # bones in a row are enough for names
        rows = [
            (n, (0, 0, k), (0, 0, k + 1), -1, False) for k, n in enumerate(known.bones.values())
        ]
        found = guess(new_armature(known.name, rows))
        assert found.bones == known.bones and found.name == known.name


def test_a_map_is_guessed_by_what_names_mean():
    rig = make_unreal()
    words = {"upperarm": "Arm", "lowerarm": "Elbow", "thigh": "UpLeg", "calf": "Knee"}
    for bone in rig.data.bones:
        stem, _, side = bone.name.rpartition("_")
        if stem in words:
            bone.name = f"{'Left' if side == 'l' else 'Right'}{words[stem]}"
        elif bone.name in ("pelvis", "spine_01"):
            bone.name = {"pelvis": "Base", "spine_01": "Belly"}[bone.name]
    found = guess(rig)
    assert found.name == "Guessed"
    assert found.bones["hips"] == "Base" and found.bones["spine_01"] == "Belly"
    assert found.bones["upper_arm_L"] == "LeftArm" and found.bones["shin_R"] == "RightKnee"
    assert found.bones["toes_L"] == "ball_l" and found.bones["index_02_R"] == "index_02_r"
    with pytest.raises(InputError, match="tell nothing"):
        guess(new_armature("odd", [("bone", (0, 0, 0), (0, 0, 1), -1, False)]))


def test_presets_are_kept_and_damage_is_said(tmp_path):
    bone_map = BoneMap("my hero", {"hips": "Root", "head": "Kopf"}, [("Root", "IK_FK", 1.0)])
    path = save_preset(tmp_path / "maps", bone_map)
    assert presets(tmp_path / "maps") == ["my hero"] and load_preset(path) == bone_map
    path.write_text(path.read_text()[:30])
    with pytest.raises(InputError, match="no bone map"):
        load_preset(path)
    with pytest.raises(InputError, match="name of a file"):
        save_preset(tmp_path, BoneMap("../x", {}))


def test_a_turn_is_shared_along_spines_of_any_length():
    def about_x(angle):
        return swing(np.array([0, 1.0, 0]), np.array([0, np.cos(angle), np.sin(angle)]))[None]

    line, still = [about_x(a) for a in (0.2, 0.4, 0.6)], about_x(0.0)
    for wanted, angles in ((2, (0.3, 0.6)), (3, (0.2, 0.4, 0.6)), (4, (0.15, 0.3, 0.45, 0.6))):
        found = shared(line, wanted, still)
        np.testing.assert_allclose(
            np.stack(found), np.stack([about_x(a) for a in angles]), atol=1e-6
        )


def test_a_steady_way_stays_steady_when_smoothed():
    line = np.linspace(0, 3, 20)[:, None] * (1.0, 2.0)
    np.testing.assert_allclose(gaussian(line, 2.0), line, atol=1e-9)
