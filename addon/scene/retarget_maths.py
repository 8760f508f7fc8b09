"""How one skeleton turns as another: rests brought into one stance, turns shared along a spine.

numpy only. World axes of Blender: z up. A skeleton is told by where its joints lie, by our names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .axes import continuous, matrix_to_quaternion
from .bone_maps import SPINE

Places = Mapping[str, np.ndarray]  # our bone -> (3,) metres, where it begins
_UP = np.array([0.0, 0.0, 1.0])
# bone, the next one, the one whose alignment it starts from
_LIMBS = (
    *(("thigh", "shin", ""), ("shin", "foot", "thigh")),
    *(("upper_arm", "forearm", ""), ("forearm", "hand", "upper_arm")),
)
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) of length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def frame(along: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """(..., 3, 3) axes as columns: `along`, what of `beside` is square to it, and their cross."""
    x = unit(along)
    y = unit(beside - (beside * x).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], -1)


def swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(..., 3, 3) the least rotation that lays the directions `start` (..., 3) along `end`."""
    a, b = np.broadcast_arrays(unit(start), unit(end))
    cross = np.cross(a, b)
    flat = np.linalg.norm(cross, axis=-1, keepdims=True) < 1e-9
    # any axis will do where they lie on one line; there it turns by nothing or by half
    other = np.eye(3)[np.abs(a).argmin(-1)]
    beside = np.where(flat, np.cross(a, other), cross)
    first = frame(a, np.cross(beside, a))
    second = frame(b, np.cross(beside, b))
    return second @ first.swapaxes(-1, -2)


def facing(at: Places) -> np.ndarray:
    """(3, 3) left, front and up, as columns, of somebody who stands upright."""
    left = at["thigh_L"] - at["thigh_R"] + at["upper_arm_L"] - at["upper_arm_R"]
    left = unit(left * (1, 1, 0))
    return np.stack([left, np.cross(left, _UP), _UP], 1)


def upright(at: Places) -> float:
    """1 for a body that stands straight, less for one that does not: the worst of its bones."""
    trunk = unit(middle(at, "upper_arm") - middle(at, "thigh"))
    worst = float(trunk @ _UP)
    for side in "LR":
        for bone, after, _ in _LIMBS:
            down = unit(at[f"{bone}_{side}"] - at.get(f"{after}_{side}", at[f"{bone}_{side}"]))
            arm = bone in ("upper_arm", "forearm")  # anywhere but straight up
            worst = min(worst, float(down @ _UP) + (1.7 if arm else 0.0))
    return worst


def middle(at: Places, stem: str) -> np.ndarray:
    """Between the left and the right of a bone."""
    return (at[f"{stem}_L"] + at[f"{stem}_R"]) / 2


def leg_length(at: Places) -> float:
    """Metres, thigh and shin, the mean of both legs."""
    pairs = [(f"{a}_{s}", f"{b}_{s}") for s in "LR" for a, b, _ in _LIMBS[:2]]
    return float(sum(np.linalg.norm(at[a] - at[b]) for a, b in pairs)) / 2


def stance(ours: Places, theirs: Places) -> dict[str, np.ndarray]:
    """How each bone (3, 3) of the skeleton `theirs` turns from its rest until it stands as `ours`.

    `theirs` faces as `ours` does. Limbs and fingers are laid along those of `ours`, hands as their
    knuckles lie, feet where they point but level as they rest; all else stays.
    """
    still = np.eye(3)
    turns: dict[str, np.ndarray] = dict.fromkeys(theirs, still)

    def lay(bone: str, after: str, start: np.ndarray) -> None:
        turns[bone] = start
        if all(name in at for at in (ours, theirs) for name in (bone, after)):
            way = theirs[after] - theirs[bone]
            turns[bone] = swing(start @ way, ours[after] - ours[bone]) @ start

    for side in "LR":
        for bone, after, holder in _LIMBS:
            start = turns.get(f"{holder}_{side}", still) if holder else still
            lay(f"{bone}_{side}", f"{after}_{side}", start)
        hand = turns[f"hand_{side}"] = _hand(ours, theirs, side, turns[f"forearm_{side}"])
        for finger in _FINGERS:
            start = hand
            for k in (1, 2):
                lay(f"{finger}_0{k}_{side}", f"{finger}_0{k + 1}_{side}", start)
                start = turns[f"{finger}_0{k}_{side}"]
            turns[f"{finger}_03_{side}"] = start
        turns[f"foot_{side}"] = turns[f"toes_{side}"] = _foot(ours, theirs, side)
    return {bone: turns[bone] for bone in theirs}


def _hand(ours: Places, theirs: Places, side: str, start: np.ndarray) -> np.ndarray:
    wrist, ends = f"hand_{side}", [f"{finger}_01_{side}" for finger in ("middle", "index", "pinky")]
    if not all(name in at for at in (ours, theirs) for name in (wrist, *ends)):
        return start
    a, b = (frame(at[ends[0]] - at[wrist], at[ends[1]] - at[ends[2]]) for at in (theirs, ours))
    return b @ a.T


def _foot(ours: Places, theirs: Places, side: str) -> np.ndarray:
    ankle, toes = f"foot_{side}", f"toes_{side}"
    if not all(name in at for at in (ours, theirs) for name in (ankle, toes)):
        return np.eye(3)
    level = np.array([1.0, 1.0, 0.0])
    return swing((theirs[toes] - theirs[ankle]) * level, (ours[toes] - ours[ankle]) * level)


def quaternion_to_matrix(quaternions: np.ndarray) -> np.ndarray:
    """(..., 4), of any length but 0, real part first, to (..., 3, 3)."""
    w, x, y, z = np.moveaxis(
        quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0
    )
    rows = [
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    ]
    return np.stack(rows, -1).reshape(*quaternions.shape[:-1], 3, 3)


def to_quaternions(turns: np.ndarray) -> np.ndarray:
    """(T, 3, 3) to (T, 4), without jumps of sign."""
    return continuous(matrix_to_quaternion(turns))


def between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """(T, 3, 3) the part `share`, 0 to 1, of the way from `a` to `b` (T, 3, 3)."""
    if share < 1e-6 or share > 1 - 1e-6:
        return a if share < 0.5 else b
    first, second = matrix_to_quaternion(a), matrix_to_quaternion(b)
    cosine = (first * second).sum(-1, keepdims=True)
    second, cosine = np.where(cosine < 0, -second, second), np.abs(cosine)
    angle = np.arccos(np.minimum(cosine, 1 - 1e-9))
    mixed = np.sin((1 - share) * angle) * first + np.sin(share * angle) * second
    return quaternion_to_matrix(mixed)


def shared(
    line: Sequence[np.ndarray], wanted: int, start: np.ndarray | None = None
) -> list[np.ndarray]:
    """The turns (T, 3, 3) of `wanted` bones for those of the bones `line`, from below up.

    The last turns as the last; the others have their share of the way there from `start`.
    """
    if start is None or not line:
        return [line[-1]] * wanted if line else []
    steps, count = [start, *line], len(line)
    found = []
    for k in range(1, wanted + 1):
        below, share = divmod(k * count / wanted, 1)
        upper = min(int(below) + 1, count)
        found.append(between(steps[int(below)], steps[upper], share))
    return found


def spread(turns: Mapping[str, np.ndarray], wanted: Sequence[str]) -> dict[str, np.ndarray]:
    """What leads each of the bones `wanted`: its namesake in `turns`, a share for spine and neck.

    Bones that nothing leads are left out.
    """
    found = {slot: turns[slot] for slot in wanted if slot in turns}
    spines = [slot for slot in wanted if slot in SPINE]
    ours = [turns[slot] for slot in SPINE if slot in turns]
    found |= dict(zip(spines, shared(ours, len(spines), turns["hips"]), strict=False))
    necks = [slot for slot in wanted if slot.startswith("neck")]
    ours_neck = [turns[slot] for slot in turns if slot.startswith("neck")]
    chest = ours[-1] if ours else turns["hips"]
    found |= dict(zip(necks, shared(ours_neck, len(necks), chest), strict=False))
    return found
