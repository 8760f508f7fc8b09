"""What people call the bones of a person: sides, words, fingers. Of BVH files and of rigs alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Our joint of a side -> what others call it, the surest first. A word can mean two joints (foot,
# shoulder); the joint that stands first here takes it.
LIMBS: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "hip"),
    "knee": ("knee", "lowerleg", "lowleg", "shin", "calf", "leg"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toe", "toes", "ball", "toe0", "foot"),
    "shoulder": ("upperarm", "uparm", "arm", "shldr", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "lowarm"),
    "wrist": ("wrist", "hand"),
    "collar": ("collar", "clavicle", "collarbone", "shoulder"),
}
FINGER = re.compile(
    r"(?:hand|finger|f)?(index|middle|pinky|little|ring|thumb)(?:finger|proximal)?0?([123])"
)
SIDES = {"l": "left", "r": "right"}
_SIDED = (
    re.compile(r"(?P<side>left|right)[ _.-]*(?P<stem>.+)", re.I),
    re.compile(r"(?P<side>l|r)[ _.-]+(?P<stem>.+)", re.I),
    re.compile(r"(?P<stem>.+?)[ _.-]+(?P<side>left|right|l|r)", re.I),
    re.compile(r"(?P<stem>.+)(?P<side>Left|Right)"),
    re.compile(r"(?P<side>[lLrR])(?P<stem>[A-Z].*)"),
    re.compile(r"(?P<side>l|r)(?P<stem>hand|thumb|fingers)"),
)
_PREFIX = re.compile(r"^(?:.*:|bip\d*[ _]|character\d*_|mixamorig\d*_?|def[-_.]|b_)", re.I)


def bare(name: str) -> str:
    """A bone's name without what a program puts before every name: mixamorig:Head is Head."""
    return _PREFIX.sub("", name.strip())


def sided(names: Iterable[str]) -> Iterator[tuple[int, tuple[str, str]]]:
    """(row, (left or right, stem)) of those `names` that tell a side; stems have but a-z0-9."""
    for row, name in enumerate(names):
        for pattern in _SIDED:
            match = pattern.fullmatch(bare(name))
            if match:
                stem = re.sub(r"[^a-z0-9]", "", match["stem"].lower())
                yield row, (SIDES[match["side"][0].lower()], stem)
                break
