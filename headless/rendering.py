"""Still, film and numbered pictures of the open scene, with word of every frame."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import bootstrap
from pictures import Pictures, picture_size

bootstrap.load_package()

import bpy  # noqa: E402

from layfigure.addon import compat  # noqa: E402
from layfigure.addon.scene.import_result import set_frames  # noqa: E402
from layfigure.addon.scene.stage import show_pictures  # noqa: E402
from layfigure.addon.scene.whole_file import whole_file  # noqa: E402
from layfigure.engine.formats.errors import InputError  # noqa: E402


class _Count:
    """Says how far a row of frames is, and how long the rest will take."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.made = total, 0, 0
        self.started = time.monotonic()

    def tell(self, made: bool = True) -> None:
        """One more frame; `made` it was not there before."""
        self.done, self.made = self.done + 1, self.made + made
        rest = ""
        if self.made and self.done < self.total:
            each = (time.monotonic() - self.started) / self.made
            rest = f", {each * (self.total - self.done):.0f} s left"
        there = "" if made else ", it was there"
        print(f"Frame {self.done}/{self.total}{there}{rest}", flush=True)


def render_still(path: Path, frame: int, transparent: bool = False) -> None:
    """Render one frame to the picture `path`, PNG or EXR by its name."""
    scene = bpy.context.scene
    scene.frame_set(frame)
    compat.set_still_output(scene.render, path.suffix.lower() == ".exr", transparent)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    size = (scene.render.resolution_x, scene.render.resolution_y)
    if picture_size(path) != size:  # Blender does not tell of a full disk
        raise OSError("the picture is cut off; is the disk full?")


def render_pictures(pictures: Pictures, frames: Sequence[int], transparent: bool) -> None:
    """Render `frames`, each to its picture, but for those that are there, whole and of this size.

    A picture appears when it is whole, so that several machines may fill one folder.
    """
    render, count = bpy.context.scene.render, _Count(len(frames))
    size = (render.resolution_x, render.resolution_y)
    for frame in frames:
        there = picture_size(pictures.path(frame)) == size
        if not there:
            with whole_file(pictures.path(frame)) as place:
                render_still(place, frame, transparent)
        count.tell(made=not there)


def render_film(path: Path) -> None:
    """Render the scene's frames to the film `path`."""
    scene = bpy.context.scene
    count = _Count(scene.frame_end - scene.frame_start + 1)

    def tell(*_: object) -> None:
        count.tell()

    compat.set_film_output(scene.render)
    scene.render.filepath = str(path)
    bpy.app.handlers.render_write.append(tell)
    try:
        bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_write.remove(tell)
    if bpy.data.images.load(str(path)).frame_duration != count.total:
        raise OSError("the film is cut off; is the disk full?")


def film_from(pictures: Pictures, frames: Sequence[int] | None, fps: float, path: Path) -> None:
    """Make a film of pictures that are there: of `frames`, or of all from the first to the last.

    Raises InputError when one of them is missing, cut off, or not as large as the first.
    """
    there = pictures.there()
    if not there:
        raise InputError(f"{pictures.path(1)}: there is no such picture.", "Render --pictures.")
    frames = frames or range(min(there), max(there) + 1)
    size = picture_size(there.get(frames[0], pictures.path(frames[0])))
    missing = [frame for frame in frames if size is None or frame not in there]
    missing = missing or [frame for frame in frames if picture_size(there[frame]) != size]
    if missing:
        raise InputError(
            f"{pictures.path(missing[0])}: this picture is missing, cut off or of another size"
            f" ({len(missing)} of {len(frames)} are).",
            "Render --pictures again: it makes those that are not right.",
        )
    if list(frames) != list(range(frames[0], frames[-1] + 1)):
        raise InputError("A film has one range of frames.", "Give --frames as 1:90.")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    set_frames(scene, fps, frames[0], frames[-1])
    scene.render.resolution_x, scene.render.resolution_y = (side + side % 2 for side in size)
    scene.render.resolution_percentage = 100
    show_pictures(scene, there[frames[0]], frames[-1])
    with whole_file(path) as place:
        render_film(place)
