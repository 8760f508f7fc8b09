"""Run by a Blender: every export format that it has, and its own importers on what it wrote.

    blender -b --python-exit-code 3 -P tests/blender/check_export.py -- WORK_FOLDER

Prints one line `figure name value` a figure; the test beside it reads them, and the files.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "headless"), str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402

from check_scene import farthest, tell  # noqa: E402
from layfigure.addon.scene.export import FORMATS, ExportOptions, export, lacking  # noqa: E402
from layfigure.addon.scene.import_result import import_result  # noqa: E402
from make_avatar import avatar_vertices, make_avatar  # noqa: E402
from make_result import make_result, posed_vertices  # noqa: E402

FRAMES = 6
SEEN = (0, 3, 5)


def left() -> dict[str, list[str]]:
    """The names of everything in the file."""
    kinds = ("scenes", "objects", "meshes", "armatures", "actions", "images", "shape_keys")
    return {kind: sorted(thing.name for thing in getattr(bpy.data, kind)) for kind in kinds}


def write_all(folder: Path) -> None:
    """A person in every format, and an avatar's clothes as PCA keys on a root bone."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    make_result(folder / "walk", FRAMES, texture=True)
    person = import_result(bpy.context, folder / "walk").people[0]
    before = left()
    for name, form in FORMATS.items():
        if lacking(name):
            print(f"lacking {name}: {lacking(name)}", flush=True)
            continue
        path = folder / f"person_{name}{'' if form.folder else form.ending}"
        export(bpy.context, [person.armature], path, ExportOptions(name))
    tell("left", float(left() != before))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    make_avatar(folder / "coat", frames=FRAMES)
    person = import_result(bpy.context, folder / "coat").people[0]
    before = left()
    for name, ending in (("fbx", ".fbx"), ("gltf", ".glb")):
        options = ExportOptions(name, keys="pca", root_motion="root")
        export(bpy.context, [person.armature], folder / f"coat{ending}", options)
    tell("left_of_keys", float(left() != before))


def read_back(folder: Path) -> None:
    """Blender's own importers on FBX and glTF; its Mesh Cache on the point caches."""
    body, motion, _ = make_result(folder / "again", FRAMES)
    expected = [posed_vertices(body, motion, k) for k in range(FRAMES)]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(folder / "person_fbx.fbx"))
    tell("fbx_mm", worst(expected, 2))  # its importer begins one frame later
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    bpy.ops.import_scene.fbx(filepath=str(folder / "coat.fbx"))
    coat, moved = make_avatar(folder / "coat_again", frames=FRAMES)
    tell("pca_mm", worst([avatar_vertices(coat, moved, k) for k in range(FRAMES)], 2))
    for name in ("pc2", "mdd"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = 30
        place = folder / f"person_{name}" / f"person_{name}"
        bpy.ops.wm.obj_import(filepath=f"{place}.obj")
        cache = bpy.context.selected_objects[0].modifiers.new("Cache", "MESH_CACHE")
        cache.cache_format, cache.filepath = name.upper(), f"{place}.{name}"
        cache.frame_start = 1
        tell(f"{name}_mm", worst(expected, 1))


def worst(expected: list, first: int) -> float:
    """Millimetres between the only mesh and the `expected` vertices; frame 0 is at `first`."""
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    gaps = []
    for k in SEEN:
        bpy.context.scene.frame_set(k + first)
        gaps.append(farthest(mesh, expected[k]))
    return max(gaps)


def main() -> None:
    """All checks in the folder named after `--`."""
    folder = Path(bootstrap.arguments()[0])
    write_all(folder)
    read_back(folder)


if __name__ == "__main__":
    bootstrap.run(main)
