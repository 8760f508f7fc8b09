"""Motions of all origins on the shipped body: AMASS, AIST++, results, folders of poses."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from posed import joints_of
from scipy.spatial.transform import Rotation

from layfigure.engine.bodies.registry import load_body_file, load_shipped
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import Motion, load_motion, save_motion
from layfigure.engine.formats.result import read_result
from layfigure.engine.motion.place import at_rate, lowest, on_floor
from layfigure.engine.motion.read import is_pose_folder, read_motion, read_pose_folder
from official_files import model
from synthetic import walking_pose

BODY = load_shipped()
PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "public"
FRAMES = 6


@pytest.fixture(scope="module")
def walked() -> Motion:
    """The shipped body walks forward on the floor, y up, fingers at rest."""
    poses = walking_pose(FRAMES).astype(np.float32)
    poses[:, 22:] = 0
    poses[:, 0, 1] = 0.4
    trans = np.linspace([0.5, 0, 0], [0.5, 0, 0.3], FRAMES).astype(np.float32)
    motion = Motion(
        poses.reshape(FRAMES, -1), trans, np.zeros(0, np.float32), np.zeros((FRAMES, 0)), 30.0
    )
    return on_floor(motion, BODY)


def z_up(motion: Motion) -> tuple[np.ndarray, np.ndarray]:
    """Root rotations and trans of `motion` in a world whose z points up."""
    turn = Rotation.from_euler("x", 90, degrees=True)
    pelvis = BODY.joints(BODY.v_template)[0]
    root = (turn * Rotation.from_rotvec(motion.poses[:, :3])).as_rotvec()
    return root, turn.apply(motion.trans + pelvis) - pelvis


@pytest.mark.parametrize("columns", [66, 72, 156, 165])
@pytest.mark.parametrize("rate", ["mocap_framerate", "mocap_frame_rate"])
def test_amass_is_turned_upright(tmp_path, walked, columns, rate):
    root, trans = z_up(walked)
    body = walked.poses[:, 3:66]
    poses = np.concatenate([root, body, np.zeros((FRAMES, columns - 66))], 1)
    np.savez(tmp_path / "a.npz", poses=poses, trans=trans, betas=np.ones(16), **{rate: 30.0})
    motion = read_motion(tmp_path / "a.npz", BODY)
    assert motion.fps == 30 and motion.betas.size == 0 and motion.body == BODY.name
    np.testing.assert_allclose(joints_of(motion, BODY), joints_of(walked, BODY), atol=1e-5)


def test_amass_in_parts_and_its_own_word_on_axes(tmp_path, walked):
    np.savez(
        tmp_path / "parts.npz",
        root_orient=walked.poses[:, :3],
        pose_body=walked.poses[:, 3:66],
        trans=walked.trans,
        mocap_frame_rate=30.0,
        up_axis="y",
    )
    motion = read_motion(tmp_path / "parts.npz", BODY)
    np.testing.assert_allclose(joints_of(motion, BODY), joints_of(walked, BODY), atol=1e-5)
    np.savez(tmp_path / "x.npz", poses=walked.poses, trans=walked.trans, up_axis="x")
    with pytest.raises(InputError, match="up_axis"):
        read_motion(tmp_path / "x.npz", BODY)


def test_aist_is_scaled_and_y_up(tmp_path, walked):
    aist = {
        "smpl_poses": np.concatenate([walked.poses[:, :66], np.zeros((FRAMES, 6))], 1),
        "smpl_trans": walked.trans * 92.5,
        "smpl_scaling": np.array([92.5]),
        "smpl_loss": 0.1,
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(aist, protocol=2))
    motion = read_motion(tmp_path / "a.pkl", BODY)
    assert motion.fps == 60
    np.testing.assert_allclose(joints_of(motion, BODY), joints_of(walked, BODY), atol=1e-5)
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"smpl_poses": Path("x")}, protocol=2))
    with pytest.raises(InputError, match="nothing in it was run"):
        read_motion(tmp_path / "evil.pkl", BODY)


def test_a_motion_of_another_body_is_put_on_the_floor(tmp_path, walked):
    lifted = walked.trans + np.array([0, 0.3, 0], np.float32)
    np.savez(tmp_path / "up.npz", poses=walked.poses, trans=lifted, mocap_framerate=30, up_axis="y")
    assert abs(lowest(read_motion(tmp_path / "up.npz", BODY), BODY).min()) < 2e-3
    ours = Motion(walked.poses, lifted, walked.betas, walked.expression, 30.0, BODY.name)
    save_motion(tmp_path / "ours.npz", ours)
    np.testing.assert_allclose(read_motion(tmp_path / "ours.npz", BODY).trans, lifted, atol=1e-6)


def test_between_bodies_of_24_and_55_joints(tmp_path, walked):
    np.savez(tmp_path / "smpl.npz", **model("smpl"))
    small = load_body_file(tmp_path / "smpl.npz")
    np.savez(tmp_path / "a.npz", poses=walked.poses, trans=walked.trans)
    motion = read_motion(tmp_path / "a.npz", small)
    assert motion.poses.shape == (FRAMES, 72) and motion.body == "smpl"
    np.testing.assert_array_equal(motion.poses[:, :66], walked.poses[:, :66])
    pose = np.zeros((1, 72))
    pose[:, 66:69] = 0.2
    np.savez(tmp_path / "hand.npz", pose=pose[0], transl=np.zeros(3))
    full = read_motion(tmp_path / "hand.npz", BODY).pose_vectors
    knuckles = [BODY.joint_names.index(f"left_{f}1") for f in ("index", "thumb", "ring")]
    np.testing.assert_allclose(full[0, knuckles], 0.2, atol=1e-6)


def test_the_result_of_a_fit(fitted):
    result = read_result(fitted)
    for person in result.people:
        theirs = load_motion(person.motion)
        motion = read_motion(fitted, BODY, person=person.name)
        np.testing.assert_array_equal(motion.poses, theirs.poses)
        np.testing.assert_allclose(motion.trans, theirs.trans, atol=1e-6)
        np.testing.assert_array_equal(motion.frame_ids, theirs.frame_ids)
        np.testing.assert_array_equal(motion.expression, theirs.expression)
    first = read_motion(fitted, BODY)
    np.testing.assert_array_equal(first.poses, load_motion(result.people[0].motion).poses)
    file = read_motion(result.people[0].motion, BODY)
    np.testing.assert_array_equal(file.poses, first.poses)
    with pytest.raises(InputError, match="person_00"):
        read_motion(fitted, BODY, person="Ada")


def test_rates(walked):
    double = at_rate(walked, 60.0)
    assert double.fps == 60 and len(double.poses) == 2 * FRAMES - 1
    np.testing.assert_allclose(double.poses[::2], walked.poses, atol=1e-5)
    np.testing.assert_allclose(double.trans[1::2], (walked.trans[1:] + walked.trans[:-1]) / 2)
    half = at_rate(walked, 15.0)
    np.testing.assert_allclose(half.poses, walked.poses[::2], atol=1e-5)
    assert len(half.observed) == len(half.frame_ids) == len(half.poses) == len(half.expression)
    with pytest.raises(InputError, match="rate"):
        at_rate(walked, -1.0)


def test_a_folder_of_poses(tmp_path):
    inner = tmp_path / "test" / "casual"
    inner.mkdir(parents=True)
    (tmp_path / "test" / "minimal.ply").write_bytes(b"ply")
    with pytest.raises(InputError, match="no pose"):
        read_pose_folder(tmp_path / "test", BODY)
    for k in (1, 0):
        np.savez(inner / f"wave_{k}.npz", pose=np.full(72, 0.1 * k), transl=np.full(3, k))
    assert is_pose_folder(tmp_path / "test")
    names, poses, places = read_pose_folder(tmp_path / "test", BODY)
    assert names == ["wave_0", "wave_1"] and poses.shape == (2, 55, 3)
    np.testing.assert_allclose(poses[1, :22], 0.1, rtol=1e-6)
    np.testing.assert_array_equal(places, [[0, 0, 0], [1, 1, 1]])
    with pytest.raises(InputError, match="not the folder of a fit"):
        read_motion(tmp_path / "test", BODY)
    pickled = {"pose": np.zeros(72), "trans": np.ones(3), "betas": np.zeros(10)}
    (inner / "only.pkl").write_bytes(pickle.dumps(pickled, protocol=2))
    assert read_pose_folder(inner, BODY)[0] == ["only"]
    (inner / "only.pkl").unlink()
    np.savez(inner / "long.npz", pose=np.zeros((2, 72)), transl=np.zeros((2, 3)))
    with pytest.raises(InputError, match="2 frames"):
        read_pose_folder(inner, BODY)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"trans": np.zeros((2, 3))}, "holds no poses"),
        ({"poses": np.zeros((2, 70)), "trans": np.zeros((2, 3))}, "70 numbers"),
        ({"poses": np.zeros((2, 72)), "trans": np.zeros((3, 3))}, "do not belong together"),
        ({"poses": np.full((2, 72), np.nan), "trans": np.zeros((2, 3))}, "not a number"),
        ({"poses": np.zeros((0, 72)), "trans": np.zeros((0, 3))}, "no frame"),
        ({"poses": np.zeros((2, 72)), "trans": np.zeros((2, 3)), "fps": 0}, "frame rate"),
        ({"root_orient": np.zeros((2, 3)), "pose_body": np.zeros((2, 60))}, "pose_body"),
        ({"smpl_poses": np.zeros((2, 72)), "smpl_scaling": 0.0}, "smpl_scaling"),
    ],
)
def test_what_is_no_motion(tmp_path, arrays, says):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=says) as error:
        read_motion(path, BODY)
    assert "bad.npz" in str(error.value)


def test_what_is_no_file_of_motion(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_motion(tmp_path / "none.npz", BODY)
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftyp")
    with pytest.raises(InputError, match="no motion"):
        read_motion(tmp_path / "film.mp4", BODY)
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="damaged"):
        read_motion(tmp_path / "cut.npz", BODY)


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public motions are not here")
def test_public_motions_stand_on_the_floor_and_look_ahead():
    for path in sorted((PUBLIC / "motions").iterdir()):
        motion = read_motion(path, BODY, fps=15)
        assert np.abs(np.percentile(lowest(motion, BODY), [2, 20])).max() < 0.05
        joints = joints_of(motion, BODY)
        upright = joints[:, BODY.joint_names.index("head"), 1] - joints[:, 0, 1]
        assert np.median(upright) > 0.4
    folder = PUBLIC / "scans" / "pub_casual" / "test"
    names, poses, places = read_pose_folder(folder, BODY)
    assert len(names) == len(poses) == len(places) == 8
