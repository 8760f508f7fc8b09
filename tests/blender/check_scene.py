"""Run by a Blender: import, projection, playback and FBX against the numbers of numpy.

    blender -b --python-exit-code 3 -P tests/blender/check_scene.py -- WORK_FOLDER

Prints one line `name value` a figure; the test beside it reads them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "headless"), str(ROOT / "tests")]

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Vector  # noqa: E402

from layfigure.addon.scene.axes import to_blender  # noqa: E402
from layfigure.addon.scene.export_fbx import PRESETS, export_fbx  # noqa: E402
from layfigure.addon.scene.import_result import ImportOptions, import_result  # noqa: E402
from layfigure.addon.scene.stage import evaluated_vertices  # noqa: E402
from layfigure.addon.scene.tracks import keypoints_to_clip, read_changes  # noqa: E402
from layfigure.engine.formats.corrections import load_keypoints, save_keypoints  # noqa: E402
from layfigure.engine.formats.pc2 import write_pc2  # noqa: E402
from layfigure.engine.formats.result import read_result, write_index  # noqa: E402
from make_result import make_result, posed_vertices  # noqa: E402

FRAMES = 24
TEN = (0, 2, 5, 7, 10, 13, 16, 19, 21, 23)


def tell(name: str, value: float) -> None:
    """Print one figure."""
    print(f"figure {name} {value:.6f}", flush=True)


def farthest(thing: bpy.types.Object, expected: np.ndarray) -> float:
    """Millimetres between the evaluated vertices of `thing` and `expected` (V, 3), engine axes."""
    found = evaluated_vertices(thing, bpy.context.evaluated_depsgraph_get())
    return float(np.abs(found - to_blender(expected)).max() * 1000)


def check_import(folder: Path) -> None:
    """Vertices and projection of an imported clip; then import and playback of a long one."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, motion, camera = make_result(folder / "walk", FRAMES, moving=True)
    imported = import_result(bpy.context, folder / "walk")
    mesh, scene = imported.people[0].mesh, bpy.context.scene
    worst, worst_px = 0.0, 0.0
    for frame in TEN:
        scene.frame_set(frame + 1)
        expected = posed_vertices(body, motion, frame)
        worst = max(worst, farthest(mesh, expected))
        seen = camera.world_to_camera[frame]
        pixels = camera.project(expected @ seen[:, :3].T + seen[:, 3])
        worst_px = max(worst_px, float(np.abs(project(imported.camera, expected) - pixels).max()))
    tell("import_mm", worst)
    tell("projection_px", worst_px)

    make_result(folder / "long", 1000)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    start = time.perf_counter()
    imported = import_result(bpy.context, folder / "long")
    tell("import_1000_s", time.perf_counter() - start)
    start = time.perf_counter()
    for frame in range(1, 101):
        bpy.context.scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        len(imported.people[0].mesh.evaluated_get(graph).data.vertices)
    tell("playback_fps", 100 / (time.perf_counter() - start))


def check_cache(folder: Path) -> None:
    """A PC2 played by the mesh instead of the armature."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, motion, _ = make_result(folder / "cache", 3)
    vertices = np.stack([posed_vertices(body, motion, k) for k in range(3)]).astype(np.float32)
    path = folder / "cache" / "person_00" / "vertices.pc2"
    write_pc2(path, vertices)
    result = read_result(folder / "cache")
    result.people[0].pc2 = path
    write_index(folder / "cache", result)
    imported = import_result(bpy.context, folder / "cache", ImportOptions(use_cache=True))
    bpy.context.scene.frame_set(3)
    tell("cache_mm", farthest(imported.people[0].mesh, vertices[2]))


def project(camera: bpy.types.Object, points: np.ndarray) -> np.ndarray:
    """(V, 2) pixels of `points` (V, 3), engine axes, through Blender's own camera matrix."""
    graph, render = bpy.context.evaluated_depsgraph_get(), bpy.context.scene.render
    size = {"x": render.resolution_x, "y": render.resolution_y}
    aspect = {"scale_x": render.pixel_aspect_x, "scale_y": render.pixel_aspect_y}
    thing = camera.evaluated_get(graph)
    view = np.array(thing.calc_matrix_camera(graph, **size, **aspect), np.float64)
    view = view @ np.linalg.inv(np.array(thing.matrix_world, np.float64))
    clip = np.column_stack([to_blender(points), np.ones(len(points))]) @ view.T
    place = clip[:, :2] / clip[:, 3:]
    return (place * (1, -1) + 1) / 2 * (size["x"], size["y"])


def check_look(folder: Path) -> None:
    """A camera that turns and zooms, through Blender's own projection; the texture's colours."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, motion, camera = make_result(folder / "turn", FRAMES, turning=True, texture=True)
    imported = import_result(bpy.context, folder / "turn")
    scene, worst = bpy.context.scene, 0.0
    vertices = np.stack([posed_vertices(body, motion, frame)[::200] for frame in range(FRAMES)])
    pixels = camera.project(camera.to_camera(vertices))
    for frame in TEN:
        scene.frame_set(frame + 1)
        for point, pixel in zip(to_blender(vertices[frame]), pixels[frame], strict=True):
            view = world_to_camera_view(scene, imported.camera, Vector(point))
            found = np.array((view.x, 1 - view.y)) * (camera.width, camera.height)
            worst = max(worst, float(np.abs(found - pixel).max()))
    tell("turning_px", worst)
    image = next(image for image in bpy.data.images if image.packed_file is not None)
    red, green = np.array(image.pixels[:]).reshape(64, 64, 4)[[60, 3], 5, :2] * 255
    tell("texture_off", float(np.abs(np.array([red, green]) - [[200, 0], [0, 200]]).max()))


def check_tracks(folder: Path) -> None:
    """Keypoints to tracks and back: 1000 frames and all points, and what was changed by hand."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    make_result(folder / "tracks", 4, footage=str(ROOT / "examples/dance.mp4"), keypoints=True)
    result = read_result(folder / "tracks")
    path = result.people[0].keypoints
    known = load_keypoints(path)
    known.points, known.trusted = np.tile(known.points, (250, 1, 1)), None
    known.frame_ids = np.arange(1000)
    known.points[10, 0, 2], known.points[20:30, 0, 2] = 0.1, 0.0
    save_keypoints(path, known)
    start = time.perf_counter()
    clip = keypoints_to_clip(result, 1, ("body", "hands", "face"))
    tell("tracks_1000_s", time.perf_counter() - start)
    tell("tracks_unchanged", len(read_changes(clip, result).corrections.frame))
    nose = clip.tracking.objects["person_00"].tracks["Nose"]
    muted = [marker.frame for marker in nose.markers if marker.mute]
    tell("tracks_muted", float(muted == [11, 21]))
    nose.markers.find_frame(6).co = (0.5, 0.25)
    nose.markers.delete_frame(7)
    nose.markers.find_frame(8).mute = True
    nose.markers.insert_frame(26, co=(0.5, 0.25))
    start = time.perf_counter()
    found = read_changes(clip, result).corrections
    tell("changes_1000_s", time.perf_counter() - start)
    right = (found.frame.tolist(), found.seen.tolist()) == (
        [5, 6, 7, 25],
        [True, False, False, True],
    )
    right = right and np.allclose(found.place[[0, 3]], (0.5 * 640, 0.75 * 480), atol=1e-3)
    tell("tracks_changed", float(right))


def check_fbx(folder: Path, preset: str) -> None:
    """Export, read into a fresh scene, compare ten frames."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, motion, _ = make_result(folder / "walk", FRAMES)
    imported = import_result(bpy.context, folder / "walk")
    path = folder / f"{preset}.fbx"
    export_fbx(bpy.context, [imported.people[0].armature], path, preset)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(path))
    mesh = next(thing for thing in bpy.data.objects if thing.type == "MESH")
    first = PRESETS[preset].first_frame
    first = 1 if first is None else first
    worst = 0.0
    for frame in TEN:
        bpy.context.scene.frame_set(frame + first + 1)  # the importer shifts by one
        worst = max(worst, farthest(mesh, posed_vertices(body, motion, frame)))
    tell(f"fbx_{preset}_mm", worst)


def main() -> None:
    """All checks in the folder named after `--`."""
    folder = Path(bootstrap.arguments()[0])
    check_import(folder)
    check_cache(folder)
    check_look(folder)
    check_tracks(folder)
    for preset in PRESETS:
        check_fbx(folder, preset)


if __name__ == "__main__":
    bootstrap.run(main)
