"""BVH files: the parser, and skeletons of other names, rest poses, axes and units on our body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from posed import joints_of
from scipy.spatial.transform import Rotation

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import Motion
from layfigure.engine.motion.bvh import Bvh, read_bvh
from layfigure.engine.motion.place import lowest, on_floor
from layfigure.engine.motion.read import read_motion
from synthetic import walking_pose

BODY = load_shipped()
SHARED = Path(__file__).parents[3] / "shared" / "data"
FRAMES = 8
LIMBS = [
    BODY.joint_names.index(f"{side}_{joint}")
    for side in ("left", "right")
    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
]
MIXAMO = {
    **{"pelvis": "mixamorig:Hips", "spine1": "mixamorig:Spine", "spine2": "mixamorig:Spine1"},
    **{"spine3": "mixamorig:Spine2", "neck": "mixamorig:Neck", "head": "mixamorig:Head"},
    **{"{}_collar": "mixamorig:{}Shoulder", "{}_shoulder": "mixamorig:{}Arm"},
    **{"{}_elbow": "mixamorig:{}ForeArm", "{}_wrist": "mixamorig:{}Hand"},
    **{"{}_hip": "mixamorig:{}UpLeg", "{}_knee": "mixamorig:{}Leg"},
    **{"{}_ankle": "mixamorig:{}Foot", "{}_foot": "mixamorig:{}ToeBase"},
    **{"{}_index1": "mixamorig:{}HandIndex1", "{}_thumb2": "mixamorig:{}HandThumb2"},
}
CMU = {
    **{"pelvis": "Hips", "spine1": "Chest", "spine2": "Chest2", "spine3": "Chest3"},
    **{"neck": "Neck", "head": "Head", "{}_collar": "{}Collar", "{}_shoulder": "{}Shoulder"},
    **{"{}_elbow": "{}Elbow", "{}_wrist": "{}Wrist", "{}_hip": "{}Hip", "{}_knee": "{}Knee"},
    **{"{}_ankle": "{}Ankle", "{}_foot": "{}Toe"},
}
BIPED = {
    **{"pelvis": "Bip01 Pelvis", "spine1": "Bip01 Spine", "spine2": "Bip01 Spine1"},
    **{"spine3": "Bip01 Spine2", "neck": "Bip01 Neck", "head": "Bip01 Head"},
    **{"{}_collar": "Bip01 {0[0]} Clavicle", "{}_shoulder": "Bip01 {0[0]} UpperArm"},
    **{"{}_elbow": "Bip01 {0[0]} Forearm", "{}_wrist": "Bip01 {0[0]} Hand"},
    **{"{}_hip": "Bip01 {0[0]} Thigh", "{}_knee": "Bip01 {0[0]} Calf"},
    **{"{}_ankle": "Bip01 {0[0]} Foot", "{}_foot": "Bip01 {0[0]} Toe0"},
}
SMPL = {
    **{name: name for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")},
    **{f"{{}}_{j}": f"Character1_{{}}_{j}" for j in ("collar", "shoulder", "elbow", "wrist")},
    **{f"{{}}_{j}": f"Character1_{{}}_{j}" for j in ("hip", "knee", "ankle", "foot")},
}
SUFFIXED = {
    **{"pelvis": "hips", "spine1": "spine.001", "spine2": "spine.002", "spine3": "chest"},
    **{"neck": "neck", "head": "head", "{}_collar": "clavicle.{0[0]}"},
    **{"{}_shoulder": "upper_arm.{0[0]}", "{}_elbow": "forearm.{0[0]}", "{}_wrist": "hand.{0[0]}"},
    **{"{}_hip": "thigh.{0[0]}", "{}_knee": "shin.{0[0]}", "{}_ankle": "foot.{0[0]}"},
    **{"{}_foot": "toe.{0[0]}"},
}


def names_of(style: dict[str, str]) -> dict[str, str]:
    """Our joint -> theirs, both sides."""
    table = {}
    for ours, theirs in style.items():
        for side in ("Left", "Right"):
            table[ours.format(side.lower())] = theirs.format(side)
    return table


@pytest.fixture(scope="module")
def walked() -> Motion:
    poses = walking_pose(FRAMES).astype(np.float32)
    poses[:, 22:] = 0
    poses[:, BODY.joint_names.index("left_index1"), 2] = -0.5
    poses[:, 0] = (0.1, 0.8, 0.05)
    trans = np.linspace([0.2, 0, 0], [0.2, 0, 0.5], FRAMES).astype(np.float32)
    none = np.zeros(0, np.float32)
    return on_floor(
        Motion(poses.reshape(FRAMES, -1), trans, none, np.zeros((FRAMES, 0)), 25.0), BODY
    )


def write_bvh(
    path: Path,
    motion: Motion,
    style: dict[str, str],
    order: str = "ZXY",
    unit: float = 1.0,
    frames_of: dict[str, Rotation] | None = None,
    world: Rotation | None = None,
) -> Path:
    """`motion` of the shipped body as a BVH file.

    `unit`: length of a metre in the file. `frames_of`: how the joints' own axes are turned against
    the world where nothing is posed, which makes another rest pose. `world`: turns it all.
    """
    names = names_of(style)
    kept = [j for j, name in enumerate(BODY.joint_names) if name in names]
    rest = BODY.joints(BODY.v_template).astype(np.float64)
    own = [(frames_of or {}).get(n, Rotation.identity()) for n in BODY.joint_names]
    world = world or Rotation.identity()
    lines, columns = ["HIERARCHY"], []

    def joint(j: int, holder: int, depth: int) -> None:
        pad = "\t" * depth
        back = own[holder].inv() if holder >= 0 else Rotation.identity()
        offset = back.apply(rest[j] - (rest[holder] if holder >= 0 else rest[j])) * unit
        kind = "ROOT" if holder < 0 else "JOINT"
        lines.append(f"{pad}{kind} {names[BODY.joint_names[j]]}\n{pad}{{")
        lines.append(f"{pad}\tOFFSET {offset[0]:.6f} {offset[1]:.6f} {offset[2]:.6f}")
        channels = [f"{axis}rotation" for axis in order]
        turn = Rotation.from_rotvec(motion.pose_vectors[:, j])
        local = back * turn * own[j]
        if holder < 0:
            channels = [*(f"{axis}position" for axis in "XYZ"), *channels]
            columns.append(world.apply(motion.trans + rest[j]) * unit)
            local = world * local
        columns.append(local.as_euler(order, degrees=True))
        lines.append(f"{pad}\tCHANNELS {len(channels)} {' '.join(channels)}")
        children = [k for k in kept if BODY.parents[k] == j]
        if BODY.joint_names[j].endswith("wrist"):  # fingers hang on joints that are not kept
            children += [k for k in kept if BODY.joint_names[k].endswith("thumb2") and
                         BODY.joint_names[k][0] == BODY.joint_names[j][0]]  # fmt: skip
        for child in children:
            joint(child, j, depth + 1)
        if not children:
            lines.append(f"{pad}\tEnd Site\n{pad}\t{{\n{pad}\t\tOFFSET 0 0.1 0\n{pad}\t}}")
        lines.append(f"{pad}}}")

    joint(0, -1, 0)
    lines += ["MOTION", f"Frames: {len(motion.poses)}", f"Frame Time: {1 / motion.fps:.7f}"]
    lines += [" ".join(f"{x:.6f}" for x in row) for row in np.concatenate(columns, 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "style", [MIXAMO, CMU, BIPED, SMPL, SUFFIXED], ids=["mixamo", "cmu", "biped", "smpl", "suffix"]
)
@pytest.mark.parametrize("order", ["ZXY", "XYZ"])
def test_our_own_skeleton_comes_back(tmp_path, walked, style, order):
    path = write_bvh(tmp_path / "a.bvh", walked, style, order, unit=100.0)
    motion = read_motion(path, BODY)
    assert abs(motion.fps - 25) < 1e-3 and motion.poses.shape == walked.poses.shape
    np.testing.assert_allclose(
        joints_of(motion, BODY)[:, :22], joints_of(walked, BODY)[:, :22], atol=2e-5
    )
    np.testing.assert_allclose(motion.poses[:, :66], walked.poses[:, :66], atol=1e-4)
    if style is MIXAMO:
        index = BODY.joint_names.index("left_index1")
        np.testing.assert_allclose(motion.pose_vectors[:, index, 2], -0.5, atol=1e-4)


def test_a_rest_pose_with_hanging_arms_and_spread_legs(tmp_path, walked):
    """The file's rest pose is another one; the bones of the motion lie where they did."""
    frames_of = {}
    for side, sign in (("left", 1), ("right", -1)):
        down = Rotation.from_euler("z", sign * 80, degrees=True)
        out = Rotation.from_euler("z", -sign * 15, degrees=True)
        frames_of |= {f"{side}_{j}": down for j in ("shoulder", "elbow", "wrist")}
        frames_of |= {f"{side}_{j}": out for j in ("hip", "knee")}
    path = write_bvh(tmp_path / "a.bvh", walked, CMU, frames_of=frames_of)
    error = np.abs(joints_of(read_motion(path, BODY), BODY) - joints_of(walked, BODY))[:, LIMBS]
    assert error.max() < 1e-4


def test_a_rest_pose_in_which_nobody_could_stand(tmp_path, walked):
    """All bones along x, as some programs write; a frame of the motion has to do."""
    rest = BODY.joints(BODY.v_template)
    frames_of = {}
    for j, name in enumerate(BODY.joint_names[:22]):
        child = next((k for k in range(22) if BODY.parents[k] == j), None)
        if child is not None and j:
            bone = rest[child] - rest[j]
            frames_of[name] = Rotation.align_vectors([[1, 0, 0]], [bone])[0].inv()
    path = write_bvh(tmp_path / "a.bvh", walked, MIXAMO, frames_of=frames_of)
    found, true = joints_of(read_motion(path, BODY), BODY), joints_of(walked, BODY)
    assert np.linalg.norm(found - true, axis=-1)[:, LIMBS].max() < 0.08
    # Turns from frame to frame are those of the file, whatever the rest pose was.
    step = (found - found[:1]) - (true - true[:1])
    assert np.abs(step[:, LIMBS]).max() < 0.03


def test_z_up(tmp_path, walked):
    world = Rotation.from_euler("x", 90, degrees=True)
    path = write_bvh(tmp_path / "a.bvh", walked, MIXAMO, world=world)
    np.testing.assert_allclose(
        joints_of(read_motion(path, BODY), BODY)[:, :22], joints_of(walked, BODY)[:, :22], atol=2e-5
    )


def test_channels_are_read_as_they_are_written(tmp_path):
    text = """HIERARCHY
ROOT a {
OFFSET 0 1 0
CHANNELS 6 Zposition Xposition Yposition Yrotation Xrotation Zrotation
JOINT b
{
OFFSET 0 2 0
CHANNELS 1 Zrotation
End Site
{
OFFSET 0 3 0
}
}
}
MOTION
Frames: 1
Frame Time: 0.5
3 1 2 90 0 0 90
"""
    (tmp_path / "a.bvh").write_text(text)
    bvh = read_bvh(tmp_path / "a.bvh")
    assert isinstance(bvh, Bvh) and bvh.names == ["a", "b", ""] and bvh.fps == 2
    _, places = bvh.world()
    # b turns its tip from +y to -x, and a then from -x to +z.
    np.testing.assert_allclose(places[0], [[1, 2, 3], [1, 4, 3], [1, 4, 6]], atol=1e-9)
    np.testing.assert_allclose(bvh.rest(), [[0, 1, 0], [0, 3, 0], [0, 6, 0]])


def test_bad_files(tmp_path, walked):
    good = write_bvh(tmp_path / "good.bvh", walked, MIXAMO).read_text()
    bad = tmp_path / "bad.bvh"
    for change, says in (
        (good[: good.index("MOTION")], "no whole BVH"),
        (good[: len(good) // 2], "bad.bvh"),
        (good[:-80], "cut off"),
        (good.replace("}", "", 1), "brackets"),
        (good.replace("Xrotation", "Qrotation"), "Qrotation"),
        (good.replace("Frame Time: 0.04", "Frame Time: 0.0"), "frame time"),
        (good.replace("Frames: 8", "Frames: x"), "MOTION"),
        (good.replace("LeftUpLeg", "Tentacle"), "left_hip"),
    ):
        assert change != good
        bad.write_text(change)
        with pytest.raises(InputError, match=says) as error:
            read_motion(bad, BODY)
        assert "bad.bvh" in str(error.value)
    assert "Tentacle" in error.value.hint


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public motions are not here")
@pytest.mark.parametrize(("name", "first"), [("jumping_jacks", 0), ("wave_hello", 162)])
def test_the_same_motion_as_bvh_and_as_amass(name, first):
    """Made of each other by another program, turned about the vertical."""
    amass = read_motion(SHARED / "public" / "motions" / f"{name}_poses.npz", BODY)
    bvh = read_motion(SHARED / "bvh" / f"{name}.bvh", BODY, fps=amass.fps)
    true = joints_of(amass, BODY)[:, :22]
    found = joints_of(bvh, BODY)[first : first + len(true), :22]
    a, b = (x.reshape(-1, 3) - x.reshape(-1, 3).mean(0) for x in (found, true))
    flat = (a[:, 0] + 1j * a[:, 2]) * np.exp(
        1j * np.angle(np.vdot(a[:, 0] + 1j * a[:, 2], b[:, 0] + 1j * b[:, 2]))
    )
    error = np.linalg.norm(np.stack([flat.real, a[:, 1], flat.imag], 1) - b, axis=1)
    assert error.mean() < 0.02
    assert abs(found[..., 1].mean() - true[..., 1].mean()) < 0.03
    assert np.abs(lowest(bvh, BODY)).max() < 0.15
