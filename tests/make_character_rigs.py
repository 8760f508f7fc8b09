"""Rigs as other programs name, size, turn and pose them, with a body of boxes on their bones."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

from layfigure.engine.formats.skeleton import BONE_NAMES, MIXAMO_NAMES, PARENTS, UNREAL_NAMES
from make_rig import bind, new_armature, new_mesh

# Where bones begin, metres, z up, facing -Y, left: somebody lankier than our body.
_MIDDLE = {
    **{"hips": (0, 0, 1.02), "spine_01": (0, 0, 1.13), "spine_02": (0, 0.01, 1.25)},
    **{"spine_03": (0, 0.02, 1.37), "neck": (0, 0.02, 1.56), "head": (0, 0, 1.66)},
}
_LEFT = {
    **{"thigh": (0.1, 0, 0.97), "shin": (0.1, -0.01, 0.51), "foot": (0.1, 0.02, 0.1)},
    **{"toes": (0.1, -0.13, 0.02), "shoulder": (0.05, 0.02, 1.5), "upper_arm": (0.19, 0.02, 1.5)},
    **{"forearm": (0.48, 0.02, 1.5), "hand": (0.75, 0.02, 1.5)},
}
_FINGERS = {"thumb": -0.05, "index": -0.03, "middle": 0.0, "ring": 0.03, "pinky": 0.055}
_TOPS = {"head": (0, 0, 0.23), "toes": (0, -0.08, 0)}


def _heads(drop: float, bend: float) -> dict[str, np.ndarray]:
    """Bone -> (3,), with arms `drop` degrees below level, elbows bent `bend` degrees forward."""
    left = {bone: np.array(place, float) for bone, place in _LEFT.items()}
    for finger, y in _FINGERS.items():
        for k in (1, 2, 3):
            x = 0.05 if finger == "thumb" else 0.1
            left[f"{finger}_0{k}"] = np.array([0.75 + x + 0.035 * (k - 1), 0.02 + y, 1.5])
    hand = [bone for bone in left if bone == "hand" or bone[-1] in "123"]
    for about, axis, angle, moved in (
        ("forearm", "Z", -bend, hand),
        ("upper_arm", "Y", drop, ["forearm", *hand]),
    ):
        turn = np.array(Matrix.Rotation(np.radians(angle), 3, axis))
        for bone in moved:
            left[bone] = left[about] + turn @ (left[bone] - left[about])
    heads = {bone: np.array(place, float) for bone, place in _MIDDLE.items()}
    for bone, place in left.items():
        heads[f"{bone}_L"], heads[f"{bone}_R"] = place, place * (-1, 1, 1)
    return heads


def make_character_rig(
    name: str,
    names: dict[str, str],
    drop: float = 0.0,
    bend: float = 0.0,
    unit: float = 1.0,
    seed: int | None = None,
) -> bpy.types.Object:
    """An armature whose bones bear `names` (ours -> theirs), standing on its origin, facing -Y.

    `drop` and `bend` of the arms in degrees; `unit` metres a unit of the armature, which for any
    but 1 is y up in itself, as FBX has it; with a `seed` bones are rolled by chance.
    """
    heads = _heads(drop, bend)
    ours = list(BONE_NAMES.values())
    above = {bone: ours[p] if p >= 0 else "" for bone, p in zip(ours, PARENTS, strict=True)}
    kept = [bone for bone in ours if bone in heads and bone in names]
    ends = {bone: _end(bone, heads, above) for bone in kept}
    lying = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]) if unit != 1.0 else np.eye(3)
    rows = [
        (
            names[bone],
            (lying @ heads[bone] / unit).tolist(),
            (lying @ ends[bone] / unit).tolist(),
            kept.index(above[bone]) if above[bone] in kept else -1,
            False,
        )
        for bone in kept
    ]
    armature = new_armature(name, rows)
    if seed is not None:
        _roll(armature, np.random.default_rng(seed))
    if unit != 1.0:
        armature.matrix_world = Matrix.Rotation(np.pi / 2, 4, "X") @ Matrix.Scale(unit, 4)
    _add_boxes(armature)
    bpy.context.view_layer.update()
    return armature


def make_mixamo() -> bpy.types.Object:
    """Mixamo's names, T-pose, centimetres."""
    return make_character_rig("Mixamo", MIXAMO_NAMES, unit=0.01)


def make_unreal() -> bpy.types.Object:
    """Unreal's names, A-pose with bent elbows, bones rolled by chance."""
    return make_character_rig("Unreal", UNREAL_NAMES, drop=48, bend=18, seed=3)


def _end(bone: str, heads: dict[str, np.ndarray], above: dict[str, str]) -> np.ndarray:
    """Where a bone ends: at the next, or beyond as far as seems right."""
    stem, _, side = bone.rpartition("_")
    top = _TOPS.get(stem if side in ("L", "R") else bone)
    if top is not None:
        return heads[bone] + np.array(top)
    after = {"hips": "spine_01", "spine_03": "neck", f"hand_{side}": f"middle_01_{side}"}
    children = [after[bone]] if bone in after else [b for b in heads if above.get(b) == bone]
    if children:
        return heads[children[0]]
    return heads[bone] + (heads[bone] - heads[above[bone]])


def _roll(armature: bpy.types.Object, chance: np.random.Generator) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in armature.data.edit_bones:
        bone.roll = float(chance.uniform(-3, 3))
    bpy.ops.object.mode_set(mode="OBJECT")


def _add_boxes(armature: bpy.types.Object) -> None:
    """A box along each bone, that it alone moves."""
    places, faces, owners = [], [], []
    corners = np.array([[x, y, z] for y in (0, 1) for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    quads = np.array(
        [[0, 1, 2, 3], [7, 6, 5, 4], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]
    )
    for bone in armature.data.bones:
        wide = 0.08 * bone.length + 0.008 / max(armature.matrix_world.median_scale, 1e-9)
        box = corners * (wide, bone.length, wide)
        axes = np.array(bone.matrix_local)
        faces.append(quads + 8 * len(owners))
        places.append(box @ axes[:3, :3].T + axes[:3, 3])
        owners.append(bone.name)
    thing = new_mesh(f"{armature.name} body", np.concatenate(places), np.concatenate(faces))
    for k, owner in enumerate(owners):
        thing.vertex_groups.new(name=owner).add(list(range(8 * k, 8 * k + 8)), 1.0, "REPLACE")
    bind(thing, armature)
