"""Film, pictures, FBX and .blend of result folders, without a display and without the extension.

    blender -b -P headless/render.py -- --result DIR --output film.mp4 [--still frame.png] ...
    blender -b -P headless/render.py -- --result DIR --pictures DIR --frames 1:90 ...
    python headless/render.py --result DIR ...          (with the bpy wheel)

Exit code 2 with one sentence on stderr when the input is wrong; nothing half-written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `blender -P` does not do it

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from layfigure.addon.scene import stage  # noqa: E402
from layfigure.addon.scene.device import use_device  # noqa: E402
from layfigure.addon.scene.export_fbx import export_fbx  # noqa: E402
from layfigure.addon.scene.figure_look import show_as  # noqa: E402
from layfigure.addon.scene.import_result import ImportOptions  # noqa: E402
from layfigure.addon.scene.line_up import LinedUp, line_up  # noqa: E402
from layfigure.addon.scene.points import look, points_of, set_look, show  # noqa: E402
from layfigure.addon.scene.whole_file import whole_file  # noqa: E402
from layfigure.engine.formats.errors import InputError  # noqa: E402
from layfigure.engine.formats.result import read_result  # noqa: E402
from pictures import Pictures, named  # noqa: E402
from render_options import parse  # noqa: E402
from rendering import film_from, render_film, render_pictures, render_still  # noqa: E402

_BOX_FRAMES = 24  # the turntable looks at this many poses to find room for all


def main() -> None:
    """Import the results, then make each file that was asked for."""
    options = parse(__doc__.splitlines()[0])
    if options.film_from:
        fps = options.fps or read_result(options.result[0]).fps
        film_from(_pictures(options.film_from), options.frames, fps, options.output)
        print(f"Wrote {options.output}", flush=True)
        return
    pictures = _pictures(options.pictures) if options.pictures else None
    bpy.ops.wm.read_factory_settings(use_empty=True)
    wanted = ImportOptions(texture=not options.plain)
    imported = line_up(bpy.context, options.result, wanted, options.spacing)
    for warning in imported.warnings:
        print(f"Note: {warning}", flush=True)
    show_points(imported, options)
    write_scene(imported, options)
    if not (options.output or options.still or pictures):
        return
    frames = set_stage(imported, options)
    if options.still:
        frame = options.still_frame
        with whole_file(options.still) as place:
            middle = frames[(len(frames) - 1) // 2]
            render_still(place, middle if frame is None else frame, options.transparent)
        print(f"Wrote {options.still}", flush=True)
    if pictures:
        render_pictures(pictures, frames, options.transparent)
        print(f"Wrote {pictures.folder}", flush=True)
    if options.output:
        write_film(options.output, pictures, frames)


def _pictures(pattern: Path) -> Pictures:
    try:
        return named(pattern)
    except ValueError as error:
        raise InputError(f"{error}.", "Name a folder, for PNG pictures.") from error


def write_film(path: Path, pictures: Pictures | None, frames: list[int]) -> None:
    """The film of `frames`: rendered, or made of the pictures of them that are there now."""
    render = bpy.context.scene.render
    if pictures:
        film_from(pictures, frames, render.fps / render.fps_base, path)
    else:
        with whole_file(path) as place:
            render_film(place)
    print(f"Wrote {path}", flush=True)


def write_scene(imported: LinedUp, options: argparse.Namespace) -> None:
    """FBX and .blend, before anything is built for the picture."""
    if options.fbx:
        armatures = [person.armature for person in imported.people]
        export_fbx(bpy.context, armatures, options.fbx, options.fbx_preset)
        print(f"Wrote {options.fbx}", flush=True)
    if options.blend:
        with whole_file(options.blend) as place:
            bpy.ops.wm.save_as_mainfile(filepath=str(place), copy=True, compress=True)
        print(f"Wrote {options.blend}", flush=True)


def show_points(imported: LinedUp, options: argparse.Namespace) -> None:
    """What is shown of people with surface elements, and how."""
    points = [person.points for person in imported.people if person.points]
    if options.show not in (None, "mesh") and not points:
        raise InputError(f"{options.result[0]}: it has no points.", "Leave --show out.")
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


def set_stage(imported: LinedUp, options: argparse.Namespace) -> list[int]:
    """Engine, picture size, camera and surroundings, for the whole clip, so that all chunks of it
    are alike; the frame range is set to what is wanted. Returns the frames."""
    scene = bpy.context.scene
    seen = [thing for person in imported.people for thing in person.shown]
    painted = any(len(thing.data.color_attributes) for thing in seen)
    flat = options.point_color != "color" and any(
        person.points in person.shown for person in imported.people
    )
    stage.use_engine(scene, options.engine, options.samples, painted, flat)
    if options.engine == "cycles":
        use_device(scene, options.device)
    turntable = options.camera == "turntable" or (options.camera is None and not imported.camera)
    if not turntable and imported.camera is None:
        raise InputError(f"{options.result[0]}: it has no camera.", "Use --camera turntable.")
    _set_size(scene, options, turntable)
    wanted = _wanted_frames(scene, options)
    whole = np.linspace(scene.frame_start, scene.frame_end, _BOX_FRAMES).round().astype(int)
    low, high = box_of(seen, sorted(set(whole.tolist())))
    show_as(imported.people, options.look)
    if turntable:
        stage.build_turntable(scene, low, high, options.turns)
    if options.transparent:
        scene.render.film_transparent = True
        stage.add_lights(scene, low, high, options.engine)
    elif not turntable and imported.footage:
        stage.composite_over(scene, imported.footage, options.overlay_opacity)
        stage.add_lights(scene, low, high, options.engine)
    else:
        stage.build_studio(scene, low, high, options.engine)
    scene.frame_start, scene.frame_end = wanted[0], wanted[-1]
    return wanted


def _set_size(scene: bpy.types.Scene, options: argparse.Namespace, turntable: bool) -> None:
    render = scene.render
    if options.size or turntable:
        render.resolution_x, render.resolution_y = options.size or (1280, 720)
    if turntable:
        render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    if options.output or options.pictures:  # H.264 has no odd sizes
        render.resolution_x += render.resolution_x % 2
        render.resolution_y += render.resolution_y % 2


def _wanted_frames(scene: bpy.types.Scene, options: argparse.Namespace) -> list[int]:
    clip = range(scene.frame_start, scene.frame_end + 1)
    wanted = [frame for frame in options.frames or clip if frame in clip]
    if not wanted:
        asked = f"{options.frames[0]}:{options.frames[-1]}"
        raise InputError(
            f"{options.result[0]}: it has no frame in {asked}.",
            f"Its frames are {scene.frame_start}:{scene.frame_end}.",
        )
    if options.output and len(wanted) != wanted[-1] - wanted[0] + 1:
        raise InputError("A film has one range of frames.", "Give --frames as 1:90.")
    return wanted


if __name__ == "__main__":
    bootstrap.run(main)
