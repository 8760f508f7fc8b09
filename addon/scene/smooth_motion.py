"""Smoothing of keyed motion: rotations as rotations, the way of the hips, feet held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from .. import compat
from .bone_maps import BoneMap
from .foot_contacts import FootOptions
from .foot_lock_keys import check_keyed, feet_standing, legs_of, lock_feet
from .retarget_keys import key_places, key_turns
from .retarget_maths import between, quaternion_to_matrix, to_quaternions
from .retarget_rig import Rig


@dataclass
class Smoothed:
    """What smoothing did: degrees a frame and frame that bones jerk, and mm a frame of skating."""

    jerk: tuple[float, float]  # before, after
    skate: tuple[float, float] | None  # before, after, where feet were held


def smooth_motion(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    bone_map: BoneMap,
    frames: Sequence[int],
    strength: float = 1.5,
    feet: FootOptions | None = None,
) -> Smoothed:
    """Smooth the keys of the map's bones in `frames` with a Gaussian of `strength` frames.

    Where the motion goes on before or after them, it is met without a step. With `feet` those
    that stood before stay where they stood. Raises InputError, with nothing changed.
    """
    check_keyed(armature, bone_map, frames)
    context.view_layer.update()
    rig = Rig(armature, bone_map)
    sampled = rig.sample(context, frames)
    standing = None
    if feet is not None:
        legs = legs_of(armature, bone_map)
        standing = feet_standing(context, legs, legs.sample(context, frames), feet)
    share = _share(armature, sampled.frames, strength)
    keyed = {curve.data_path for curve in compat.fcurves(armature)}
    before, after = [], []
    for row, name in enumerate(rig.names):
        own = f'pose.bones["{bpy.utils.escape_identifier(name)}"].'
        if any(path.startswith(f"{own}rotation") for path in keyed):
            turns = sampled.bases[:, row]
            rough = to_quaternions(turns)
            smooth = gaussian(rough, strength)
            mixed = quaternion_to_matrix(rough + share[:, None] * (smooth - rough))
            key_turns(armature, name, sampled.frames, mixed)
            before.append(jerk(turns))
            after.append(jerk(mixed))
        if f"{own}location" in keyed:
            shifts = sampled.shifts[:, row]
            smooth = gaussian(shifts, strength)
            key_places(armature, name, sampled.frames, shifts + share[:, None] * (smooth - shifts))
    compat.refresh_action(armature)
    context.scene.frame_set(context.scene.frame_current)
    slid = None
    if feet is not None:
        slid = lock_feet(context, armature, bone_map, frames, feet, standing)
    return Smoothed((float(np.mean(before)), float(np.mean(after))), slid)


def gaussian(values: np.ndarray, strength: float) -> np.ndarray:
    """(T, N) smoothed along T; before the first and after the last it goes on as if mirrored."""
    reach = min(int(np.ceil(3 * strength)), len(values) - 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / strength) ** 2)
    # mirrored through the end point, so that a steady way stays steady there
    first = 2 * values[:1] - values[reach:0:-1]
    last = 2 * values[-1:] - values[-2 : -reach - 2 : -1]
    padded = np.concatenate([first, values, last])
    columns = [np.convolve(column, weights / weights.sum(), "valid") for column in padded.T]
    return np.stack(columns, 1)


def jerk(turns: np.ndarray) -> float:
    """Degrees by which a turn (T, 3, 3) differs, in the mean, from the middle of its neighbours."""
    middle = between(turns[:-2], turns[2:], 0.5)
    trace = np.einsum("tij,tij->t", middle, turns[1:-1])
    return float(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))).mean())


def _share(armature: bpy.types.Object, frames: np.ndarray, strength: float) -> np.ndarray:
    """(T,) how much of the smoothing counts: it fades in where there is motion on beyond."""
    first, last = armature.animation_data.action.frame_range
    share, ramp = np.ones(len(frames)), 2 * strength + 1
    if first < frames[0]:
        share = np.minimum(share, (frames - frames[0]) / ramp)
    if last > frames[-1]:
        share = np.minimum(share, (frames[-1] - frames) / ramp)
    return share
