"""One person of a result as Blender objects: armature, mesh, material, what moves it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.body_file import BodyData
from ...engine.formats.errors import InputError
from ...engine.formats.motion import Motion, load_motion
from ...engine.formats.ply import PlyMesh, read_ply
from ...engine.formats.result import PersonFiles, Result
from .armature import build_armature, rest_axes
from .axes import axis_angle_to_matrix
from .clip_time import key_clip_frame
from .clothing import dress, face_regions
from .correctives import add_correctives, key_correctives
from .keyframes import key_pose
from .materials import FUR, SKIN, is_png, plain_material, texture_material
from .mesh import add_shape_keys, build_mesh, key_expressions, play_pc2, skin
from .points import MovingPoints, build_points, read_points, shown, stand_for
from .rest_pose import bone_names, rest_bones
from .sequence import build_sequence


@dataclass
class ImportOptions:
    """What to make of a result folder."""

    start_frame: int = 1  # the Blender frame of the clip's first frame
    with_camera: bool = True
    with_footage: bool = True  # behind the camera, where the file is still there
    shape_keys: bool = True  # else one plain mesh of the fitted shape
    clothes: bool = True  # materials for shirt, trousers, shoes, hair; else one of skin
    texture: bool = True  # instead of clothes, where the result has one
    # play the result's PC2 (True) or the armature (False); None: what suits its kind, which for
    # meshes of every frame are these
    use_cache: bool | None = None
    replaces: str = ""  # the result folder whose characters are hidden, their place taken


@dataclass
class ImportedPerson:
    """One person as Blender objects."""

    name: str
    armature: bpy.types.Object
    mesh: bpy.types.Object
    sequence: list[bpy.types.Object] = field(default_factory=list)  # one a frame, then mesh hides
    points: bpy.types.Object | None = None  # its surface elements, shown instead

    @property
    def shown(self) -> list[bpy.types.Object]:
        """The meshes and points that one sees."""
        what = shown(self.points) if self.points else "mesh"
        meshes = (self.sequence or [self.mesh]) if what != "points" else []
        return [self.points, *meshes] if self.points and what != "mesh" else meshes

    @property
    def handle(self) -> bpy.types.Object:
        """What the user takes hold of."""
        return self.shown[0] if self.armature.hide_get() else self.armature


@dataclass
class Person:
    """A person's files, read and checked before anything is built."""

    files: PersonFiles
    motion: Motion
    frames: np.ndarray  # (T,) Blender frames
    plays_cache: bool
    meshes: dict[str, PlyMesh]  # one a frame by name, where they are what is shown
    points: MovingPoints | None  # that play beside the cache
    look: str  # texture, fur, clothes or skin
    regions: np.ndarray | None  # (F,) which faces are which clothes


def read_person(
    result: Result, files: PersonFiles, body: BodyData, options: ImportOptions
) -> Person:
    """What is needed to build `files`. Raises InputError when it does not belong together."""
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
    paths: list[Path] = []
    plays_cache = options.use_cache
    if plays_cache is None:
        plays_cache = result.kind in ("avatar", "avatar_meshes") and files.pc2 is not None
        paths = files.mesh_files() if result.kind == "avatar_meshes" else []
        if result.kind == "avatar_meshes" and len(paths) != len(motion.frame_ids):
            raise InputError(
                f"{files.meshes or result.folder}: {len(paths)} meshes are not one for each of "
                f"{len(motion.frame_ids)} frames.",
                "Copy the whole folder again.",
            )
    meshes = {path.stem: read_ply(path) for path in paths}
    points = read_points(files, len(motion.frame_ids)) if plays_cache else None
    frames = blender_frames(motion.frame_ids, result, options)
    look = _look(files, body, options)
    regions = face_regions(body) if look == "clothes" else None
    return Person(files, motion, frames, plays_cache, meshes, points, look, regions)


def _look(files: PersonFiles, body: BodyData, options: ImportOptions) -> str:
    if options.texture and files.texture is not None and body.ft is not None and len(body.vt):
        return "texture"
    if body.kind == "animal":
        return "fur"
    return "clothes" if options.clothes else "skin"


def blender_frames(ids: np.ndarray, result: Result, options: ImportOptions) -> np.ndarray:
    """(T,) Blender frames of the clip's frames `ids` (T,)."""
    return np.asarray(ids, np.int64) - result.frame_start + options.start_frame


def build_person(
    context: bpy.types.Context,
    person: Person,
    body: BodyData,
    collection: bpy.types.Collection,
    options: ImportOptions,
) -> Generator[str, None, ImportedPerson]:
    """The objects of `person` in `collection`, made in short steps; each says what comes next."""
    name, motion, frames = person.files.name, person.motion, person.frames
    betas = motion.betas[: body.shapedirs.shape[2]]
    shaped = body.shaped(betas)
    bones = rest_bones(body, shaped, body.joints(shaped))
    yield "armature"
    armature = build_armature(context, name, bones, collection)
    names = bone_names(body)
    yield "motion"
    axes = rest_axes(armature, names)
    for _ in key_pose(armature, names, axes, frames, motion.pose_vectors, motion.trans):
        yield "motion"
    if person.plays_cache or person.meshes:
        key_clip_frame(armature, frames)

    yield "mesh"
    vertices = body.v_template if options.shape_keys else shaped
    mesh = build_mesh(f"{name} body", vertices, body, collection)
    made = ImportedPerson(name, armature, mesh)
    yield "materials"
    _add_material(mesh, person)
    yield "skin"
    for _ in skin(mesh, armature, body.weights, names):
        yield "skin"
    yield "shape keys"
    if options.shape_keys:
        add_shape_keys(mesh, body, betas)
        key_expressions(mesh, body, frames, motion.expression)
        if body.posemap is not None and len(body.posemap):
            add_correctives(mesh, body, names)
            key_correctives(mesh, frames, axis_angle_to_matrix(motion.pose_vectors))
    if person.plays_cache:
        _play_cache(mesh, person, armature)
    if person.meshes:
        made.sequence = yield from build_sequence(name, person.meshes, armature, collection)
        mesh.hide_render = True
        mesh.hide_set(True)
    elif person.plays_cache:
        armature.hide_set(True)  # its bones would not move what one sees
    if person.points:
        yield "points"
        made.points = build_points(person.files, person.points, armature, collection)
        stand_for(made.points, made.sequence[0].users_collection[0] if made.sequence else mesh)
    return made


def _add_material(mesh: bpy.types.Object, person: Person) -> None:
    name = person.files.name
    if person.look == "texture":
        mesh.data.materials.append(texture_material(f"{name} body", person.files.texture))
    elif person.look == "fur":
        mesh.data.materials.append(plain_material(f"{name} fur", FUR, 0.9))
    elif person.regions is not None:
        dress(mesh, person.regions, name)
    else:
        mesh.data.materials.append(plain_material(f"{name} skin", SKIN))


def _play_cache(mesh: bpy.types.Object, person: Person, armature: bpy.types.Object) -> None:
    """Play the point cache; the armature stays ready behind it, for FBX and for who wants it."""
    for modifier in mesh.modifiers:
        modifier.show_viewport = modifier.show_render = False
    play_pc2(mesh, person.files.pc2, armature)
