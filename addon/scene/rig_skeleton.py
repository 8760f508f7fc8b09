"""Which bones of a user's armature are the joints of a body, and which hangs on which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np

from ...engine.formats.errors import InputError

_SAME = 1e-4  # of the rig's size: places that near are one
_TURNS = {"-Y": 90, "+X": 0, "+Y": -90, "-X": 180}  # degrees about z that make it look along x


@dataclass
class Skeleton:
    """J joints in the order root to tips. Places are in armature space."""

    names: tuple[str, ...]  # bones
    parents: np.ndarray  # (J,) int32, -1 for the root
    heads: np.ndarray  # (J, 3)


def to_animal(armature: bpy.types.Object, facing: str, unit: float) -> np.ndarray:
    """(4, 4) armature space to the animal's axes (x front, y left, z up), metres.

    The armature's own place is left out. `facing` is the axis of the world that the character looks
    along, `unit` the metres of a unit of Blender's. Raises InputError for an object scale that is
    not one positive number.
    """
    linear = np.array(armature.matrix_world)[:3, :3]
    lengths = np.linalg.norm(linear, axis=0)
    size = lengths.mean()
    uniform = size > 1e-9 and np.abs(linear.T @ linear / size**2 - np.eye(3)).max() < 1e-3
    if not uniform or np.linalg.det(linear) <= 0:
        what = "negative" if uniform else "not uniform"
        sizes = ", ".join(f"{length:.4g}" for length in lengths)
        raise InputError(
            f"{armature.name}: the scale of this armature is {what} ({sizes}).",
            "Apply it (Object, Apply, Scale), to its meshes as well.",
        )
    angle = np.radians(_TURNS[facing])
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ linear * unit
    return matrix


def find_skeleton(armature: bpy.types.Object, weighted: Iterable[str]) -> Skeleton:
    """The joints for the bones that move vertices, `weighted`, by name.

    A joint hangs on the nearest ancestor that moves vertices too, or on the bone that lies along an
    ancestor that does not, as Rigify's DEF bones lie along its ORG bones. Where several joints
    hang on nothing, the bone above them all becomes the root. Raises InputError where there is
    none, where no bone is named, where joints hang in a circle or lie at one place.
    """
    bones = armature.data.bones
    chosen = [bones[name] for name in weighted]
    if not chosen:
        raise InputError(
            f"{armature.name}: no vertex of its meshes has a weight for one of its deform bones.",
            "Parent the mesh to the armature again, With Automatic Weights.",
        )
    near = _SAME * _extent(bones)
    _refuse_same_places(armature, chosen, near)
    above = {bone.name: _parent(bone, chosen, near) for bone in chosen}
    roots = [name for name, parent in above.items() if parent is None]
    if len(roots) > 1:
        shared = _shared_ancestor([bones[name] for name in roots])
        if shared is None:
            raise InputError(
                f"{armature.name}: its joints have several roots ({_listed(roots)}) and no bone "
                "above them all.",
                "Add a bone at the hips in Edit Mode and make it the parent of these.",
            )
        above |= {name: shared.name for name in roots}
        above[shared.name] = None
    order = _from_root(armature, above)
    place = {name: row for row, name in enumerate(order)}
    return Skeleton(
        names=tuple(order),
        parents=np.array([place.get(above[name], -1) for name in order], np.int32),
        heads=np.array([bones[name].head_local for name in order]),
    )


def stand_in(bone: bpy.types.Bone, names: Iterable[str]) -> str | None:
    """The joint among `names` that carries `bone`: itself, or the nearest above it."""
    bones = bone.id_data.bones
    chosen = [bones[name] for name in names]
    if bone in chosen:
        return bone.name
    lying = _along(bone, bone, chosen, _SAME * _extent(bones))
    return lying.name if lying is not None else _parent(bone, chosen, _SAME * _extent(bones))


def _parent(bone: bpy.types.Bone, chosen: list[bpy.types.Bone], near: float) -> str | None:
    for ancestor in bone.parent_recursive:
        if ancestor in chosen:
            return ancestor.name
        lying = _along(ancestor, bone, chosen, near)
        if lying is not None:
            return lying.name
    return None


def _along(
    ancestor: bpy.types.Bone, child: bpy.types.Bone, chosen: list[bpy.types.Bone], near: float
) -> bpy.types.Bone | None:
    """The chosen bone that lies along `ancestor`, of several the one that ends at `child`."""
    found = [
        other
        for other in chosen
        # what hangs on the child cannot carry it
        if other != child
        and child not in other.parent_recursive
        and all(_off(ancestor, end) < near for end in (other.head_local, other.tail_local))
    ]
    return min(found, key=lambda b: (b.tail_local - child.head_local).length, default=None)


def _off(bone: bpy.types.Bone, point) -> float:
    """How far `point` is from the line between head and tail of `bone`."""
    along = bone.tail_local - bone.head_local
    part = (point - bone.head_local).dot(along) / max(along.length_squared, 1e-12)
    return (bone.head_local + along * min(max(part, 0.0), 1.0) - point).length


def _shared_ancestor(roots: list[bpy.types.Bone]) -> bpy.types.Bone | None:
    lines = [root.parent_recursive for root in roots]
    return next((bone for bone in lines[0] if all(bone in line for line in lines[1:])), None)


def _from_root(armature: bpy.types.Object, above: dict[str, str | None]) -> list[str]:
    """The names, each after the one above it."""
    order: list[str] = []
    while len(order) < len(above):
        more = [n for n, up in above.items() if n not in order and (up is None or up in order)]
        if not more:
            left = [name for name in above if name not in order]
            raise InputError(
                f"{armature.name}: its joints hang on each other in a circle ({_listed(left)}).",
                "Two deform bones lie along the parents of each other: switch Deform off for one.",
            )
        order += more
    return order


def _refuse_same_places(
    armature: bpy.types.Object, chosen: list[bpy.types.Bone], near: float
) -> None:
    ends = np.array([(*bone.head_local, *bone.tail_local) for bone in chosen])
    apart = np.linalg.norm(ends[:, None] - ends, axis=-1)
    apart[np.triu_indices(len(ends))] = np.inf
    second, first = np.unravel_index(apart.argmin(), apart.shape)
    if apart[second, first] < near:
        raise InputError(
            f"{armature.name}: the bones {chosen[first].name} and {chosen[second].name} lie at one "
            "place.",
            "Switch Deform off for one of them and give its weights to the other.",
        )


def _extent(bones: bpy.types.ArmatureBones) -> float:
    ends = np.array([end for bone in bones for end in (bone.head_local, bone.tail_local)])
    return float(np.ptp(ends, axis=0).max())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
