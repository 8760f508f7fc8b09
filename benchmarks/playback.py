"""How fast long sequences play in Blender: evaluation of a frame, without drawing it.

    python benchmarks/playback.py [--frames 1000] [--vertices 20000]
    blender -b --factory-startup -P benchmarks/playback.py -- --frames 1000

A body (armature, skin, shape keys, expressions) walks for all frames; a tube of cloth is a point
cache that follows its keys. The same cloth is then played as shape keys: one a frame for as many
frames as the add-on bakes by default, and as principal components. CPU time, so that other work of
the machine does not count; a frame of several threads counts all of them.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "headless"), str(ROOT / "tests")]

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from layfigure.addon.scene.axes import to_blender  # noqa: E402
from layfigure.addon.scene.baked_keys import key_components, key_every_frame  # noqa: E402
from layfigure.addon.scene.clip_time import key_clip_frame  # noqa: E402
from layfigure.addon.scene.import_result import import_result  # noqa: E402
from layfigure.addon.scene.mesh import new_mesh, play_pc2  # noqa: E402
from layfigure.engine.formats.pc2 import read_pc2, write_pc2  # noqa: E402
from make_result import make_result  # noqa: E402

SHORT, COMPONENTS = 120, 50


@dataclass
class Row:
    """What playing cost."""

    what: str
    frames: int
    cpu_ms: np.ndarray  # (N,) of each frame
    wall_ms: np.ndarray
    megabytes: float  # of the process at its largest so far

    def cells(self) -> list[str]:
        """Mean, 95 %, worst, frames a second, memory."""
        mean = self.cpu_ms.mean()
        return [
            self.what,
            f"{self.frames}",
            f"{mean:.1f}",
            f"{np.percentile(self.cpu_ms, 95):.1f}",
            f"{self.cpu_ms.max():.1f}",
            f"{1000 / mean:.0f}",
            f"{self.wall_ms.mean():.1f}",
            f"{self.megabytes:.0f}",
        ]


HEAD = ["what plays", "frames", "CPU ms", "95 %", "worst", "fps", "clock ms", "peak MB"]


def tube(frames: int, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """A coat that swings: (T, V, 3) metres, engine axes, and its triangles."""
    around = 100
    along = vertices // around
    angle, height = np.meshgrid(2 * np.pi * np.arange(around) / around, np.linspace(0, 1, along))
    angle, height = angle.ravel(), height.ravel()
    first = np.arange(around * (along - 1)).reshape(along - 1, around)
    right = np.roll(first, -1, axis=1)
    quads = np.stack([first, right, right + around, first + around], -1).reshape(-1, 4)
    moving = np.empty((frames, len(angle), 3), np.float32)
    for t in range(frames):
        swing = 0.05 * np.sin(0.2 * t + 6 * height + 3 * angle)
        radius = 0.35 - 0.1 * height + swing
        moving[t] = np.stack(
            [radius * np.sin(angle), 0.5 + 0.9 * height, radius * np.cos(angle) + 0.005 * t], 1
        )
    return moving, np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32)


def play(what: str, frames: int) -> Row:
    """Every frame once, after one round of a few to warm up."""
    scene = bpy.context.scene
    for frame in (1, 2, 3):
        scene.frame_set(frame)
    cpu, wall = np.empty(frames), np.empty(frames)
    for k in range(frames):
        a, b = time.process_time(), time.perf_counter()
        scene.frame_set(k + 1)
        cpu[k], wall[k] = time.process_time() - a, time.perf_counter() - b
    scale = 1 / 1024 if sys.platform != "darwin" else 1 / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return Row(what, frames, 1000 * cpu, 1000 * wall, peak)


def cloth(moving: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    """An object of the first frame."""
    thing = bpy.data.objects.new("coat", new_mesh("coat", moving[0], faces))
    bpy.context.scene.collection.objects.link(thing)
    return thing


def rows(folder: Path, frames: int, vertices: int) -> list[Row]:
    """All that is measured."""
    make_result(folder / "walk", frames=frames)
    moving, faces = tube(frames, vertices)
    write_pc2(folder / "coat.pc2", moving)
    numbers = np.arange(1, frames + 1)

    def body() -> bpy.types.Object:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        return import_result(bpy.context, folder / "walk").people[0].armature

    body()
    found = [play("body", frames)]
    armature = body()
    key_clip_frame(armature, numbers)
    thing = cloth(moving, faces)
    play_pc2(thing, folder / "coat.pc2", armature)
    found.append(play("body and coat, point cache", frames))
    places = to_blender(read_pc2(folder / "coat.pc2"))
    body()
    key_components(cloth(moving, faces), numbers, places, COMPONENTS)
    found.append(play(f"body and coat, {COMPONENTS} components", frames))
    body()
    short = min(SHORT, frames)
    key_every_frame(cloth(moving, faces), numbers[:short], places[:short])
    found.append(play("body and coat, a key a frame", short))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000, help="frames of the clip")
    parser.add_argument("--vertices", type=int, default=20000, help="vertices of the cloth")
    options = parser.parse_args(bootstrap.arguments())
    with tempfile.TemporaryDirectory(prefix="layfigure-playback-") as folder:
        found = rows(Path(folder), options.frames, options.vertices)
    print(f"\nBlender {bpy.app.version_string}\n")
    print("| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    for row in found:
        print("| " + " | ".join(row.cells()) + " |")


if __name__ == "__main__":
    bootstrap.run(main)
