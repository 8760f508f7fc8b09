"""Which bone of a rig is which of ours: maps of well-known rigs, and a guess for all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import bpy

from ...engine.formats.errors import InputError
from ...engine.formats.joint_words import FINGER, LIMBS, bare, sided
from ...engine.formats.skeleton import BONE_NAMES, MIXAMO_NAMES, UNREAL_NAMES

_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
SPINE = tuple(f"spine_0{k}" for k in range(1, 8))  # from the hips up; as many as a rig has
NECK = ("neck", "neck_02", "neck_03")
# Our bones that a map may name, in the order of a list.
SLOTS: tuple[str, ...] = (
    *("root", "hips", *SPINE, *NECK, "head"),
    *(
        f"{stem}_{side}"
        for side in "LR"
        for stem in (
            *("shoulder", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toes"),
            *(f"{finger}_0{k}" for finger in _FINGERS for k in (1, 2, 3)),
        )
    ),
)
NEEDED: tuple[str, ...] = (
    "hips",
    *(f"{stem}_{s}" for s in "LR" for stem in ("thigh", "shin", "foot", "upper_arm", "forearm")),
)
_LIMB_BONES = {
    **{"hip": "thigh", "knee": "shin", "ankle": "foot", "foot": "toes", "shoulder": "upper_arm"},
    **{"elbow": "forearm", "wrist": "hand", "collar": "shoulder"},
}


@dataclass
class BoneMap:
    """Our bones -> those of a rig, and what has to be switched for them to move it."""

    name: str = ""
    bones: dict[str, str] = field(default_factory=dict)
    # (bone, custom property, value): such as Rigify's IK_FK
    switches: list[tuple[str, str, float]] = field(default_factory=list)

    def on(self, armature: bpy.types.Object) -> BoneMap:
        """What of the map `armature` has."""
        there = armature.pose.bones
        return BoneMap(
            self.name,
            {ours: theirs for ours, theirs in self.bones.items() if theirs in there},
            [s for s in self.switches if s[0] in there and there[s[0]].get(s[1]) is not None],
        )

    def check(self, armature: bpy.types.Object) -> None:
        """Raise InputError where bones are missing without which nobody can dance."""
        bones = armature.pose.bones
        missing = [ours for ours in NEEDED if self.bones.get(ours, "") not in bones]
        if missing:
            raise InputError(
                f"{armature.name}: its bone map names no bone for {', '.join(missing)}.",
                "Choose them in the list Bone Map.",
            )
        seen: dict[str, str] = {}
        for ours, theirs in self.bones.items():
            if theirs in bones and seen.setdefault(theirs, ours) != ours:
                raise InputError(
                    f"{armature.name}: its bone map names {theirs} for both {seen[theirs]} and "
                    f"{ours}.",
                    "Clear one of them in the list Bone Map.",
                )


def _sides(names: Mapping[str, str]) -> dict[str, str]:
    """Both sides of a table whose bones end in Blender's .L."""
    return {f"{ours}_{side}": f"{theirs}.{side}" for side in "LR" for ours, theirs in names.items()}


_RIGIFY_FINGERS = {
    f"{finger}_0{k}": f"{'' if finger == 'thumb' else 'f_'}{finger}.0{k}"
    for finger in _FINGERS
    for k in (1, 2, 3)
}
_FK = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
KNOWN: tuple[BoneMap, ...] = (
    BoneMap("Layfigure", {bone: bone for bone in BONE_NAMES.values() if bone in SLOTS}),
    BoneMap(
        "Rigify",
        {
            # torso carries the pelvis; what lies below the pivot of the spine goes with it
            **{"root": "root", "hips": "torso", "spine_01": "spine_fk.002"},
            **{"spine_02": "spine_fk.003", "neck": "neck", "head": "head"},
            **_sides({"shoulder": "shoulder", "toes": "toe_fk", **_RIGIFY_FINGERS}),
            **_sides({stem: f"{stem}_fk" for stem in _FK}),
        },
        [
            *(
                (f"{limb}_parent.{s}", "IK_FK", 1.0)
                for limb in ("upper_arm", "thigh")
                for s in "LR"
            ),
            *(("torso", "neck_follow", 1.0), ("torso", "head_follow", 1.0)),
        ],
    ),
    BoneMap(
        "Rigify Metarig",
        {
            **{"hips": "spine", "spine_01": "spine.001", "spine_02": "spine.002"},
            **{"spine_03": "spine.003", "neck": "spine.004", "neck_02": "spine.005"},
            "head": "spine.006",
            **_sides({"shoulder": "shoulder", "toes": "toe", **_RIGIFY_FINGERS}),
            **_sides({stem: stem for stem in _FK}),
        },
    ),
    BoneMap("Mixamo", {k: bare(v) for k, v in MIXAMO_NAMES.items() if k in SLOTS}),
    BoneMap(
        "Unreal",
        {
            **UNREAL_NAMES,
            **{"root": "root", "spine_04": "spine_04", "spine_05": "spine_05"},
            "neck_02": "neck_02",
        },
    ),
)


def guess(armature: bpy.types.Object) -> BoneMap:
    """The map of the known rig whose names `armature` bears, else one by what names mean.

    Raises InputError when its names tell nothing.
    """
    names = armature.data.bones.keys()
    by_bare: dict[str, str] = {}
    for name in names:
        by_bare.setdefault(bare(name), name)
    for known in KNOWN:
        # only Mixamo's names come with a prefix, and not always the same
        found = {
            o: by_bare.get(t, t) if known.name == "Mixamo" else t for o, t in known.bones.items()
        }
        found = {ours: theirs for ours, theirs in found.items() if theirs in names}
        if all(ours in found for ours in NEEDED):
            return BoneMap(known.name, found, known.switches).on(armature)
    found = _by_words(armature.data.bones)
    if not found:
        raise InputError(
            f"{armature.name}: the names of its bones tell nothing.",
            "Choose its bones in the list Bone Map, and save that as a preset.",
        )
    return BoneMap("Guessed", found)


def _by_words(bones: bpy.types.ArmatureBones) -> dict[str, str]:
    """Limbs and fingers by their names, the trunk by how they hang together."""
    # of bones alike those that move vertices
    names = [bone.name for bone in sorted(bones, key=lambda b: not b.use_deform)]
    by_side: dict[tuple[str, str], str] = {}
    for row, key in sided(names):
        by_side.setdefault(key, names[row])
    found: dict[str, str] = {}
    for side in ("left", "right"):
        end = side[0].upper()
        for joint, words in LIMBS.items():
            free = (by_side[side, w] for w in words if (side, w) in by_side)
            theirs = next((name for name in free if name not in found.values()), None)
            if theirs is not None:
                found[f"{_LIMB_BONES[joint]}_{end}"] = theirs
        for (other, stem), theirs in by_side.items():
            finger = FINGER.fullmatch(stem)
            if other == side and finger:
                slot = f"{finger[1].replace('little', 'pinky')}_0{finger[2]}_{end}"
                found.setdefault(slot, theirs)
    ends = [f"{stem}_{side}" for stem in ("thigh", "upper_arm") for side in "LR"]
    if all(slot in found for slot in ends):
        found |= _trunk(bones, *(bones[found[slot]] for slot in ends))
    return {slot: found[slot] for slot in SLOTS if slot in found}


def _trunk(
    bones: Iterable[bpy.types.Bone],
    *limbs: bpy.types.Bone,
) -> dict[str, str]:
    """Hips, spine, neck and head, for thighs and upper arms."""
    hips = _meeting(limbs[0], limbs[1])
    chest = _meeting(limbs[2], limbs[3])
    if hips is None or chest is None:
        return {}
    found = {"hips": hips.name}
    up = _between(hips, chest)
    found |= {slot: bone.name for slot, bone in zip(SPINE, up, strict=False)}
    head = next((b for b in bones if bare(b.name).lower() == "head"), None)
    if head is not None and chest in head.parent_recursive:
        found["head"] = head.name
        necks = _between(chest, head)[:-1]
        found |= {slot: bone.name for slot, bone in zip(NECK, necks, strict=False)}
    return found


def _between(low: bpy.types.Bone, high: bpy.types.Bone) -> list[bpy.types.Bone]:
    """The bones above `low` up to `high`, that included."""
    line = [high, *high.parent_recursive]
    return line[: line.index(low)][::-1] if low in line else []


def _meeting(a: bpy.types.Bone, b: bpy.types.Bone) -> bpy.types.Bone | None:
    """The nearest bone that both hang on."""
    other = b.parent_recursive
    return next((bone for bone in a.parent_recursive if bone in other), None)
