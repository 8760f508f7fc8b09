"""Keypoints as tracks of a movie clip, and what an artist changed in them as corrections.

Each person is a tracking object, each keypoint a track. A point that the detector doubts is a
disabled marker; so is the beginning of a gap, because Blender would hold the last place there.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...engine.formats.camera import load_camera
from ...engine.formats.corrections import Corrections, PersonKeypoints, load_keypoints
from ...engine.formats.errors import InputError
from ...engine.formats.keypoints import BODY, FACE, KEYPOINT_NAMES, LEFT_HAND, RIGHT_HAND
from ...engine.formats.result import PersonFiles, Result
from .footage import load_clip
from .origin import clip_of, mark, origin

SEEN = 0.05  # confidence from which a keypoint counts as detected
SURE = 0.3  # below, its marker is disabled
MOVED = 0.5  # px: more is a correction
PARTS = {"body": (BODY,), "hands": (LEFT_HAND, RIGHT_HAND), "face": (FACE,)}
_PARTS = "layfigure_parts"
_COLOURS = {"left": (0.2, 0.55, 1.0), "right": (1.0, 0.45, 0.1), "": (0.35, 0.9, 0.35)}


@dataclass
class Change:
    """How many keypoints an artist changed."""

    corrections: Corrections
    moved: int
    deleted: int
    added: int


def keypoints_to_clip(
    result: Result, start_frame: int, parts: tuple[str, ...], start_over: bool = False
) -> bpy.types.MovieClip:
    """The movie clip of the footage of `result` with the keypoints of `parts` as tracks.

    A clip that is there already keeps its tracks as they are and gets the parts that it lacks, or
    is exchanged for a new one to `start_over`. `start_frame` is the Blender frame of the result's
    first frame. Raises InputError, with nothing made, when footage or keypoints are not there.
    """
    people = _keypoints(result)
    camera = load_camera(result.camera)
    old = clip_of(str(result.folder.resolve()))
    clip = None if start_over else old
    if clip is None:
        name = f"{result.folder.name} keypoints"
        clip = load_clip(result.footage, name, camera, start_frame - result.frame_start)
        mark(clip, result.folder, start_frame)
        if old is not None:
            old.user_remap(clip)
            bpy.data.movieclips.remove(old)
            clip.name = name
    there = _parts(clip)
    for person, keypoints in people:
        tracked = clip.tracking.objects.get(person.name)
        if tracked is None:
            tracked = clip.tracking.objects.new(person.name)
        for index in _indices(tuple(part for part in parts if part not in there)):
            _add_track(tracked, keypoints, index, (camera.width, camera.height))
    clip.tracking.objects.active = clip.tracking.objects[people[0][0].name]
    clip[_PARTS] = ",".join(dict.fromkeys((*there, *parts)))
    return clip


def read_changes(clip: bpy.types.MovieClip, result: Result) -> Change:
    """What differs between the tracks of `clip` and the keypoints of `result`.

    Raises InputError when `result` has no keypoints.
    """
    camera = load_camera(result.camera)
    size = np.array((camera.width, camera.height), np.float64)
    rows: list[tuple[int, int, int, float, float, bool]] = []
    counts = np.zeros(3, int)
    for number, (person, keypoints) in enumerate(_keypoints(result)):
        tracked = clip.tracking.objects.get(person.name)
        if tracked is None:  # the whole person was thrown away: nothing is said about it
            continue
        for index in _indices(_parts(clip)):
            track = tracked.tracks.get(KEYPOINT_NAMES[index])
            place, state = _read_track(track, keypoints.frame_ids, size)
            old, seen, sure = _split(keypoints, index)
            shown = state == _SHOWN
            far = np.linalg.norm(place - old, axis=1) > MOVED
            moved, added = shown & seen & (far | ~sure), shown & ~seen
            deleted = seen & ((state == _NONE) | ((state == _DISABLED) & sure))
            counts += moved.sum(), deleted.sum(), added.sum()
            for row in np.flatnonzero(moved | added | deleted):
                frame, kept = int(keypoints.frame_ids[row]), not deleted[row]
                rows.append((number, frame, index, *(place if kept else old)[row], bool(kept)))
    table = np.array(rows, np.float64).reshape(-1, 6)
    corrections = Corrections(
        person=table[:, 0].astype(np.int64),
        frame=table[:, 1].astype(np.int64),
        keypoint=table[:, 2].astype(np.int64),
        place=table[:, 3:5].astype(np.float32),
        seen=table[:, 5].astype(bool),
    )
    return Change(corrections, *map(int, counts))


def hand_over(clip: bpy.types.MovieClip, old: Result, new: Result) -> None:
    """Make `clip`, which holds the keypoints of `old`, that of its refit `new`.

    A hand or face that the refit left out, because its wrist or nose was put elsewhere, is disabled
    here too. What the artist changed while the refit ran stays.
    """
    camera = load_camera(new.camera)
    size = np.array((camera.width, camera.height), np.float64)
    for (person, before), (_, after) in zip(_keypoints(old), _keypoints(new), strict=True):
        tracked = clip.tracking.objects.get(person.name)
        for index in _indices(_parts(clip)) if tracked is not None else []:
            track = tracked.tracks.get(KEYPOINT_NAMES[index])
            gone = (before.points[:, index, 2] > SEEN) & (after.points[:, index, 2] <= SEEN)
            if track is None or not gone.any():
                continue
            place, state = _read_track(track, before.frame_ids, size)
            untouched = np.linalg.norm(place - before.points[:, index, :2], axis=1) <= MOVED
            for frame in before.frame_ids[gone & untouched & (state == _SHOWN)].tolist():
                track.markers.find_frame(frame + 1).mute = True
    mark(clip, new.folder, origin(clip).start_frame)


_NONE, _DISABLED, _SHOWN = 0, 1, 2  # the marker of a frame


def _keypoints(result: Result) -> list[tuple[PersonFiles, PersonKeypoints]]:
    if result.camera is None or any(person.camera for person in result.people):
        raise InputError(
            f"{result.folder}: these are unrelated pictures, which are no film to correct.",
            "Fit them one at a time.",
        )
    missing = [person.name for person in result.people if person.keypoints is None]
    if missing:
        raise InputError(
            f"{result.folder}: {missing[0]} has no keypoints.npz.",
            "An older Layfigure wrote this result; fit it again.",
        )
    return [(person, load_keypoints(person.keypoints)) for person in result.people]


def _parts(clip: bpy.types.MovieClip) -> tuple[str, ...]:
    return tuple(part for part in str(clip.get(_PARTS, "")).split(",") if part in PARTS)


def _indices(parts: tuple[str, ...]) -> list[int]:
    everything = range(len(KEYPOINT_NAMES))
    return [k for part in parts for rows in PARTS[part] for k in everything[rows]]


def _split(keypoints: PersonKeypoints, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T, 2) places in px, (T,) detected at all, (T,) detected for sure."""
    points = keypoints.points[:, index].astype(np.float64)
    return points[:, :2], points[:, 2] > SEEN, points[:, 2] >= SURE


def _add_track(
    tracked: bpy.types.MovieTrackingObject,
    keypoints: PersonKeypoints,
    index: int,
    size: tuple[int, int],
) -> None:
    place, seen, sure = _split(keypoints, index)
    place = _without_gaps(place, seen, keypoints)
    # one marker for each detection, and a disabled one where a gap begins
    begins = ~seen & np.concatenate([[True], seen[:-1]])
    rows = np.flatnonzero(seen | begins)
    frames = keypoints.frame_ids[rows] + 1  # a clip counts from 1
    name = KEYPOINT_NAMES[index]
    track = tracked.tracks.new(name=name, frame=int(frames[0]))
    first = track.markers[0]
    search = np.array((first.search_min, first.search_max), np.float32)
    for frame in frames[1:].tolist():
        track.markers.insert_frame(frame)
    flat = (place[rows] / size * (1, -1) + (0, 1)).astype(np.float32)
    track.markers.foreach_set("co", flat.ravel())
    # without a search area Blender's tracker stops at once
    track.markers.foreach_set("search_min", np.tile(search[0], len(rows)))
    track.markers.foreach_set("search_max", np.tile(search[1], len(rows)))
    track.markers.foreach_set("mute", ~sure[rows])
    confidence = keypoints.points[seen, index, 2]
    track.weight = float(np.clip(confidence.mean(), 0, 1)) if len(confidence) else 0.0
    colour(track)


def _without_gaps(place: np.ndarray, seen: np.ndarray, keypoints: PersonKeypoints) -> np.ndarray:
    """`place` (T, 2) with its gaps at the last place before, where an artist can take it up."""
    rows = np.flatnonzero(seen)
    if len(rows):
        return place[
            rows[np.clip(np.searchsorted(rows, np.arange(len(seen)), "right") - 1, 0, None)]
        ]
    around = keypoints.points[keypoints.points[..., 2] > SEEN]
    return np.broadcast_to(around[:, :2].mean(0) if len(around) else (0.0, 0.0), place.shape)


def colour(track: bpy.types.MovieTrackingTrack) -> None:
    """Left and right of the body apart by their colours."""
    track.use_custom_color, track.color = True, _COLOURS[_side(track.name)]


def _side(name: str) -> str:
    for side in ("left", "right"):
        if name.startswith((f"{side}_", side[0].upper())):
            return side
    return ""


def _read_track(
    track: bpy.types.MovieTrackingTrack | None, frame_ids: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(T, 2) places in px and (T,) state of the marker at each of `frame_ids` (T,)."""
    place, state = np.zeros((len(frame_ids), 2)), np.zeros(len(frame_ids), np.int8)
    if track is None:  # the artist deleted all of it
        return place, state
    count = len(track.markers)
    frames, mute = np.empty(count, np.int32), np.empty(count, bool)
    flat = np.empty(2 * count, np.float32)
    track.markers.foreach_get("frame", frames)
    track.markers.foreach_get("mute", mute)
    track.markers.foreach_get("co", flat)
    _, ours, theirs = np.intersect1d(frame_ids + 1, frames, return_indices=True)
    place[ours] = (flat.reshape(-1, 2)[theirs].astype(np.float64) * (1, -1) + (0, 1)) * size
    state[ours] = np.where(mute[theirs], _DISABLED, _SHOWN)
    return place, state
