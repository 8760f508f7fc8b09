"""An animal's keypoints as tracks of a movie clip, set by hand in a few frames.

The animal is a tracking object, each keypoint a track of its name. A keypoint is set in a frame
where its track has a keyed marker, not one that Blender's tracker made; disabled, it is hidden. A
track must have a marker: its first lies before the film, disabled, in a column beside the picture.

Frames are the film's, counted from 0; places are px of the film from its top left.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...engine.formats.coco_keypoints import HIDDEN, NOTHING, SEEN
from ...engine.formats.errors import InputError
from .tracks import colour

ANIMAL = "layfigure_animal"  # on a clip: the tracking object that is annotated
_BEFORE = 0  # marker frame of what is not set yet; the film begins at 1
_BESIDE, _ROW = 1.02, 1 / 25  # where it lies, in widths and heights of the film

Point = tuple[float, float]


def begin(
    clip: bpy.types.MovieClip, animal: str, names: Sequence[str]
) -> bpy.types.MovieTrackingObject:
    """Let `clip` be annotated with keypoints of these names; those that are there stay.

    Raises InputError for names that tracks cannot have.
    """
    _check(animal, names)
    objects = clip.tracking.objects
    tracked = objects.get(animal) or objects.new(animal)
    for number, name in enumerate(names):
        if tracked.tracks.get(name) is not None:
            continue
        track = tracked.tracks.new(name=name, frame=_BEFORE)
        column, row = divmod(number, round(1 / _ROW) - 1)
        track.markers[0].co = (_BESIDE + 0.16 * column, 1 - (row + 1) * _ROW)
        track.markers[0].mute = True
        colour(track)
    objects.active = tracked
    clip[ANIMAL] = tracked.name
    return tracked


def _check(animal: str, names: Sequence[str]) -> None:
    if not animal.strip() or not names:
        raise InputError("The animal has no name or no keypoints.", "Name it and choose a list.")
    # Blender would shorten or number them without a word
    wrong = [n for n in (animal, *names) if len(n.encode()) > 63 or not n.strip()]
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if wrong or twice:
        raise InputError(
            f"The keypoint {(wrong + twice)[0]!r} has a name that is too long or comes twice.",
            "Give each keypoint a short name of its own.",
        )


def animal_of(clip: bpy.types.MovieClip | None) -> bpy.types.MovieTrackingObject | None:
    """What is annotated in `clip`."""
    return None if clip is None else clip.tracking.objects.get(str(clip.get(ANIMAL, "")))


def require_animal(clip: bpy.types.MovieClip) -> bpy.types.MovieTrackingObject:
    """The same. Raises InputError where there is none."""
    tracked = animal_of(clip)
    if tracked is None:
        raise InputError(f"{clip.name}: no animal is annotated in it.", "Press Start Annotating.")
    return tracked


def in_clip_editor(context: bpy.types.Context) -> bool:
    """Whether the mouse or the button pressed is in one; without a window it is nowhere."""
    return context.space_data is not None and context.space_data.type == "CLIP_EDITOR"


def clip_in(context: bpy.types.Context) -> bpy.types.MovieClip | None:
    """The clip of the Clip Editor at hand, else the annotated one of any, else one of the file."""
    if in_clip_editor(context):
        return context.space_data.clip
    areas = context.screen.areas if context.screen is not None else ()
    shown = [area.spaces.active.clip for area in areas if area.type == "CLIP_EDITOR"]
    clips = [*shown, *reversed(list(bpy.data.movieclips))]
    return next((clip for clip in clips if animal_of(clip) is not None), None)


def scene_frame(clip: bpy.types.MovieClip, frame: int) -> int:
    """The frame of the timeline that shows the film's `frame`."""
    return frame - clip.frame_offset + clip.frame_start


def film_frame(clip: bpy.types.MovieClip, frame: int) -> int:
    """The film's frame that the timeline shows at `frame`."""
    return frame + clip.frame_offset - clip.frame_start


def _marker_frame(clip: bpy.types.MovieClip, frame: int) -> int:
    number = frame - clip.frame_offset + 1
    if not 1 <= number <= clip.frame_duration:
        last = clip.frame_duration - 1 + clip.frame_offset
        raise InputError(
            f"{clip.name}: it has no frame {frame}; its last is {last}.",
            "Go to a frame of the film.",
        )
    return number


def set_point(
    clip: bpy.types.MovieClip, name: str, frame: int, place: Sequence[float], hidden: bool = False
) -> None:
    """Put a keypoint to `place` (x, y) in `frame`. Raises InputError for names and frames that
    are not there."""
    track = require_animal(clip).tracks.get(name)
    if track is None:
        raise InputError(f"{clip.name}: no keypoint is called {name}.", "Use a name of the list.")
    first = track.markers[0]
    search = tuple(first.search_min), tuple(first.search_max)
    marker = track.markers.insert_frame(_marker_frame(clip, frame))
    width, height = clip.size
    marker.co = (place[0] / width, 1 - place[1] / height)
    # without a search area Blender's tracker stops at once
    marker.search_min, marker.search_max = search
    marker.is_keyed, marker.mute = True, bool(hidden)


def clear_point(clip: bpy.types.MovieClip, name: str, frame: int) -> None:
    """Take a keypoint away in `frame`."""
    require_animal(clip).tracks[name].markers.delete_frame(_marker_frame(clip, frame))


def points_at(clip: bpy.types.MovieClip, frame: int) -> np.ndarray:
    """(K, 3) float64: x, y and the flag of COCO of each keypoint that is set in `frame`."""
    tracks = require_animal(clip).tracks
    number = _marker_frame(clip, frame)
    points = np.zeros((len(tracks), 3))
    for row, track in enumerate(tracks):
        marker = track.markers.find_frame(number)
        if marker is not None and marker.is_keyed:
            x, y = marker.co
            flag = HIDDEN if marker.mute else SEEN
            points[row] = x * clip.size[0], (1 - y) * clip.size[1], flag
    return points


def names_of(clip: bpy.types.MovieClip) -> tuple[str, ...]:
    """The names of the keypoints, in the order of the tracks."""
    return tuple(track.name for track in require_animal(clip).tracks)


def unset_at(clip: bpy.types.MovieClip, frame: int) -> list[str]:
    """The keypoints that are not set in `frame`."""
    flags = points_at(clip, frame)[:, 2]
    return [name for name, flag in zip(names_of(clip), flags, strict=True) if flag == NOTHING]


def keyed_frames(clip: bpy.types.MovieClip) -> list[int]:
    """The frames in which a keypoint is set that is not hidden.

    A disabled marker by itself is none: Blender's tracker ends each of its paths with one.
    """
    frames = set()
    for track in require_animal(clip).tracks:
        frames |= {m.frame for m in track.markers if m.is_keyed and not m.mute}
    inside = [f for f in sorted(frames) if 1 <= f <= clip.frame_duration]
    return [f - 1 + clip.frame_offset for f in inside]


def hide_points(
    clip: bpy.types.MovieClip, frame: int, names: Sequence[str], hidden: bool = True
) -> int:
    """Disable keypoints in `frame`, those not set where they were last. How many there were."""
    tracks, number = require_animal(clip).tracks, _marker_frame(clip, frame)
    chosen = [track for track in tracks if track.name in names]
    for track in chosen:
        x, y = track.markers.find_frame(number, exact=False).co
        set_point(clip, track.name, frame, (x * clip.size[0], (1 - y) * clip.size[1]), hidden)
    return len(chosen)


def copy_points(clip: bpy.types.MovieClip, source: int, frame: int) -> int:
    """Set the keypoints that `frame` lacks where they are in the frame `source`. How many."""
    there = set(unset_at(clip, frame))
    found = 0
    for name, (x, y, flag) in zip(names_of(clip), points_at(clip, source), strict=True):
        if flag != NOTHING and name in there:
            set_point(clip, name, frame, (x, y), flag == HIDDEN)
            found += 1
    return found


def neighbour(frames: Sequence[int], frame: int, step: int) -> int | None:
    """The nearest of `frames` before (`step` -1) or after (1) `frame`."""
    beyond = [f for f in frames if (f - frame) * step > 0]
    return min(beyond, key=lambda f: abs(f - frame), default=None)
