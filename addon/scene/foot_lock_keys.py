"""Foot lock on the keys of a character: legs are sampled, bent, and keyed again."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .. import compat
from .bone_maps import BoneMap
from .foot_contacts import FootOptions, contacts, skate
from .foot_lock import Leg, bend, corrections
from .retarget_keys import key_turns
from .retarget_rig import Rig, Sampled

_STEMS = ("thigh", "shin", "foot", "toes")


def lock_feet(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    bone_map: BoneMap,
    frames: Sequence[int],
    options: FootOptions | None = None,
    standing: np.ndarray | None = None,
) -> tuple[float, float]:
    """Key the legs of `armature` in `frames` so that feet that stand do not slide.

    `standing` (T, 4) says when ankle and ball of the left, then of the right foot stand; without
    it the motion tells. Returns millimetres a frame that they slid before and after. Raises
    InputError, with nothing changed, for an armature without keys or without legs in its map.
    """
    check_keyed(armature, bone_map, frames)
    options = options or FootOptions()
    context.view_layer.update()
    rig = legs_of(armature, bone_map)
    sampled = rig.sample(context, frames)
    if standing is None:
        standing = feet_standing(context, rig, sampled, options)
    before, after = [], []
    for k, side in enumerate("LR"):
        own = standing[:, 2 * k : 2 * k + 2]
        rows = [rig.row.get(f"{stem}_{side}") for stem in _STEMS]
        joints = sampled.places[:, [rows[2], rows[2] if rows[3] is None else rows[3]]]
        before.append(skate(joints, own))
        leg = _leg(sampled, rows)
        offsets = corrections(leg, own, options)
        bent = bend(leg, leg.ankle + offsets)
        moved = np.linalg.norm(offsets, axis=1) > 1e-7
        ball = bent.ankle if bent.ball is None else bent.ball
        held = np.where(moved[:, None, None], np.stack([bent.ankle, ball], 1), joints)
        after.append(skate(held, own))
        _key(rig, sampled, rows, leg, bent, moved)
    compat.refresh_action(armature)
    context.scene.frame_set(context.scene.frame_current)
    return float(np.mean(before)), float(np.mean(after))


def check_keyed(armature: bpy.types.Object, bone_map: BoneMap, frames: Sequence[int]) -> None:
    """Raise InputError for an armature that nothing is to be changed on."""
    bone_map.check(armature)
    if not compat.fcurves(armature):
        raise InputError(
            f"{armature.name}: it has no keys.", "Choose a character whose action is being played."
        )
    if len(frames) < 3:
        raise InputError(f"{armature.name}: that are too few frames.", "Choose three or more.")


def legs_of(armature: bpy.types.Object, bone_map: BoneMap) -> Rig:
    """The rig of the legs alone."""
    legs = {s: b for s, b in bone_map.bones.items() if s.rpartition("_")[0] in _STEMS}
    return Rig(armature, BoneMap(bone_map.name, legs))


def feet_standing(
    context: bpy.types.Context, rig: Rig, sampled: Sampled, options: FootOptions
) -> np.ndarray:
    """(T, 4) when ankle and ball of the left, then of the right foot stand."""
    render = context.scene.render
    found = []
    for side in "LR":
        rows = [rig.row[slot] for slot in (f"foot_{side}", f"toes_{side}") if slot in rig.row]
        own = contacts(sampled.places[:, rows], render.fps / render.fps_base, options)
        found.append(own if own.shape[1] == 2 else np.hstack([own, np.zeros_like(own)]))
    return np.hstack(found)


def _leg(sampled: Sampled, rows: Sequence[int | None]) -> Leg:
    hip, knee, ankle = (sampled.places[:, row] for row in rows[:3])
    ball = None if rows[3] is None else sampled.places[:, rows[3]]
    return Leg(hip, knee, ankle, ball, *(sampled.turns[:, row] for row in rows[:3]))


def _key(
    rig: Rig,
    sampled: Sampled,
    rows: Sequence[int | None],
    leg: Leg,
    bent: Leg,
    moved: np.ndarray,
) -> None:
    """Key thigh, shin and foot: each hangs as before on the one above it, which has turned."""
    if not moved.any():
        return
    carried = np.tile(np.eye(3), (len(moved), 1, 1))  # how what is above has turned
    for row, old, new in zip(
        rows[:3], (leg.thigh, leg.shin, leg.foot), (bent.thigh, bent.shin, leg.foot), strict=True
    ):
        wanted = np.where(moved[:, None, None], new, old)
        axes = carried @ sampled.sockets[:, row]
        key_turns(rig.armature, rig.names[row], sampled.frames, axes.swapaxes(-1, -2) @ wanted)
        carried = wanted @ old.swapaxes(-1, -2)
