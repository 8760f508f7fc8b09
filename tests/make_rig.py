"""Rigs that are not ours: a tube on a chain of bones, a mannequin on Rigify's human.

    python tests/make_rig.py FOLDER

writes `mannequin.blend` and `mannequin.npz`, its body with OpenPose's keypoints, into FOLDER.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

# Half thickness in metres of the mannequin at the heads and tails of the metarig's bones.
_THICK = {
    **{"spine": 0.125, "spine.001": 0.12, "spine.002": 0.12, "spine.003": 0.125},
    **{"spine.004": 0.06, "spine.005": 0.055, "spine.006": 0.085, "shoulder": 0.06},
    **{"upper_arm": 0.05, "forearm": 0.042, "hand": 0.032, "thigh": 0.085, "shin": 0.06},
    **{"foot": 0.045, "toe": 0.035},
}


def make_tube(
    bones: int = 3, rings: int = 25, around: int = 12, name: str = "Tube"
) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A tube 1 unit tall of quads on a chain of bones, with UVs and the keys Fat, Long, Smile.

    The armature stands off, is turned and half as large; the tube is not straight, so that its
    bones do not lie on the axis. Returns armature and mesh.
    """
    heights = np.linspace(0, 1, bones + 1)
    spine = [(0.03 * np.sin(5 * h), 0.02 * h, h) for h in heights]
    armature = new_armature(
        name, [(f"bone.{k}", spine[k], spine[k + 1], k - 1, k > 0) for k in range(bones)]
    )
    z, angle = np.meshgrid(
        np.linspace(0, 1, rings), 2 * np.pi * np.arange(around) / around, indexing="ij"
    )
    wide = 0.12 - 0.04 * z
    places = np.stack([wide * np.cos(angle), 0.7 * wide * np.sin(angle), z], -1).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    beside = (column + 1) % around
    quads = [row * around + column, row * around + beside]
    quads += [quads[1] + around, quads[0] + around]
    thing = new_mesh(f"{name} mesh", places, np.stack(quads, -1).reshape(-1, 4))
    thing.data.uv_layers.new()
    for bone in range(bones):
        group = thing.vertex_groups.new(name=f"bone.{bone}")
        amount = np.clip(bones * (1 - np.abs(places[:, 2] * bones - bone - 0.5)) / 2, 0, None)
        for vertex in np.flatnonzero(amount):  # not normalised, as weights of artists are
            group.add([int(vertex)], min(float(amount[vertex]), 1.0), "REPLACE")
    fat, long, smile = places * (1.5, 1.5, 1), places * (1, 1, 1.3), places + (0, 0.1, 0)
    add_keys(thing, {"Fat": fat, "Long": long, "Smile": smile})
    bind(thing, armature)
    armature.matrix_world = (
        Matrix.Translation((0.4, -0.2, 0.3)) @ Matrix.Rotation(0.7, 4, "Z") @ Matrix.Scale(0.5, 4)
    )
    bpy.context.view_layer.update()
    return armature, thing


def new_armature(name: str, bones: list[tuple]) -> bpy.types.Object:
    """An armature of bones (name, head, tail, parent's row or -1, connected)."""
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    made = []
    for bone, head, tail, parent, connected in bones:
        made.append(armature.data.edit_bones.new(bone))
        made[-1].head, made[-1].tail = head, tail
        if parent >= 0:
            made[-1].parent, made[-1].use_connect = made[parent], connected
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def new_mesh(name: str, places: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    """A mesh of `places` (V, 3) and `faces` (F, corners)."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(places.tolist(), [], faces.tolist())
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def add_keys(thing: bpy.types.Object, shapes: dict[str, np.ndarray]) -> None:
    """Shape keys with places (V, 3), all at 0."""
    thing.shape_key_add(name="Basis", from_mix=False)
    for name, places in shapes.items():
        key = thing.shape_key_add(name=name, from_mix=False)
        key.points.foreach_set("co", np.ascontiguousarray(places, np.float32).ravel())
        key.slider_min, key.value = -1.0, 0.0


def bind(thing: bpy.types.Object, armature: bpy.types.Object) -> None:
    """Let `armature` move `thing`."""
    thing.parent = armature
    thing.modifiers.new("Armature", "ARMATURE").object = armature


def make_mannequin() -> tuple[bpy.types.Object, bpy.types.Object]:
    """Rigify's basic human, generated, with automatic weights on a mesh of the Skin modifier.

    Its shape keys: Stout, Long Legs; vertex groups besides those of bones: Nose, LEar, REar.
    Returns armature and mesh, in metres, facing -Y.
    """
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_basic_human_metarig_add()
    metarig = bpy.context.object
    places, edges, radii = _wires(metarig)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.pose.rigify_generate()
    armature = bpy.context.object
    armature.name = "Mannequin"
    bpy.data.objects.remove(metarig)
    thing = _skinned(places, edges, radii)
    for one in bpy.context.selected_objects:
        one.select_set(False)
    thing.select_set(True)
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.parent_set(type="ARMATURE_AUTO")
    places = np.array([vertex.co for vertex in thing.data.vertices])
    stout = places * (1, 1, 1)
    belly = np.exp(-(((places[:, 2] - 1.15) / 0.22) ** 2)) * (np.abs(places[:, 0]) < 0.22)
    stout[:, :2] += 0.35 * belly[:, None] * (places[:, :2] - (0, 0.03))
    legs = places.copy()
    hips = 0.98  # m; all above rises as far as the legs grow
    legs[:, 2] += 0.12 * np.minimum(places[:, 2], hips)
    add_keys(thing, {"Stout": stout, "Long Legs": legs})
    face = np.where(np.abs(places[:, 2] - 1.83) < 0.04, 1, np.nan)[:, None] * places
    chosen = {"Nose": face[:, 1], "LEar": -face[:, 0], "REar": face[:, 0]}
    for name, along in chosen.items():
        thing.vertex_groups.new(name=name).add([int(np.nanargmin(along))], 1.0, "REPLACE")
    return armature, thing


def _wires(metarig: bpy.types.Object) -> tuple[list[Vector], list[tuple[int, int]], list[float]]:
    """The metarig's bones as connected edges, and how thick the body is at their ends."""
    places, edges, radii = [], [], []

    def row(point: Vector, thick: float) -> int:
        for k, other in enumerate(places):
            if (other - point).length < 1e-3:
                radii[k] = max(radii[k], thick)
                return k
        places.append(point.copy())
        radii.append(thick)
        return len(places) - 1

    bones = metarig.data.bones
    for bone in bones:
        stem = bone.name.rsplit(".", 1)[0] if bone.name[-2:] in (".L", ".R") else bone.name
        if stem not in _THICK:
            continue
        thick, tail = _THICK[stem], bone.tail_local
        start = row(bone.head_local, thick)
        edges.append((start, row(tail, 0.8 * thick if bone.children else 0.7 * thick)))
        if bone.parent and (bone.head_local - bone.parent.tail_local).length > 1e-3:
            anchor = {
                "shoulder": bones["spine.003"].tail_local,
                "thigh": bones["spine"].head_local,
            }.get(stem, bone.parent.tail_local)
            edges.append((row(anchor, thick), start))
    return places, edges, radii


def _skinned(
    places: list[Vector], edges: list[tuple[int, int]], radii: list[float]
) -> bpy.types.Object:
    mesh = bpy.data.meshes.new("Mannequin body")
    mesh.from_pydata([tuple(p) for p in places], edges, [])
    thing = bpy.data.objects.new("Mannequin body", mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.modifiers.new("Skin", "SKIN")
    for vertex, thick in zip(mesh.skin_vertices[0].data, radii, strict=True):
        vertex.radius = (thick, thick)
    mesh.skin_vertices[0].data[0].use_root = True
    thing.modifiers.new("Smooth", "SUBSURF").levels = 2
    graph = bpy.context.evaluated_depsgraph_get()
    thing.data = bpy.data.meshes.new_from_object(thing.evaluated_get(graph))
    thing.modifiers.clear()
    thing.data.shade_smooth()
    return thing


def shown_vertices(thing: bpy.types.Object) -> np.ndarray:
    """(V, 3) of the evaluated mesh, in the world."""
    made = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    places = np.empty(3 * len(made.data.vertices), np.float32)
    made.data.vertices.foreach_get("co", places)
    world = np.array(made.matrix_world)
    return places.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def write_mannequin(folder: Path) -> None:
    """Write the mannequin and its body: mannequin.blend and mannequin.npz in `folder`."""
    from layfigure.addon.scene.rig_body import GROUP, Keypoint, read_rig
    from layfigure.addon.scene.rig_guess import guess
    from layfigure.engine.formats.animal_file import save_animal

    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature, _ = make_mannequin()
    folder.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str((folder / "mannequin.blend").absolute()))
    face = [Keypoint(name, name, GROUP) for name in ("Nose", "LEar", "REar")]
    body = read_rig(armature, [*guess(armature, "HUMAN"), *face])
    save_animal(folder / "mannequin.npz", body.data)
    for note in body.notes:
        print(note)


if __name__ == "__main__":
    write_mannequin(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # bpy as a module lists every leak of Blender's when it ends
