"""Run by a Blender: clothes, points and meshes after an edit of the keys; baked keys; packing.

    blender -b --python-exit-code 3 -P tests/blender/check_sequences.py -- WORK_FOLDER

Prints one line `figure NAME VALUE` each; the test beside it reads them.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "headless"), str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from check_scene import tell  # noqa: E402
from layfigure.addon import compat  # noqa: E402
from layfigure.addon.scene import pack, stage  # noqa: E402
from layfigure.addon.scene.axes import to_blender  # noqa: E402
from layfigure.addon.scene.bake_cache import bake_cache  # noqa: E402
from layfigure.addon.scene.external import external_files, missing_files  # noqa: E402
from layfigure.addon.scene.import_result import import_result  # noqa: E402
from layfigure.addon.scene.points import show  # noqa: E402
from layfigure.engine.formats.pc2 import read_pc2  # noqa: E402
from make_points import make_points  # noqa: E402

FRAMES = 8


def corners(thing: bpy.types.Object) -> np.ndarray:
    """(V, 3) evaluated vertices."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def discs(thing: bpy.types.Object) -> np.ndarray:
    """(N, 3) middles of the elements."""
    return corners(thing).reshape(-1, 6, 3).mean(1)


def retime(armature: bpy.types.Object) -> None:
    """All keys twice as far apart and twenty frames later."""
    for curve in compat.fcurves(armature):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        points[0::2] = 2 * points[0::2] + 20
        curve.keyframe_points.foreach_set("co", points)
        curve.update()


def off(found: np.ndarray, wanted: np.ndarray) -> float:
    """Millimetres."""
    return 1000 * float(np.abs(found - wanted).max())


def check_time(folder: Path) -> None:
    """Clothes and points at the new frames are those of the old ones; a saved file, too."""
    person = import_result(bpy.context, folder).people[0]
    retime(person.armature)
    show(person.points, "both")
    names = person.mesh.name, person.points.name
    bpy.ops.wm.save_as_mainfile(filepath=str(folder.parent / "retimed.blend"))
    path = str(folder.parent / "retimed.blend")
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    mesh, points = (bpy.data.objects[name] for name in names)
    clothes, places = (
        to_blender(read_pc2(folder / "person_00" / f"{name}.pc2"))
        for name in ("vertices", "points")
    )
    far = dict.fromkeys(("clothes", "points", "half"), 0.0)
    for row in range(FRAMES):
        bpy.context.scene.frame_set(2 * (1 + row) + 20)
        far["clothes"] = max(far["clothes"], off(corners(mesh), clothes[row]))
        far["points"] = max(far["points"], off(discs(points), places[row]))
        if row < FRAMES - 1:
            bpy.context.scene.frame_set(2 * (1 + row) + 21)
            far["half"] = max(far["half"], off(corners(mesh), clothes[row : row + 2].mean(0)))
    for name, value in far.items():
        tell(f"{name}_mm", value)


def check_meshes(folder: Path) -> None:
    """Meshes of every frame are shown, and rendered, in theirs."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    person = import_result(bpy.context, folder).people[0]
    show(person.points, "mesh")
    retime(person.armature)
    scene, wrong = bpy.context.scene, 0
    for frame in (1, 22, 23, 24, 28, 50):
        scene.frame_set(frame)
        row = min(max((frame - 22) // 2, 0), len(person.sequence) - 1)
        graph = bpy.context.evaluated_depsgraph_get()
        seen = {i.object.name for i in graph.object_instances if "walk" in i.object.name}
        wrong += seen != {f"walk_{row}"}
    tell("shown_wrong", wrong)
    for k, thing in enumerate(person.sequence):
        material = bpy.data.materials.new(f"{k}")
        material.diffuse_color = (*np.eye(3)[k], 1)
        thing.data.materials[0] = material
    low, high = stage.motion_box(bpy.context, [person.sequence[0]], [22])
    scene.render.resolution_x = scene.render.resolution_y = 64
    stage.build_turntable(scene, low, high)
    stage.use_engine(scene, "workbench", 1, flat=True)
    scene.render.film_transparent = True
    for row in range(3):
        scene.frame_set(22 + 2 * row)
        scene.render.filepath = str(folder / f"{row}.png")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        pixels = np.array(image.pixels[:]).reshape(-1, 4)
        solid = pixels[pixels[:, 3] > 0.99]
        tell(
            f"rendered_{row}", float(np.median(solid[:, row]) - np.median(solid[:, (row + 1) % 3]))
        )


def check_keys(folder: Path) -> None:
    """A key for each frame is exact, components are as near as they say."""
    clothes = to_blender(read_pc2(folder / "person_00" / "vertices.pc2"))
    for name, count in (("frames", 0), ("components", 4)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        person = import_result(bpy.context, folder).people[0]
        show(person.points, "mesh")
        residual = bake_cache(bpy.context, person.mesh, range(1, FRAMES + 1), count)
        far = []
        for row in range(FRAMES):
            bpy.context.scene.frame_set(row + 1)
            far.append(1000 * np.linalg.norm(corners(person.mesh) - clothes[row], axis=1).max())
        tell(f"{name}_mm", max(far))
        tell(f"{name}_said_mm", residual.worst_mm if residual else 0.0)


def check_pack(folder: Path) -> None:
    """The packed file plays where it was moved, when everything else is gone."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    person = import_result(bpy.context, folder).people[0]
    name = person.mesh.name
    show(person.points, "mesh")
    (folder.parent / "work").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder.parent / "work" / "a.blend"))
    packing, steps = pack.start_packing(bpy.context.scene)
    pack.advance(steps)
    tell("referring", pack.finish(bpy.context.scene, packing))
    bpy.ops.wm.save_mainfile()
    wanted = to_blender(read_pc2(folder / "person_00" / "vertices.pc2"))
    shutil.move(folder.parent / "work", folder.parent / "moved")
    shutil.rmtree(folder)
    bpy.ops.wm.open_mainfile(filepath=str(folder.parent / "moved" / "a.blend"))
    scene = bpy.context.scene
    tell("missing", len(missing_files(scene)))
    tell("needed", len(external_files(scene)))
    scene.frame_set(5)
    tell("packed_mm", off(corners(bpy.data.objects[name]), wanted[4]))


def main() -> None:
    """All checks in the folder named after `--`."""
    folder = Path(bootstrap.arguments()[0])
    make_points(folder / "coat", frames=FRAMES)
    make_points(folder / "meshes", "avatar_meshes", 3)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    check_time(folder / "coat")
    check_meshes(folder / "meshes")
    check_keys(folder / "coat")
    check_pack(folder / "coat")


if __name__ == "__main__":
    bootstrap.run(main)
