"""A result folder becomes characters, keyframes and a camera."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.body_file import BodyData, load_body
from ...engine.formats.camera import Camera, load_camera
from ...engine.formats.errors import InputError
from ...engine.formats.motion import Motion, load_motion
from ...engine.formats.result import PersonFiles, Result, read_result
from .armature import build_armature, rest_axes
from .camera import build_camera, put_behind
from .clothing import dress
from .footage import Footage, lies_on_its_side, load_footage
from .keyframes import key_pose
from .materials import SKIN, is_png, plain_material, texture_material
from .mesh import add_shape_keys, build_mesh, key_expressions, skin
from .origin import clip_of, hide, mark
from .rest_pose import bone_names, rest_bones
from .tracks import hand_over


@dataclass
class ImportOptions:
    """What to make of a result folder."""

    start_frame: int = 1  # the Blender frame of the clip's first frame
    with_camera: bool = True
    with_footage: bool = True  # behind the camera, where the file is still there
    shape_keys: bool = True  # else one plain mesh of the fitted shape
    clothes: bool = True  # materials for shirt, trousers, shoes, hair; else one of skin
    texture: bool = True  # instead of clothes, where the result has one
    use_cache: bool = False  # play the vertices of the result's PC2 instead of the armature
    replaces: str = ""  # the result folder whose characters are hidden, their place taken


@dataclass
class ImportedPerson:
    """One person as Blender objects."""

    name: str
    armature: bpy.types.Object
    mesh: bpy.types.Object


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
class _Person:
    """A person's files, read and checked before anything is built."""

    files: PersonFiles
    motion: Motion
    frames: np.ndarray  # (T,) Blender frames


def import_result(
    context: bpy.types.Context, folder: str | os.PathLike, options: ImportOptions | None = None
) -> ImportedResult:
    """Build every person of the result at `folder`, and its camera, in a new collection.

    Sets the scene's frame rate and range (not in place of another result) and, with a camera, its
    picture size. Leaves the last person's armature selected and active. Raises InputError, with
    nothing built, when the folder or one of its files is not what it should be.
    """
    options = options or ImportOptions()
    result = read_result(folder)
    replaced = read_result(options.replaces) if options.replaces else None
    body = load_body(result.body)
    camera = load_camera(result.camera) if result.camera and options.with_camera else None
    people = [_read_person(result, files, body, options) for files in result.people]

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
    mark(collection, result.folder, options.start_frame)
    imported = ImportedResult(
        collection,
        [_build_person(context, person, body, collection, options) for person in people],
        frame_start=min(int(p.frames.min()) for p in people),
        frame_end=max(int(p.frames.max()) for p in people),
    )
    for made in imported.people:
        mark(made.armature, result.folder, options.start_frame)
    if replaced is None:  # else the timeline is the artist's own by now
        set_frames(scene, result.fps, imported.frame_start, imported.frame_end)
    if camera is not None:
        frames = _blender_frames(camera.frame_ids, result, options)
        imported.camera = build_camera(scene, f"{name} camera", camera, frames, collection)
        mark(imported.camera, result.folder, options.start_frame)
        if options.with_footage:
            _add_footage(imported, result, camera, options)
    if body.posedirs is not None and not options.use_cache:
        imported.warnings.append(
            "This body has pose correctives, which an armature cannot show: joints may differ "
            "slightly from the fit."
        )
    imported.people[-1].armature.select_set(True)
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


def _read_person(
    result: Result, files: PersonFiles, body: BodyData, options: ImportOptions
) -> _Person:
    motion = load_motion(files.motion)
    joints, known = motion.poses.shape[1] // 3, len(body.parents)
    if joints != known:
        raise InputError(
            f"{files.motion}: it moves {joints} joints but the body has {known}.",
            "Motion and body do not belong together; copy the whole folder again.",
        )
    if options.use_cache and files.pc2 is None:
        raise InputError(
            f"{result.folder}: {files.name} has no vertices.pc2 to play.",
            "Import it without the cache, or fit again with PC2 output.",
        )
    if options.texture and files.texture is not None and not is_png(files.texture):
        raise InputError(
            f"{files.texture}: this is not a PNG picture.",
            "Import it without the texture, or copy the whole folder again.",
        )
    return _Person(files, motion, _blender_frames(motion.frame_ids, result, options))


def _blender_frames(ids: np.ndarray, result: Result, options: ImportOptions) -> np.ndarray:
    return np.asarray(ids, np.int64) - result.frame_start + options.start_frame


def _build_person(
    context: bpy.types.Context,
    person: _Person,
    body: BodyData,
    collection: bpy.types.Collection,
    options: ImportOptions,
) -> ImportedPerson:
    name, motion, frames = person.files.name, person.motion, person.frames
    betas = motion.betas[: body.shapedirs.shape[2]]
    shaped = body.shaped(betas)
    bones = rest_bones(body, shaped, body.joints(shaped))
    armature = build_armature(context, name, bones, collection)
    names = bone_names(body.joint_names)
    key_pose(armature, names, rest_axes(armature, names), frames, motion.pose_vectors, motion.trans)

    vertices = body.v_template if options.shape_keys else shaped
    mesh = build_mesh(f"{name} body", vertices, body, collection)
    if options.texture and person.files.texture is not None and mesh.data.uv_layers:
        mesh.data.materials.append(texture_material(f"{name} body", person.files.texture))
    elif options.clothes:
        dress(mesh, body, name)
    else:
        mesh.data.materials.append(plain_material(f"{name} skin", SKIN))
    if options.use_cache:
        _play_cache(mesh, armature, person)
        return ImportedPerson(name, armature, mesh)
    skin(mesh, armature, body.weights, names)
    if options.shape_keys:
        add_shape_keys(mesh, body, betas)
        key_expressions(mesh, body, frames, motion.expression)
    return ImportedPerson(name, armature, mesh)


def _play_cache(mesh: bpy.types.Object, armature: bpy.types.Object, person: _Person) -> None:
    mesh.parent = armature
    cache = mesh.modifiers.new("Cache", "MESH_CACHE")
    cache.cache_format, cache.filepath = "PC2", str(person.files.pc2)
    cache.frame_start = float(person.frames[0])
    # the modifier's axes say where Blender's go in the file, not where the file's go in Blender
    cache.forward_axis, cache.up_axis = "POS_Z", "NEG_Y"


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
