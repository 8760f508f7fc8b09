"""Film, still, FBX and .blend of a result folder, without a display and without the extension.

    blender -b -P headless/render.py -- --result DIR --output film.mp4 [--still frame.png] ...
    python headless/render.py --result DIR ...          (with the bpy wheel)

Exit code 2 with one sentence on stderr when the input is wrong; nothing half-written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `blender -P` does not do it

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from layfigure.addon import compat  # noqa: E402
from layfigure.addon.scene import stage  # noqa: E402
from layfigure.addon.scene.export_fbx import PRESETS, export_fbx  # noqa: E402
from layfigure.addon.scene.import_result import (  # noqa: E402
    ImportedResult,
    ImportOptions,
    import_result,
)
from layfigure.addon.scene.points import SHOWN, look, points_of, set_look, show  # noqa: E402
from layfigure.addon.scene.points_nodes import COLORINGS, SHAPES  # noqa: E402
from layfigure.addon.scene.whole_file import whole_file  # noqa: E402
from layfigure.engine.formats.errors import InputError  # noqa: E402

_ENDINGS = {"output": ".mp4", "still": ".png", "fbx": ".fbx", "blend": ".blend"}
_BOX_FRAMES = 24  # the turntable looks at this many poses to find room for all


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(2, f"Error: {message}. See --help.\n")


def parse() -> argparse.Namespace:
    """The command line. Raises SystemExit(2) for a wrong one."""
    parser = _Parser(prog="render.py", description=__doc__.splitlines()[0])
    parser.add_argument("--result", required=True, type=Path, help="result folder")
    parser.add_argument("--output", type=Path, help="film, .mp4")
    parser.add_argument("--still", type=Path, help="one picture, .png")
    parser.add_argument("--still-frame", type=int, help="its frame; default: the middle one")
    parser.add_argument("--fbx", type=Path, help="FBX file")
    parser.add_argument("--fbx-preset", choices=sorted(PRESETS), default="generic")
    parser.add_argument("--blend", type=Path, help=".blend file of the imported scene")
    parser.add_argument("--engine", choices=sorted(stage.ENGINES), default="workbench")
    parser.add_argument("--camera", choices=("footage", "turntable"), help="default: the clip's")
    parser.add_argument("--size", type=_size, help="WIDTHxHEIGHT; default: the clip's")
    parser.add_argument("--frames", type=_range, help="FIRST:LAST, Blender frames from 1")
    parser.add_argument("--plain", action="store_true", help="plain clothes, not the texture")
    parser.add_argument("--show", choices=SHOWN, help="of a result with points; default: points")
    parser.add_argument("--point-color", choices=COLORINGS, default="color")
    parser.add_argument("--point-shape", choices=SHAPES, default="disc")
    parser.add_argument("--samples", type=int, default=16, help="for cycles and eevee")
    options = parser.parse_args(bootstrap.arguments())
    if options.point_shape == "point" and options.engine == "workbench":
        parser.error("--point-shape point: workbench shows points white; use cycles or eevee")
    if not any((options.output, options.still, options.fbx, options.blend)):
        parser.error("nothing to do: give --output, --still, --fbx or --blend")
    for name, ending in _ENDINGS.items():
        path = getattr(options, name)
        if path and path.suffix.lower() != ending:
            parser.error(f"--{name}: '{path}' does not end in {ending}")
    return options


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) >= 16 and int(height) >= 16):
        raise argparse.ArgumentTypeError(f"'{text}' is no size like 1280x720")
    return int(width), int(height)


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"'{text}' is no frame range like 1:90")
    return int(first), int(last)


def main() -> None:
    """Import the result, then make each file that was asked for."""
    options = parse()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    imported = import_result(bpy.context, options.result, ImportOptions(texture=not options.plain))
    for warning in imported.warnings:
        print(f"Note: {warning}", flush=True)
    show_points(imported, options)
    if options.fbx:
        armatures = [person.armature for person in imported.people]
        export_fbx(bpy.context, armatures, options.fbx, options.fbx_preset)
        print(f"Wrote {options.fbx}", flush=True)
    if options.blend:
        with whole_file(options.blend) as place:
            bpy.ops.wm.save_as_mainfile(filepath=str(place), copy=True, compress=True)
        print(f"Wrote {options.blend}", flush=True)
    if options.output or options.still:
        set_stage(imported, options)
    if options.still:
        with whole_file(options.still) as place:
            render_still(place, options.still_frame)
        print(f"Wrote {options.still}", flush=True)
    if options.output:
        with whole_file(options.output) as place:
            render_film(place)
        print(f"Wrote {options.output}", flush=True)


def show_points(imported: ImportedResult, options: argparse.Namespace) -> None:
    """What is shown of people with surface elements, and how."""
    points = [person.points for person in imported.people if person.points]
    if options.show not in (None, "mesh") and not points:
        raise InputError(f"{options.result}: it has no points.", "Leave --show out.")
    for thing in points:
        show(thing, options.show or "points")
        set_look(thing, options.point_shape, options.point_color)


def box_of(things: list[bpy.types.Object], frames: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the box around `things` in `frames`; points are measured as discs, because
    scripts cannot see points that nodes have made."""
    looks = {thing: look(thing) for thing in things if points_of(thing) == thing}
    for points in looks:
        set_look(points, "disc")
    box = stage.motion_box(bpy.context, things, frames)
    for points, (shape, _) in looks.items():
        set_look(points, shape)
    return box


def set_stage(imported: ImportedResult, options: argparse.Namespace) -> None:
    """Engine, picture size, frame range, camera and surroundings."""
    scene = bpy.context.scene
    seen = [thing for person in imported.people for thing in person.shown]
    painted = any(len(thing.data.color_attributes) for thing in seen)
    flat = options.point_color != "color" and any(
        person.points in person.shown for person in imported.people
    )
    stage.use_engine(scene, options.engine, options.samples, painted, flat)
    turntable = options.camera == "turntable" or (options.camera is None and not imported.camera)
    if not turntable and imported.camera is None:
        raise InputError(f"{options.result}: it has no camera.", "Use --camera turntable.")
    if turntable and not options.size:
        scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    if options.size:
        scene.render.resolution_x, scene.render.resolution_y = options.size
    if turntable:
        scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    if options.output:  # H.264 has no odd sizes
        scene.render.resolution_x += scene.render.resolution_x % 2
        scene.render.resolution_y += scene.render.resolution_y % 2
    _set_frames(scene, options)
    frames = np.linspace(scene.frame_start, scene.frame_end, _BOX_FRAMES).round().astype(int)
    low, high = box_of(seen, sorted(set(frames.tolist())))
    if turntable:
        stage.build_turntable(scene, low, high)
    if not turntable and imported.footage:
        stage.composite_over(scene, imported.footage)
        stage.add_lights(scene, low, high, options.engine)
    else:
        stage.build_studio(scene, low, high, options.engine)


def _set_frames(scene: bpy.types.Scene, options: argparse.Namespace) -> None:
    first, last = options.frames or (scene.frame_start, scene.frame_end)
    if first > scene.frame_end or last < scene.frame_start:
        raise InputError(
            f"{options.result}: it has no frame in {first}:{last}.",
            f"Its frames are {scene.frame_start}:{scene.frame_end}.",
        )
    scene.frame_start = max(first, scene.frame_start)
    scene.frame_end = min(last, scene.frame_end)


def render_still(path: Path, frame: int | None) -> None:
    """Render one frame to `path`."""
    scene = bpy.context.scene
    middle = (scene.frame_start + scene.frame_end) // 2
    scene.frame_set(middle if frame is None else frame)
    compat.set_still_output(scene.render)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    if path.read_bytes()[-8:-4] != b"IEND":  # Blender does not tell of a full disk
        raise OSError("the picture is cut off; is the disk full?")


def render_film(path: Path) -> None:
    """Render the scene's frames to `path`, telling of every one on stdout."""
    scene = bpy.context.scene
    total = scene.frame_end - scene.frame_start + 1

    def tell(*_: object) -> None:
        print(f"Frame {scene.frame_current - scene.frame_start + 1}/{total}", flush=True)

    compat.set_film_output(scene.render)
    scene.render.filepath = str(path)
    bpy.app.handlers.render_write.append(tell)
    try:
        bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_write.remove(tell)
    if bpy.data.images.load(str(path)).frame_duration != total:
        raise OSError("the film is cut off; is the disk full?")


if __name__ == "__main__":
    bootstrap.run(main)
