"""What has to let go of a user's rig before keys alone move its bones."""

from __future__ import annotations

from collections.abc import Sequence

import bpy


def release(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    names: Sequence[str],
    placed: Sequence[str],
) -> list[str]:
    """Let keys alone move the bones `names`, of which `placed` will have a location.

    Constraints and drivers are muted, bendy bones made straight, connected ones disconnected where
    it must be. Returns sentences on what was changed.
    """
    bones = [armature.data.bones[name] for name in names]
    moving, notes = _movers(armature, names), []
    for mover in moving:
        mover.mute = True
    if moving:
        notes.append(f"{len(moving)} constraints and drivers of the bones with keys are muted.")
    bendy = [bone for bone in bones if bone.bbone_segments > 1]
    for bone in bendy:
        bone.bbone_segments = 1
    if bendy:
        notes.append(f"{len(bendy)} bendy bones were made straight (1 segment), as in the fit.")
    tied = [name for name in placed if armature.data.bones[name].use_connect]
    if tied:
        _disconnect(context, armature, tied)
        notes.append(f"{len(tied)} bones were disconnected from their parents, to have a location.")
    return notes


def stash(thing: bpy.types.ID) -> list[str]:
    """Keep what `thing` plays in muted NLA tracks; returns sentences."""
    animation = thing.animation_data
    if animation is None:
        return []
    notes = []
    playing = [track for track in animation.nla_tracks if not track.mute]
    for track in playing:
        track.mute = True
    if playing:
        notes.append(f"{thing.name}: {len(playing)} tracks of its NLA are muted.")
    action = animation.action
    if action is not None:
        slot = getattr(animation, "action_slot", None)  # 4.4 on
        track = animation.nla_tracks.new()
        track.name = f"[Action Stash] {action.name}"
        strip = track.strips.new(action.name, int(action.frame_range[0]), action)
        if slot is not None:
            strip.action_slot = slot
        track.mute = True
        animation.action = None
        notes.append(f"{thing.name}: its action {action.name} is kept, stashed in the NLA.")
    return notes


def _movers(
    armature: bpy.types.Object, names: Sequence[str]
) -> list[bpy.types.Constraint | bpy.types.FCurve]:
    """The constraints of the bones and the drivers of what is keyed of them, those that work."""
    keyed = tuple(
        f'pose.bones["{name}"].{channel}'
        for name in names
        for channel in ("location", "rotation", "scale")
    )
    found = [c for name in names for c in armature.pose.bones[name].constraints]
    drivers = armature.animation_data.drivers if armature.animation_data else ()
    found += [curve for curve in drivers if curve.data_path.startswith(keyed)]
    return [mover for mover in found if not mover.mute]


def _disconnect(
    context: bpy.types.Context, armature: bpy.types.Object, names: Sequence[str]
) -> None:
    """Blender ignores the location of connected bones."""
    active, hidden = context.view_layer.objects.active, armature.hide_get()
    armature.hide_set(False)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        for name in names:
            armature.data.edit_bones[name].use_connect = False
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
        armature.hide_set(hidden)
        context.view_layer.objects.active = active
