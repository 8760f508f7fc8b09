"""Which result folder something in the scene came from, kept as custom properties."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import bpy

_FOLDER, _START = "layfigure_result", "layfigure_start_frame"


@dataclass(frozen=True)
class Origin:
    """A result folder and where on the timeline its clip begins."""

    folder: str  # absolute
    start_frame: int  # the Blender frame of the clip's first frame


def mark(thing: bpy.types.ID, folder: str | os.PathLike, start_frame: int) -> None:
    """Write down that `thing` (a collection, an armature, a movie clip) is of `folder`."""
    thing[_FOLDER], thing[_START] = str(Path(folder).resolve()), start_frame


def origin(thing: bpy.types.ID | None) -> Origin | None:
    """What `mark` wrote on `thing`."""
    if thing is None or not thing.get(_FOLDER):
        return None
    return Origin(str(thing[_FOLDER]), int(thing.get(_START, 1)))


def origin_in(context: bpy.types.Context) -> Origin | None:
    """The result of the clip in the open Clip Editor, of the active object, or the last import."""
    if context.space_data is not None and context.space_data.type == "CLIP_EDITOR":
        return origin(context.space_data.clip)
    thing = context.view_layer.objects.active
    while thing is not None:
        found = origin(thing)
        if found is not None:
            return found
        thing = thing.parent
    for collection in reversed(list(context.scene.collection.children)):
        if not collection.hide_viewport and origin(collection) is not None:
            return origin(collection)
    return None


def clip_of(folder: str) -> bpy.types.MovieClip | None:
    """The movie clip that holds the keypoints of the result at `folder`."""
    clips = bpy.data.movieclips
    return next((clip for clip in clips if clip.get(_FOLDER) == folder), None)


def hide(folder: str | os.PathLike) -> None:
    """Hide the characters that came from the result `folder`."""
    for collection in bpy.data.collections:
        if collection.get(_FOLDER) == str(Path(folder).resolve()):
            collection.hide_viewport = collection.hide_render = True
