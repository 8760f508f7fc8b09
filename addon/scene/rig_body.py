"""Any rigged mesh as a body that the engine can fit: an armature, its meshes, their shape keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch

import bpy
import numpy as np

from ...engine.formats.animal_file import AnimalData
from ...engine.formats.errors import InputError
from .rig_mesh import RigMesh, driven, meshes_of, read_meshes
from .rig_points import group_row, point_row
from .rig_skeleton import Skeleton, find_skeleton, stand_in, to_animal

HEAD, TAIL, GROUP = "HEAD", "TAIL", "GROUP"


@dataclass(frozen=True)
class Keypoint:
    """A named point on the rig: an end of a bone, or the middle of a vertex group."""

    name: str
    on: str  # of a bone or of a vertex group
    end: str = HEAD  # or TAIL, or GROUP


@dataclass
class RigOptions:
    """What to make of a rig."""

    facing: str = "-Y"  # the axis of the world that the character looks along
    # shape keys that are left out, by patterns as for file names; driven ones always are
    without_keys: Sequence[str] = ()
    licence: str = ""


@dataclass
class RigBody:
    """A body, and sentences for the user on what it does without."""

    data: AnimalData
    notes: list[str] = field(default_factory=list)


def read_rig(
    armature: bpy.types.Object, keypoints: Sequence[Keypoint], options: RigOptions | None = None
) -> RigBody:
    """The body of `armature` and of all the meshes that it moves.

    Everything is taken at rest, whatever the pose is, from the base meshes. Joints bear the names
    of their bones and are regressed from vertices, so that they follow the shape. Raises
    InputError for what cannot be a body.
    """
    options = options or RigOptions()
    if not keypoints:
        raise InputError(
            f"{armature.name}: no keypoint is mapped to it.",
            "Add some, or press Guess Keypoints: a fit has to find the film's keypoints on it.",
        )
    bpy.context.view_layer.update()  # where things were moved just now
    unit = bpy.context.scene.unit_settings.scale_length
    turn = to_animal(armature, options.facing, unit)[:3, :3]
    mesh = read_meshes(armature, meshes_of(armature), _chooser(options))
    bones = armature.data.bones
    moving = [b.name for b in bones if b.use_deform and b.name in mesh.groups]
    skeleton = find_skeleton(armature, moving)
    weights, loose = _weights(skeleton, mesh)
    rows = [_keypoint_row(armature, point, skeleton, mesh, weights) for point in keypoints]
    names = [point.name for point in keypoints]
    _refuse_twice(armature, names)
    deltas = [offsets @ turn.T for offsets in mesh.keys.values()]
    shapes = np.stack(deltas, -1) if deltas else np.zeros((*mesh.vertices.shape, 0))
    data = AnimalData(
        v_template=(mesh.vertices @ turn.T).astype(np.float32),
        faces=np.ascontiguousarray(mesh.faces, np.int32),
        shapedirs=shapes.astype(np.float32),
        posedirs=None,
        J_regressor=_regressor(skeleton, mesh, weights).astype(np.float32),
        parents=skeleton.parents,
        weights=weights.astype(np.float32),
        joint_names=skeleton.names,
        vt=mesh.uvs,
        ft=mesh.uv_faces,
        keypoint_names=tuple(names),
        keypoints=np.array(rows, np.float32),
        families=(),
        family_betas=np.zeros((0, len(deltas)), np.float32),
        shape_std=np.array([_usual(mesh.ranges[key]) for key in mesh.keys], np.float32),
        limb_scales=(),
        limb_axes=np.zeros((0, len(skeleton.names), 3), np.float32),
        left_right=None,
        licence=options.licence,
        name=armature.name,
        kind="rig",
    )
    return RigBody(data, [*mesh.notes, *_notes(armature, skeleton, mesh, loose)])


def shape_keys(armature: bpy.types.Object, options: RigOptions) -> list[str]:
    """The names of the shape keys that are the shape space, in its order."""
    wanted, found = _chooser(options), []
    for thing in meshes_of(armature):
        shapes = thing.data.shape_keys
        blocks = shapes.key_blocks if shapes else ()
        found += [k.name for k in blocks if k != shapes.reference_key and not k.mute and wanted(k)]
    return list(dict.fromkeys(found))


def _chooser(options: RigOptions):
    patterns = [pattern.strip().lower() for pattern in options.without_keys if pattern.strip()]

    def wanted(key: bpy.types.ShapeKey) -> bool:
        named = any(fnmatch(key.name.lower(), pattern) for pattern in patterns)
        return not named and key.name not in driven(key.id_data)

    return wanted


def _usual(limits: tuple[float, float]) -> float:
    """Half of how far a slider goes."""
    return max(abs(limits[0]), abs(limits[1])) / 2 or 0.5


def _weights(skeleton: Skeleton, mesh: RigMesh) -> tuple[np.ndarray, int]:
    """Skin weights (V, J) that sum to 1, and how many vertices had none: the root moves them."""
    nothing = np.zeros(len(mesh.vertices))
    weights = np.stack([mesh.groups.get(name, nothing) for name in skeleton.names], 1)
    bare = weights.sum(1) < 1e-6
    weights[bare] = np.eye(1, len(skeleton.names))
    return weights / weights.sum(1, keepdims=True), int(bare.sum())


def _regressor(skeleton: Skeleton, mesh: RigMesh, weights: np.ndarray) -> np.ndarray:
    """(J, V) rows that give the head of every bone."""
    rows = []
    for joint, (head, parent) in enumerate(zip(skeleton.heads, skeleton.parents, strict=True)):
        still = [joint] if parent < 0 else [joint, int(parent)]
        rows.append(point_row(head, mesh.vertices, weights, still))
    return np.array(rows)


def _keypoint_row(
    armature: bpy.types.Object,
    point: Keypoint,
    skeleton: Skeleton,
    mesh: RigMesh,
    weights: np.ndarray,
) -> np.ndarray:
    if not point.name:
        raise InputError(f"{armature.name}: a keypoint has no name.", "Name or remove it.")
    if point.end == GROUP:
        if point.on not in mesh.groups:
            raise InputError(
                f"{armature.name}: the keypoint {point.name} is on the vertex group "
                f"'{point.on}', in which no vertex is.",
                "Choose another group, or select vertices in Edit Mode and press its button.",
            )
        return group_row(mesh.groups[point.on])
    bone = armature.data.bones.get(point.on)
    if bone is None:
        raise InputError(
            f"{armature.name}: the keypoint {point.name} is on the bone '{point.on}', which it "
            "does not have.",
            "Choose another bone, or remove the keypoint.",
        )
    joint = skeleton.names.index(stand_in(bone, skeleton.names) or skeleton.names[0])
    place = np.array(bone.head_local if point.end == HEAD else bone.tail_local)
    near = 1e-4 * np.ptp(mesh.vertices, axis=0).max()
    still = [joint]
    if np.linalg.norm(skeleton.heads[joint] - place) < near and skeleton.parents[joint] >= 0:
        still.append(int(skeleton.parents[joint]))
    children = np.flatnonzero(skeleton.parents == joint)
    still += [int(c) for c in children if np.linalg.norm(skeleton.heads[c] - place) < near]
    return point_row(place, mesh.vertices, weights, still)


def _refuse_twice(armature: bpy.types.Object, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"{armature.name}: two keypoints are called {name}.", "Rename or remove one."
            )


def _notes(armature: bpy.types.Object, skeleton: Skeleton, mesh: RigMesh, loose: int) -> list[str]:
    notes = []
    if loose:
        notes.append(
            f"{loose} of {len(mesh.vertices)} vertices have no weight: they follow the root "
            f"({skeleton.names[0]}), which Blender does not let them do."
        )
    bendy = [n for n in skeleton.names if armature.data.bones[n].bbone_segments > 1]
    if bendy:
        notes.append(f"{len(bendy)} bendy bones ({bendy[0]}, …) are fitted as straight ones.")
    if not armature.data.bones[skeleton.names[0]].use_deform:
        notes.append(f"{skeleton.names[0]} moves no vertex; it is the root, above all joints.")
    return notes
