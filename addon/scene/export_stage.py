"""What every export shares: its choices, and a scene of copies that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .. import compat
from .export_keys import bake_shape, cache_as_keys, drop_caches, plays_cache
from .export_pictures import opaque_copy, picture_node
from .export_root import move_root
from .points import points_of

KEYS = ("shape", "pca", "none")
ROOT_MOTIONS = ("hips", "root", "in_place")


@dataclass(frozen=True)
class ExportOptions:
    """What to write, and how."""

    format: str = "fbx"  # one of export.FORMATS
    preset: str = "generic"  # one of export_fbx.PRESETS; of FBX alone
    # shape: the meshes' own; pca: what a point cache adds to the skin, too; none
    keys: str = "shape"
    components: int = 50  # of pca, at most
    root_motion: str = "hips"  # where the way through the room is: hips, root (a bone), in_place
    frames: tuple[int, int] | None = None  # first and last; None: the scene's


@dataclass
class Stage:
    """A scene of copies, and what the user is to be told about them."""

    context: bpy.types.Context
    scene: bpy.types.Scene
    options: ExportOptions
    things: list[bpy.types.Object]  # the armatures and meshes to be copied
    shift: int = 0  # frames from the open scene to this one
    notes: list[str] = field(default_factory=list)
    # gives back what the open file has lent
    afterwards: ExitStack = field(default_factory=ExitStack)

    @property
    def frames(self) -> np.ndarray:
        """(T,) the frames of this scene."""
        return np.arange(self.scene.frame_start, self.scene.frame_end + 1)

    def on_stage(self) -> AbstractContextManager:
        """Operators act on this scene."""
        layer = self.scene.view_layers[0]
        return self.context.temp_override(scene=self.scene, view_layer=layer)

    def lend_name(self, copy: bpy.types.Object, name: str) -> None:
        """Give `copy` the name that the file shall show; its owner has it back afterwards."""
        owner = bpy.data.objects.get(name)
        if owner is not None and self.scene.objects.get(name) is None:
            self.afterwards.callback(setattr, owner, "name", name)
            owner.name = f"{name} (exporting)"
        copy.name = name

    def show_opaque(self, thing: bpy.types.Object) -> None:
        """Let pictures whose alpha says something else than transparency be without it.

        Blender ignores that alpha when it is told to; readers of the file would not know.
        """
        for material in {slot.material for slot in thing.material_slots}:
            node = picture_node(material)
            if node is None or node.image.alpha_mode != "NONE" or node.image.channels < 4:
                continue
            image, name = node.image, node.image.name
            self.afterwards.callback(setattr, image, "name", name)
            self.afterwards.callback(setattr, node, "image", image)
            node.image = opaque_copy(image)
            image.name = f"{name} (exporting)"
            node.image.name = name

    def add_twin(self, thing: bpy.types.Object) -> bpy.types.Object:
        """A copy of `thing` that shares its data and its motion, to be seen."""
        twin = thing.copy()
        if not shown_at_times(thing):
            twin.hide_viewport = twin.hide_render = False  # else Blender would not pose it
        self.scene.collection.objects.link(twin)
        self.show_opaque(twin)
        return twin


# everything that staging makes, users first
_KINDS = ("scenes", "objects", "meshes", "armatures", "actions", "images")


@contextmanager
def staged(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    options: ExportOptions,
    first_frame: int | None = None,
) -> Iterator[Stage]:
    """An empty stage with the frames of `options`; everything on it is gone when the block ends.

    The animation is moved to begin at `first_frame`. Raises InputError outside of object mode,
    when no armature and no mesh is among `things`, and for frames that are none.
    """
    if context.mode != "OBJECT":
        raise InputError("Export needs object mode.", "Leave the edit or pose mode first.")
    source = context.scene
    first, last = options.frames or (source.frame_start, source.frame_end)
    if first > last:
        raise InputError(f"There are no frames from {first} to {last}.", "Swap the two.")
    before = {kind: set(getattr(bpy.data, kind)) for kind in _KINDS}
    notes: list[str] = []
    kept = _only_exportable(things, notes)
    keys = set(bpy.data.shape_keys)
    with ExitStack() as afterwards:
        try:
            scene = bpy.data.scenes.new(kept[0].name)  # glTF calls the animation so
            render, given = scene.render, source.render
            render.fps, render.fps_base = given.fps, given.fps_base
            scene.unit_settings.scale_length = source.unit_settings.scale_length
            shift = 0 if first_frame is None else first_frame - first
            scene.frame_start, scene.frame_end = first + shift, last + shift
            yield Stage(context, scene, options, kept, shift, notes, afterwards)
        finally:
            for kind in _KINDS:
                known = getattr(bpy.data, kind)
                for thing in set(known) - before[kind]:
                    known.remove(thing)
            # those that a mesh had before its keys were cleared
            bpy.data.batch_remove(set(bpy.data.shape_keys) - keys)


def skinned_meshes(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes that `armature` moves."""
    return [
        thing
        for thing in bpy.data.objects
        if thing.type == "MESH"
        and any(m.type == "ARMATURE" and m.object == armature for m in thing.modifiers)
    ]


def shown_at_times(thing: bpy.types.Object) -> bool:
    """True for a mesh that keys or drivers show in some frames only."""
    drivers = thing.animation_data.drivers if thing.animation_data else ()
    return any(c.data_path == "hide_viewport" for c in (*compat.fcurves(thing), *drivers))


def _only_exportable(
    things: Sequence[bpy.types.Object], notes: list[str]
) -> list[bpy.types.Object]:
    """The armatures and meshes among `things`; what is left out is told in `notes`."""
    points = {points_of(thing) for thing in things} - {None}
    for one in sorted(points, key=lambda one: one.name):
        notes.append(f"{one.name}: points are left out; the mesh beside them is written.")
    kept = [thing for thing in dict.fromkeys(things) if thing.type in ("ARMATURE", "MESH")]
    kept = [thing for thing in kept if thing not in points]
    if not kept:
        raise InputError("Nothing to export.", "Select an imported character.")
    return kept


def add_character(
    stage: Stage,
    armature: bpy.types.Object,
    bones: Mapping[str, str] | None = None,
    name: str = "",
) -> None:
    """Copy `armature` and its skinned meshes onto `stage`, shape baked, keys and root as chosen.

    `bones` are other names for bones, `name` is one for the armature.
    """
    copy = stage.add_twin(armature)
    copy.data = armature.data.copy()
    copy.data.pose_position = "POSE"
    _copy_action(armature, copy, stage.shift)
    for mesh in skinned_meshes(armature):
        twin = _add_mesh(stage, mesh)
        twin.parent = copy
        for modifier in twin.modifiers:
            if modifier.type == "ARMATURE":
                modifier.object = copy
                modifier.show_viewport = modifier.show_render = True
        _settle_keys(stage, mesh, twin, copy)
        stage.lend_name(twin, mesh.name)
    if any(child.type == "MESH" and shown_at_times(child) for child in armature.children):
        stage.notes.append(
            f"{armature.name}: its mesh of every frame cannot be skinned; the body below was "
            "written. OBJ, PLY and Alembic hold every frame."
        )
    if stage.options.root_motion != "hips":
        move_root(stage.context, stage.scene, copy, stage.options.root_motion)
    for bone in copy.data.bones:  # renames groups and animation paths of the copies with it
        bone.name = (bones or {}).get(bone.name, bone.name)
    stage.lend_name(copy, name or armature.name)


def add_things(stage: Stage) -> None:
    """Copy everything that is to be exported onto `stage`."""
    for thing in stage.things:
        add = add_character if thing.type == "ARMATURE" else add_loose_mesh
        add(stage, thing)


def add_loose_mesh(stage: Stage, mesh: bpy.types.Object) -> bpy.types.Object:
    """Copy `mesh`, that no armature moves, onto `stage`; the copy."""
    twin = _add_mesh(stage, mesh)
    twin.parent, twin.matrix_world = None, mesh.matrix_world
    _settle_keys(stage, mesh, twin, None)
    stage.lend_name(twin, mesh.name)
    return twin


def _add_mesh(stage: Stage, mesh: bpy.types.Object) -> bpy.types.Object:
    twin = stage.add_twin(mesh)
    twin.data = mesh.data.copy()
    _copy_action(mesh, twin, stage.shift)
    if mesh.data.shape_keys:
        _copy_action(mesh.data.shape_keys, twin.data.shape_keys, stage.shift)
        bake_shape(twin)
    return twin


def _settle_keys(
    stage: Stage,
    mesh: bpy.types.Object,
    twin: bpy.types.Object,
    armature: bpy.types.Object | None,
) -> None:
    """Shape keys of `twin`, a copy of `mesh`, as the options want them."""
    options, cached = stage.options, plays_cache(mesh)
    if cached and options.keys == "pca":
        with stage.on_stage():
            residual = cache_as_keys(
                *(bpy.context, twin, armature),
                *(stage.frames, stage.shift, options.components),
            )
        stage.notes.append(
            f"{mesh.name}: its point cache became {len(twin.data.shape_keys.key_blocks) - 1} PCA "
            f"keys, {residual.mean_mm:.2f} mm off on average, {residual.worst_mm:.1f} mm at most."
        )
    elif cached and armature is not None:
        stage.notes.append(
            f"{mesh.name}: its point cache was left out and the skin written. PCA keys hold both."
        )
    elif cached:
        stage.notes.append(f"{mesh.name}: its point cache was left out. PCA keys hold it.")
    drop_caches(twin)
    if options.keys == "none" and twin.data.shape_keys is not None:
        twin.shape_key_clear()


def _copy_action(source: bpy.types.ID, copy: bpy.types.ID, shift: int) -> None:
    """Give `copy` an action of its own, moved by `shift` frames."""
    if source.animation_data is None or source.animation_data.action is None:
        return
    compat.share_action(source, copy, source.animation_data.action.copy())
    if not shift:
        return
    for curve in compat.fcurves(copy):
        points = np.empty(len(curve.keyframe_points) * 2, np.float32)
        curve.keyframe_points.foreach_get("co", points)
        points[0::2] += shift
        curve.keyframe_points.foreach_set("co", points)
        curve.update()
