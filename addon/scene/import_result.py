"""A result folder becomes characters, keyframes and a camera."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...engine.formats.body_file import BodyData, load_body
from ...engine.formats.camera import Camera, load_camera
from ...engine.formats.result import Result, read_result
from .camera import build_camera, put_behind
from .footage import Footage, lies_on_its_side, load_footage
from .origin import clip_of, hide, mark
from .person import (
    ImportedPerson,
    ImportOptions,
    Person,
    blender_frames,
    build_person,
    read_person,
)
from .tracks import hand_over

__all__ = [
    "ImportOptions",
    "ImportedPerson",
    "ImportedResult",
    "import_result",
    "import_steps",
    "read_import",
    "set_frames",
]
_NO_CORRECTIVES = (
    "This body has pose correctives, which an armature cannot show: joints may differ slightly "
    "from the fit."
)


@dataclass
class ImportedResult:
    """What an import made."""

    collection: bpy.types.Collection
    people: list[ImportedPerson]
    frame_start: int  # Blender frames, both included
    frame_end: int
    camera: bpy.types.Object | None = None
    footage: Footage | None = None
    warnings: list[str] = field(default_factory=list)  # sentences for the user


@dataclass
class Given:
    """A result, read and checked before anything is built."""

    options: ImportOptions
    result: Result
    replaced: Result | None
    body: BodyData
    camera: Camera | None
    people: list[Person]


def import_result(
    context: bpy.types.Context, folder: str | os.PathLike, options: ImportOptions | None = None
) -> ImportedResult:
    """Build every person of the result at `folder`, and its camera, in a new collection.

    Sets the scene's frame rate and range (not in place of another result) and, with a camera, its
    picture size. Leaves the last person's armature, or the mesh that plays a cache, selected and
    active. Raises InputError, with nothing built, when the folder or one of its files is not what
    it should be.
    """
    steps = import_steps(context, read_import(folder, options))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def read_import(folder: str | os.PathLike, options: ImportOptions | None = None) -> Given:
    """Read and check what `import_steps` builds. It touches nothing of Blender: a thread may do it.

    Raises InputError when the folder or one of its files is not what it should be.
    """
    options = options or ImportOptions()
    result = read_result(folder)
    replaced = read_result(options.replaces) if options.replaces else None
    body = load_body(result.body)
    camera = load_camera(result.camera) if result.camera and options.with_camera else None
    people = [read_person(result, files, body, options) for files in result.people]
    return Given(options, result, replaced, body, camera, people)


def import_steps(context: bpy.types.Context, given: Given) -> Generator[str, None, ImportedResult]:
    """Build what `import_result` builds in short steps; each says what comes next.

    Nothing else may change the scene between the first and the last, and there is no undo step
    before the end. What it returns is the value of StopIteration.
    """
    result, options, people = given.result, given.options, given.people
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for thing in context.selected_objects:
        thing.select_set(False)
    scene = context.scene
    name = Path(result.folder).resolve().name
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    if given.replaced is not None:
        _take_the_place(result, given.replaced)
    imported = ImportedResult(
        collection,
        [],
        frame_start=min(int(p.frames.min()) for p in people),
        frame_end=max(int(p.frames.max()) for p in people),
    )
    for person in people:
        made = yield from build_person(context, person, given.body, collection, options)
        imported.people.append(made)
    if result.kind == "fit":  # what can be corrected and fitted again
        for thing in (collection, *(made.armature for made in imported.people)):
            mark(thing, result.folder, options.start_frame)
    yield "camera"
    if given.camera is not None:
        _add_camera(imported, scene, name, given)
    lost = given.body.posedirs is not None and given.body.posemap is None
    if lost and not people[-1].plays_cache:
        imported.warnings.append(_NO_CORRECTIVES)
    yield "timeline"
    if given.replaced is None:  # else the timeline is the artist's own by now
        set_frames(scene, result.fps, imported.frame_start, imported.frame_end)
    handle = imported.people[-1].handle
    handle.select_set(True)
    context.view_layer.objects.active = handle
    return imported


def set_frames(scene: bpy.types.Scene, fps: float, start: int, end: int) -> None:
    """Set the frame rate of `scene`, whole or not, its frame range and the current frame."""
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps
    scene.frame_start, scene.frame_end = start, end
    scene.frame_set(start)


def _take_the_place(result: Result, old: Result) -> None:
    clip = clip_of(str(old.folder.resolve()))
    if clip is not None:
        hand_over(clip, old, result)
    hide(old.folder)


def _add_camera(imported: ImportedResult, scene: bpy.types.Scene, name: str, given: Given) -> None:
    result, options = given.result, given.options
    frames = blender_frames(given.camera.frame_ids, result, options)
    imported.camera = build_camera(
        scene, f"{name} camera", given.camera, frames, imported.collection
    )
    mark(imported.camera, result.folder, options.start_frame)
    if options.with_footage:
        _add_footage(imported, result, given.camera, options)


def _add_footage(
    imported: ImportedResult, result: Result, camera: Camera, options: ImportOptions
) -> None:
    if not result.footage:
        return
    footage = load_footage(result.footage, options.start_frame, result.frame_start)
    if footage is None:
        imported.warnings.append(f"{result.footage}: the footage is not there or not readable.")
    elif lies_on_its_side(footage.image.size, camera):
        imported.warnings.append(f"{result.footage}: this Blender cannot turn the film upright.")
    else:
        imported.footage = footage
        put_behind(imported.camera, footage)
