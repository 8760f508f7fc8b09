"""The motion of one armature on another: bones turn alike, feet stay on the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .. import compat
from .bone_maps import BoneMap
from .foot_contacts import FootOptions
from .retarget_feet import Wanted, ankle_height, keep_feet
from .retarget_keys import key_places, key_turns
from .retarget_maths import facing, leg_length, middle, spread, stance, upright
from .retarget_rig import Rig, Sampled, Socket
from .rig_release import stash

HIPS, ROOT, IN_PLACE = "HIPS", "ROOT", "IN_PLACE"
_UPRIGHT = 0.7  # the least of `upright` for a rest that one can stand in


@dataclass(frozen=True)
class RetargetOptions:
    """How a motion is brought onto another armature."""

    start_frame: int | None = None  # where it begins; None: where it does on the source
    root: str = HIPS  # what goes along: HIPS, ROOT (the root bone), IN_PLACE (nothing)
    lock: FootOptions | None = FootOptions()  # None: feet may slide


@dataclass
class Retargeted:
    """What was keyed."""

    action: bpy.types.Action
    frames: np.ndarray  # (T,)
    bones: int
    # mm a frame that feet slide while they stand: of the source, without the lock, with it
    skate: tuple[float, float, float]
    notes: list[str] = field(default_factory=list)  # sentences for the user


def retarget(
    context: bpy.types.Context,
    source: bpy.types.Object,
    target: bpy.types.Object,
    maps: tuple[BoneMap, BoneMap],
    frames: Sequence[int],
    options: RetargetOptions | None = None,
) -> Retargeted:
    """Key the motion of `source` in `frames` on `target`, in an action of its own.

    `maps` are those of source and target. What the target played before stays in the file: its
    action with a fake user, tracks of its NLA muted. Bones that the map does not name stay as they
    are posed. Raises InputError, with nothing changed, where it cannot be done.
    """
    options = options or RetargetOptions()
    context.view_layer.update()  # where things were moved just now
    _check(source, target, maps, frames, options)
    ours = Rig(source, maps[0])
    sampled = ours.sample(context, frames)
    theirs = Rig(target, maps[1])
    name = f"{source.name} on {target.name}"
    notes = _make_room(target, name, maps[1])
    hangs = theirs.sockets(context)
    loose = [theirs.names[row] for row, socket in enumerate(hangs) if not socket.firm]
    if loose:
        notes.append(
            f"{', '.join(loose)}: constraints or drivers change what they hang on, so their "
            "direction may differ."
        )
    motion = _turns(ours, sampled, theirs)
    _place(motion, ours, sampled, theirs, hangs, options)
    fps = context.scene.render.fps / context.scene.render.fps_base
    lock = None if options.root == IN_PLACE else options.lock
    slid = keep_feet(motion, ours, sampled, theirs, fps, lock)
    start = int(frames[0]) if options.start_frame is None else options.start_frame
    moved = np.asarray(frames) - int(frames[0]) + start
    _write(motion, theirs, hangs, moved, options)
    compat.refresh_action(target)
    context.scene.frame_set(context.scene.frame_current)
    return Retargeted(target.animation_data.action, moved, len(motion.turns), slid, notes)


def _check(
    source: bpy.types.Object,
    target: bpy.types.Object,
    maps: tuple[BoneMap, BoneMap],
    frames: Sequence[int],
    options: RetargetOptions,
) -> None:
    if source == target:
        raise InputError(
            f"{source.name}: source and target are the same armature.",
            "Choose as target the armature that shall move.",
        )
    if not len(frames):
        raise InputError(f"{source.name}: no frame to take.", "Choose a frame range with keys.")
    for armature, bone_map in zip((source, target), maps, strict=True):
        bone_map.check(armature)
    for stem, after in (("thigh", "shin"), ("shin", "foot")):
        for armature, bone_map in zip((source, target), maps, strict=True):
            rest = Rig(armature, bone_map).rest()
            if np.linalg.norm(rest[f"{stem}_L"] - rest[f"{after}_L"]) < 1e-6:
                raise InputError(
                    f"{armature.name}: its {stem} has no length.", "Check its bone map."
                )
    if upright(Rig(target, maps[1]).rest()) < _UPRIGHT:
        raise InputError(
            f"{target.name}: its rest pose does not stand upright in the scene.",
            "Turn its object so that it stands along Z, or check its bone map.",
        )
    hips = target.data.bones[maps[1].bones["hips"]]
    if hips.use_connect:
        raise InputError(
            f"{target.name}: {hips.name} is connected to {hips.parent.name} and cannot move.",
            "Disconnect it in Edit Mode, or map the hips to a bone that can.",
        )
    if options.root == ROOT and maps[1].bones.get("root", "") not in target.pose.bones:
        raise InputError(
            f"{target.name}: its bone map names no root bone.",
            "Choose one, or let the hips carry the motion.",
        )


def _make_room(target: bpy.types.Object, name: str, bone_map: BoneMap) -> list[str]:
    """A new action for `target`; bones that only the old one posed go back to rest."""
    animation = target.animation_data
    notes: list[str] = []
    if animation is not None:
        posed = {
            curve.data_path.split('"')[1]
            for curve in compat.fcurves(target)
            if '"' in curve.data_path
        }
        old, animation.action = animation.action, None
        notes += stash(target)  # mutes its NLA
        if old is not None:
            old.use_fake_user = True
            notes.append(f"Its action {old.name} is kept.")
        for bone in posed & set(target.pose.bones.keys()):
            target.pose.bones[bone].matrix_basis.identity()
    compat.new_action(target, name)
    target.data.pose_position = "POSE"
    for bone, key, value in bone_map.on(target).switches:
        pose_bone = target.pose.bones[bone]
        pose_bone[key] = type(pose_bone[key])(value)
    return notes


def _turns(ours: Rig, sampled: Sampled, theirs: Rig) -> Wanted:
    """How the target's bones turn: as the source's since the stance that both can take."""
    still, places = ours.rest_turns, ours.rest()
    if upright(places) < _UPRIGHT:  # a rest pose that lies or has no shape: the best frame
        stands = [dict(zip(ours.slots, frame, strict=True)) for frame in sampled.places]
        best = int(np.argmax([upright(at) for at in stands]))
        still, places = sampled.turns[best], stands[best]
    across = facing(theirs.rest()) @ facing(places).T
    aligned = stance({slot: across @ at for slot, at in places.items()}, theirs.rest())
    since = across @ sampled.turns @ still.swapaxes(-1, -2) @ across.T
    leading = spread({slot: since[:, row] for slot, row in ours.row.items()}, theirs.slots)
    turned = {
        slot: turns @ aligned[slot] @ theirs.rest_turns[theirs.row[slot]]
        for slot, turns in leading.items()
        if slot != "root"
    }
    return Wanted(turned, across)


def _place(
    motion: Wanted,
    ours: Rig,
    sampled: Sampled,
    theirs: Rig,
    hangs: list[Socket],
    options: RetargetOptions,
) -> None:
    """Put the hips where the source's are, in proportion, and all else where it hangs."""
    source, rest = ours.rest(), theirs.rest()
    scale = leg_length(rest) / leg_length(source)
    hips = (sampled.places[:, ours.row["thigh_L"]] + sampled.places[:, ours.row["thigh_R"]]) / 2
    ankles = sampled.places[:, [ours.row["foot_L"], ours.row["foot_R"]], 2].min(1)
    own = ankle_height(source, ours)
    standing = float(np.percentile(ankles, 10)) - ours.origin[2] if own is None else own
    given = ankle_height(rest, theirs)
    path = (hips - ours.origin) @ motion.across.T
    path[:, 2] -= standing
    path *= scale
    path[:, 2] += standing * scale if given is None else given
    if options.root == IN_PLACE:
        path[:, :2] = path[:1, :2]
    path += theirs.origin
    row = theirs.row["hips"]
    off = middle(rest, "thigh") - theirs.rest_places[row]
    turned = motion.turns["hips"] @ theirs.rest_turns[row].T
    motion.places["hips"] = path - turned @ off
    if options.root == ROOT:
        still = theirs.rest_places[theirs.row["root"]]
        motion.turns["root"] = np.tile(theirs.rest_turns[theirs.row["root"]], (len(path), 1, 1))
        motion.places["root"] = np.column_stack([path[:, :2], np.full(len(path), still[2])])
    _hang(motion, theirs, hangs)


def _hang(motion: Wanted, theirs: Rig, hangs: list[Socket]) -> None:
    """Find where the bones begin that hang on others, and how those turn that nothing leads."""
    count = len(motion.turns["hips"])
    waiting = [slot for slot in theirs.slots if slot not in motion.places]
    while waiting:
        for slot in waiting:
            socket = hangs[theirs.row[slot]]
            leader = theirs.slots[socket.leader] if socket.leader >= 0 else None
            if leader is None or leader in motion.places:
                turns, places = _leading(motion, theirs, leader, count)
                motion.places[slot] = places + turns @ socket.place
                motion.turns.setdefault(slot, turns @ socket.turn)
                waiting.remove(slot)
                break
        else:  # two that hang on each other: a rig that no keys can order
            raise InputError(
                f"{theirs.armature.name}: {waiting[0]} and {waiting[-1]} hang on each other.",
                "Check its bone map.",
            )


def _leading(
    motion: Wanted, theirs: Rig, leader: str | None, count: int
) -> tuple[np.ndarray, np.ndarray]:
    if leader is None:
        return np.tile(theirs.axes, (count, 1, 1)), np.tile(theirs.origin, (count, 1))
    return motion.turns[leader], motion.places[leader]


def _write(
    motion: Wanted, theirs: Rig, hangs: list[Socket], frames: np.ndarray, options: RetargetOptions
) -> None:
    """Key everything in the axes of the bones' sockets."""
    armature, count = theirs.armature, len(frames)
    placed = {"hips", "root"} if options.root == ROOT else {"hips"}
    for slot, row in theirs.row.items():
        if slot == "root" and slot not in placed:
            continue
        socket = hangs[row]
        leader = theirs.slots[socket.leader] if socket.leader >= 0 else None
        turns, places = _leading(motion, theirs, leader, count)
        axes = turns @ socket.turn
        key_turns(armature, theirs.names[row], frames, axes.swapaxes(-1, -2) @ motion.turns[slot])
        if slot in placed:
            away = motion.places[slot] - (places + turns @ socket.place)
            local = np.einsum("tji,tj->ti", axes, away) / theirs.scale
            key_places(armature, theirs.names[row], frames, local)
