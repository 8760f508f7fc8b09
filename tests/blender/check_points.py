"""Run by a Blender: surface elements against the numbers of numpy; what its renderers show.

    blender -b --python-exit-code 3 -P tests/blender/check_points.py -- WORK_FOLDER

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
from layfigure.addon.scene import stage  # noqa: E402
from layfigure.addon.scene.axes import to_blender  # noqa: E402
from layfigure.addon.scene.import_result import import_result  # noqa: E402
from layfigure.addon.scene.points import set_look, show  # noqa: E402
from layfigure.addon.scene.points_nodes import SHAPES  # noqa: E402
from layfigure.engine.formats.pc2 import read_pc2  # noqa: E402
from layfigure.engine.formats.points import normal_colors  # noqa: E402
from make_points import make_points  # noqa: E402

FRAMES = 8
ORANGE = np.array([230, 120, 40])


def discs(thing: bpy.types.Object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middles (N, 3), face normals (N, 3) and sRGB colours (N, 3) of the discs shown now."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    corners = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    normals = np.empty(len(mesh.polygons) * 3, np.float32)
    mesh.polygons.foreach_get("normal", normals)
    colors = np.empty(len(mesh.vertices) * 4, np.float32)
    mesh.color_attributes.active_color.data.foreach_get("color_srgb", colors)
    middles = corners.reshape(-1, 6, 3).mean(1)
    return middles, normals.reshape(-1, 3), colors.reshape(-1, 6, 4)[:, 0, :3] * 255


def check_caches(folder: Path) -> bpy.types.Object:
    """Places, normals and colours in every frame, and the mesh behind; the points."""
    cloud = make_points(folder, frames=FRAMES)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    start = time.perf_counter()
    person = import_result(bpy.context, folder).people[0]
    tell("import_s", time.perf_counter() - start)
    own = folder / "person_00"
    places, normals = read_pc2(own / "points.pc2"), read_pc2(own / "normals.pc2")
    wanted = {"color": cloud.colors, "patch": cloud.patch_colors}
    off = {"places": 0.0, "turned": 0.0, "color": 0.0, "normal": 0.0, "patch": 0.0}
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(frame + 1)
        wanted["normal"] = normal_colors(normals[frame])
        for coloring, colors in wanted.items():
            set_look(person.points, "disc", coloring)
            found, facing, seen = discs(person.points)
            off[coloring] = max(off[coloring], float(np.abs(seen - colors).max()))
        off["places"] = max(off["places"], float(np.abs(found - to_blender(places[frame])).max()))
        apart = np.linalg.norm(facing - to_blender(normals[frame]), axis=1).max()
        off["turned"] = max(off["turned"], float(apart))
    tell("points_mm", 1000 * off.pop("places"))
    for name, value in off.items():
        tell(f"points_{name}", value)
    start = time.perf_counter()
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(frame + 1)
    tell("points_frame_s", (time.perf_counter() - start) / FRAMES)
    show(person.points, "mesh")
    bpy.context.scene.frame_set(FRAMES)
    tell("mesh_mm", farthest(person.mesh, read_pc2(own / "vertices.pc2")[-1]))
    show(person.points, "points")
    return person.points


def check_renders(points: bpy.types.Object, folder: Path) -> None:
    """Every renderer shows the patches' colour, here one for all, as it is; median of 0..255."""
    colors = np.tile(np.append(ORANGE, 255) / np.float32(255), len(points.data.vertices))
    points.data.attributes["patch_color"].data.foreach_set("color_srgb", colors)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 160, 200
    scene.render.film_transparent = True
    low, high = stage.motion_box(bpy.context, [points], [FRAMES])
    scene.frame_start = FRAMES
    stage.build_turntable(scene, low, high)
    scene.frame_set(FRAMES)
    for engine in stage.ENGINES:
        stage.use_engine(scene, engine, 4, painted=True, flat=True)
        for shape in SHAPES if engine != "workbench" else ("disc",):
            set_look(points, shape, "patch")
            pixels = render(folder / f"{engine}_{shape}.png")
            solid = pixels[pixels[:, 3] > 254][:, :3]
            tell(f"{engine}_{shape}_pixels", len(solid))
            tell(f"{engine}_{shape}_off", float(np.median(np.abs(solid - ORANGE).max(1))))


def render(path: Path) -> np.ndarray:
    """(pixels, 4) 0..255 of the scene's picture."""
    scene = bpy.context.scene
    scene.render.image_settings.file_format, scene.render.filepath = "PNG", str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    return np.array(image.pixels[:]).reshape(-1, 4) * 255


def main() -> None:
    """All checks in the folder named after `--`."""
    folder = Path(bootstrap.arguments()[0])
    check_renders(check_caches(folder / "coat"), folder / "coat")


if __name__ == "__main__":
    bootstrap.run(main)
