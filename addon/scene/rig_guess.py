"""Which bones of a rig are the keypoints of people and animals, by what rigs call them.

The names of Rigify (metarigs and what it generates), MakeHuman, Mixamo, SMAL and our own bodies,
and of most that are in plain English.
"""

from __future__ import annotations

import re

import bpy

from ...engine.formats.animal_names import ORDERS
from ...engine.formats.keypoints import BODY_25
from .rig_body import HEAD, TAIL, Keypoint

VOCABULARIES = {
    "HUMAN": BODY_25,
    "ANIMAL": tuple(dict.fromkeys(name for names in ORDERS.values() for name in names)),
}
# A keypoint, the end of the bone it lies at, and what the bone is called: lower case, without side
# and without what separates words. The first that a rig has is taken.
_HUMAN_SIDES = (
    ("Shoulder", HEAD, "upperarm upperarm01 arm shldr"),
    ("Elbow", HEAD, "forearm lowerarm lowerarm01"),
    ("Wrist", HEAD, "hand wrist"),
    ("Hip", HEAD, "thigh upleg upperleg upperleg01"),
    ("Knee", HEAD, "shin calf lowerleg lowerleg01 leg"),
    ("Ankle", HEAD, "foot ankle"),
    ("BigToe", TAIL, "toe toes toebase ball toe12"),
    ("Heel", HEAD, "heel"),
    ("Eye", HEAD, "eye"),
    ("Ear", HEAD, "ear"),
)
_HUMAN_MIDDLE = (
    ("MidHip", HEAD, "hips pelvis spine root"),
    ("Neck", HEAD, "neck neck01 spine004"),
    ("Nose", TAIL, "nose nose004"),
)
_ANIMAL_SIDES = (
    ("front_shoulder", HEAD, "lleg1 frontthigh frontupperleg frontupleg upperarm"),
    ("front_elbow", HEAD, "lleg2 frontshin frontlowerleg frontleg forearm lowerarm"),
    ("front_knee", HEAD, "lleg3 frontfoot fronthand hand wrist"),
    ("front_paw", HEAD, "lfoot fronttoe frontpaw fronthoof"),
    ("back_hip", HEAD, "llegback1 backthigh hindthigh thigh upleg upperleg"),
    ("back_stifle", HEAD, "llegback2 backshin hindshin shin calf lowerleg leg"),
    ("back_hock", HEAD, "llegback3 backfoot hindfoot foot ankle"),
    ("back_paw", HEAD, "lfootback backtoe hindtoe toe toes toebase backpaw hindpaw"),
    ("ear_base", HEAD, "ear ear1 ear01"),
    ("ear_tip", TAIL, "ear002 ear2 ear02 ear"),
    ("eye", HEAD, "eye"),
)
_ANIMAL_MIDDLE = (
    ("tail_start", HEAD, "tail1 tail01 tail001 tail"),
    ("tail_middle", HEAD, "tail4 tail04 tail003"),
    ("tail_end", HEAD, "tail7 tail07"),
    ("nose", TAIL, "nose snout head"),
    ("chin", TAIL, "chin jaw mouth"),
    ("withers", HEAD, "withers neck neck1 neck01 neck001"),
)
_PREFIX = re.compile(r"^(?:.*:|(?:def|org|bip\d*|cc_base|b)[-_ ])", re.IGNORECASE)
_SIDE = re.compile(r"(?:^|[._\- ])(l|r|left|right)(?=$|[._\- ])", re.IGNORECASE)
_WORD = re.compile(r"(Left|Right)(?=[A-Z]|$)|^(left|right)", re.ASCII)
_SMAL = re.compile(r"^([LR])(Leg|Foot|Ear)")


def guess(armature: bpy.types.Object, vocabulary: str) -> list[Keypoint]:
    """The keypoints of a vocabulary, HUMAN or ANIMAL, whose bones bear usual names.

    Of bones alike the ones that move vertices come first.
    """
    bones: dict[tuple[str, str], str] = {}
    for bone in sorted(armature.data.bones, key=lambda b: not b.use_deform):
        bones.setdefault(_parts(bone.name), bone.name)
    found: list[Keypoint] = []

    def look(name: str, end: str, stems: str, side: str = "") -> None:
        for stem in stems.split():
            if (stem, side) in bones:
                found.append(Keypoint(name, bones[stem, side], end))
                return

    human = vocabulary == "HUMAN"
    for name, end, stems in _HUMAN_MIDDLE if human else _ANIMAL_MIDDLE:
        look(name, end, stems)
    for side, word in (("l", "left_"), ("r", "right_")):
        for name, end, stems in _HUMAN_SIDES if human else _ANIMAL_SIDES:
            look(f"{side.upper()}{name}" if human else f"{word}{name}", end, stems, side)
    order = VOCABULARIES[vocabulary]
    return sorted(found, key=lambda point: order.index(point.name))


def _parts(name: str) -> tuple[str, str]:
    """What a bone is called and its side, l, r or none: DEF-upper_arm.L is upperarm, l."""
    name = _PREFIX.sub("", name)
    if _SMAL.match(name):  # LLeg1, whose twin is RLeg1: the left one stands for both in the lists
        short = name[1:].lower() if name[1:4] == "Ear" else "l" + name[1:].lower()
        return short, name[0].lower()
    for pattern in (_SIDE, _WORD):
        match = pattern.search(name)
        if match:
            side = next(filter(None, match.groups()))[0].lower()
            name = name[: match.start()] + "." + name[match.end() :]
            return re.sub(r"[^a-z0-9]", "", name.lower()), side
    return re.sub(r"[^a-z0-9]", "", name.lower()), ""
