"""Names and order of the 55 joints of SMPL-X, and what other programs call them."""

from __future__ import annotations

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")


def _hand(side: str) -> list[str]:
    return [f"{side}_{finger}{k}" for finger in _FINGERS for k in (1, 2, 3)]


JOINT_NAMES: tuple[str, ...] = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar"),
    *("right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "jaw", "left_eye", "right_eye"),
    *_hand("left"),
    *_hand("right"),
)


def _hand_parents(wrist: int, first: int) -> list[int]:
    return [wrist if k == 0 else first + 3 * f + k - 1 for f in range(5) for k in range(3)]


PARENTS: tuple[int, ...] = (
    *(-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15),
    *_hand_parents(20, 25),
    *_hand_parents(21, 40),
)

_BODY_BONES = {
    "pelvis": "hips",
    "hip": "thigh",
    "knee": "shin",
    "ankle": "foot",
    "foot": "toes",
    "spine1": "spine_01",
    "spine2": "spine_02",
    "spine3": "spine_03",
    "neck": "neck",
    "head": "head",
    "collar": "shoulder",
    "shoulder": "upper_arm",
    "elbow": "forearm",
    "wrist": "hand",
    "jaw": "jaw",
    "eye": "eye",
}


def _bone(joint: str) -> str:
    side, _, rest = joint.partition("_")
    if side not in ("left", "right"):
        return _BODY_BONES[joint]
    stem = f"{rest[:-1]}_0{rest[-1]}" if rest[:-1] in _FINGERS else _BODY_BONES[rest]
    return f"{stem}_{side[0].upper()}"


# Our bone of each joint, Blender's mirror suffix last: left_shoulder -> upper_arm_L.
BONE_NAMES: dict[str, str] = {joint: _bone(joint) for joint in JOINT_NAMES}


def _sided(names: dict[str, str], sides: dict[str, str]) -> dict[str, str]:
    """Expand a table whose names hold a side placeholder {s} to both sides."""
    table = {}
    for ours, theirs in names.items():
        if "{s}" not in theirs:
            table[ours] = theirs
            continue
        for side, word in sides.items():
            table[f"{ours}_{side}"] = theirs.format(s=word)
    return table


# Our bone -> bone of Unreal's mannequin.
UNREAL_NAMES: dict[str, str] = _sided(
    {
        **{"hips": "pelvis", "spine_01": "spine_01", "spine_02": "spine_02"},
        **{"spine_03": "spine_03", "neck": "neck_01", "head": "head"},
        **{"shoulder": "clavicle_{s}", "upper_arm": "upperarm_{s}", "forearm": "lowerarm_{s}"},
        **{"hand": "hand_{s}", "thigh": "thigh_{s}", "shin": "calf_{s}", "foot": "foot_{s}"},
        "toes": "ball_{s}",
        **{f"{f}_0{k}": f"{f}_0{k}_{{s}}" for f in _FINGERS for k in (1, 2, 3)},
    },
    {"L": "l", "R": "r"},
)

# Our bone -> bone of Mixamo, which Unity's humanoid avatar finds by itself.
MIXAMO_NAMES: dict[str, str] = {
    ours: f"mixamorig:{theirs}"
    for ours, theirs in _sided(
        {
            **{"hips": "Hips", "spine_01": "Spine", "spine_02": "Spine1", "spine_03": "Spine2"},
            **{"neck": "Neck", "head": "Head", "shoulder": "{s}Shoulder", "upper_arm": "{s}Arm"},
            **{"forearm": "{s}ForeArm", "hand": "{s}Hand", "thigh": "{s}UpLeg", "shin": "{s}Leg"},
            **{"foot": "{s}Foot", "toes": "{s}ToeBase", "eye": "{s}Eye"},
            **{f"{f}_0{k}": f"{{s}}Hand{f.capitalize()}{k}" for f in _FINGERS for k in (1, 2, 3)},
        },
        {"L": "Left", "R": "Right"},
    ).items()
}
