"""A result folder becomes characters, keyframes and a camera."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...engine.formats.body_file import load_body
from ...engine.formats.camera import Camera, load_camera
from ...engine.formats.result import Result, read_result
from .camera import build_camera, put_behind
from .footage import Footage, lies_on_its_side, load_footage
from .origin import clip_of, hide, mark
from .person import ImportedPerson, ImportOptions, blender_frames, build_person, read_person
from .tracks import hand_over

__all__ = ["ImportOptions", "ImportedPerson", "ImportedResult", "import_result", "set_frames"]


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


def import_result(
    context: bpy.types.Context, folder: str | os.PathLike, options: ImportOptions | None = None
) -> ImportedResult:
    """Build every person of the result at `folder`, and its camera, in a new collection.

    Sets the scene's frame rate and range (not in place of another result) and, with a camera, its
    picture size. Leaves the last person's armature, or the mesh that plays a cache, selected and
    active. Raises InputError, with nothing built, when the folder or one of its files is not what
    it should be.
    """
    options = options or ImportOptions()
    result = read_result(folder)
    replaced = read_result(options.replaces) if options.replaces else None
    body = load_body(result.body)
    camera = load_camera(result.camera) if result.camera and options.with_camera else None
    people = [read_person(result, files, body, options) for files in result.people]

    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for thing in context.selected_objects:
        thing.select_set(False)
    scene = context.scene
    name = Path(result.folder).resolve().name
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    if replaced is not None:
        _take_the_place(result, replaced)
    imported = ImportedResult(
        collection,
        [build_person(context, person, body, collection, options) for person in people],
        frame_start=min(int(p.frames.min()) for p in people),
        frame_end=max(int(p.frames.max()) for p in people),
    )
    if result.kind == "fit":  # what can be corrected and fitted again
        for thing in (collection, *(made.armature for made in imported.people)):
            mark(thing, result.folder, options.start_frame)
    if replaced is None:  # else the timeline is the artist's own by now
        set_frames(scene, result.fps, imported.frame_start, imported.frame_end)
    if camera is not None:
        frames = blender_frames(camera.frame_ids, result, options)
        imported.camera = build_camera(scene, f"{name} camera", camera, frames, collection)
        mark(imported.camera, result.folder, options.start_frame)
        if options.with_footage:
            _add_footage(imported, result, camera, options)
    if body.posedirs is not None and body.posemap is None and not people[-1].plays_cache:
        imported.warnings.append(
            "This body has pose correctives, which an armature cannot show: joints may differ "
            "slightly from the fit."
        )
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
