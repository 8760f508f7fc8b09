"""Run by a Blender: avatars, rigs and meshes of every frame against the numbers of numpy.

    blender -b --python-exit-code 3 -P tests/blender/check_avatar.py -- WORK_FOLDER

Prints one line `figure NAME VALUE` each; the test beside it reads them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "headless"), str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from check_scene import farthest, tell  # noqa: E402
from layfigure.addon import compat  # noqa: E402
from layfigure.addon.scene.correctives import update_correctives  # noqa: E402
from layfigure.addon.scene.export_fbx import PRESETS, export_fbx  # noqa: E402
from layfigure.addon.scene.import_result import ImportedPerson, import_result  # noqa: E402
from layfigure.addon.scene.preview import remove_preview, show_preview  # noqa: E402
from layfigure.engine.formats.ply import write_ply  # noqa: E402
from make_avatar import avatar_vertices, frame_mesh, make_avatar  # noqa: E402

FRAMES = 8


def fresh(folder: Path, kind: str) -> tuple:
    """A result of `kind`, imported into an empty file: body, motion, person."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, motion = make_avatar(folder / kind, kind, FRAMES)
    return body, motion, import_result(bpy.context, folder / kind).people[0]


def worst(mesh: bpy.types.Object, body, motion, first: int = 1) -> float:
    """Millimetres over all frames."""
    found = 0.0
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(frame + first)
        found = max(found, farthest(mesh, avatar_vertices(body, motion, frame)))
    return found


def check_correctives(body, motion, person: ImportedPerson) -> None:
    """Keyed on import; keyed again after the keys were spoilt."""
    tell("rig_mm", worst(person.mesh, body, motion))
    for curve in compat.fcurves(person.mesh.data.shape_keys):
        for point in curve.keyframe_points:
            point.co.y = 0.5
    tell("rig_spoilt_mm", worst(person.mesh, body, motion))
    start = time.perf_counter()
    update_correctives(bpy.context, person.armature, [person.mesh])
    tell("update_frame_s", (time.perf_counter() - start) / FRAMES)
    tell("rig_updated_mm", worst(person.mesh, body, motion))


def check_fbx(folder: Path, preset: str) -> None:
    """A rig exported and read into an empty file: vertices and texture."""
    body, motion, person = fresh(folder, "rig")
    export_fbx(bpy.context, [person.armature], folder / f"{preset}.fbx", preset)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(folder / f"{preset}.fbx"))
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    first = PRESETS[preset].first_frame
    # Blender's importer begins one frame later
    tell(f"fbx_{preset}_mm", worst(mesh, body, motion, (1 if first is None else first) + 1))
    images = [image for image in bpy.data.images if image.size[0] == 256]
    white = np.array(images[0].pixels[:4]) if images else np.zeros(4)
    tell(f"fbx_{preset}_texture", float(np.abs(white - 1).max()))


def check_meshes(folder: Path) -> None:
    """After saving and opening, each frame shows its own mesh where it belongs."""
    body, motion, _ = fresh(folder, "avatar_meshes")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "meshes.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(folder / "meshes.blend"))
    right, off = 0, 0.0
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(frame + 1)
        graph = bpy.context.evaluated_depsgraph_get()
        seen = {i.object.name for i in graph.object_instances if i.object.type == "MESH"}
        right += seen == {f"walk_{frame}"}
        thing = bpy.data.objects[f"walk_{frame}"]
        off = max(off, farthest(thing, avatar_vertices(body, motion, frame)))
    tell("meshes_right", right / FRAMES)
    tell("meshes_mm", off)


def check_preview(folder: Path) -> None:
    """It is cheap, and leaves nothing."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, _ = make_avatar(folder / "any", "rig", 1)
    write_ply(folder / "preview.ply", frame_mesh(body, body.v_template, 0))
    for _ in range(2):
        start = time.process_time()
        show_preview(bpy.context.scene, folder / "preview.ply")
    tell("preview_cpu_s", time.process_time() - start)
    remove_preview()
    tell("preview_left", len(bpy.data.objects) + len(bpy.data.meshes) + len(bpy.data.materials))


def main() -> None:
    """All checks in the folder named after `--`."""
    folder = Path(bootstrap.arguments()[0])
    body, motion, person = fresh(folder, "avatar")
    tell("avatar_mm", worst(person.mesh, body, motion))
    check_correctives(*fresh(folder, "rig"))
    for preset in PRESETS:
        check_fbx(folder, preset)
    check_meshes(folder)
    check_preview(folder)


if __name__ == "__main__":
    bootstrap.run(main)
