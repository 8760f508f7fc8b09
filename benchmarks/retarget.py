"""A fitted dance on rigs of others: how feet slide, how far limbs are off, what it costs.

    blender -b -P benchmarks/retarget.py -- --result FOLDER [--film FILE.mp4] [--json FILE]
    python benchmarks/retarget.py --result FOLDER      (bpy wheel: without Rigify)

FOLDER is a result of `layfigure fit`. Rigs: Rigify's basic human as it generates it, one with
Mixamo's names (T-pose, centimetres, y up), one with Unreal's (A-pose, elbows bent, rolled by
chance). Feet: millimetres a frame over the ground while the source's stand, of the source, of the
target without and with foot lock. Limbs: degrees between the direction of a limb on source and
target; bends: difference of the angle at elbow and knee; mean and 95th percentile. Both are
measured on what Blender shows of the keys.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "headless"), str(ROOT / "tests")]

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from layfigure.addon import compat  # noqa: E402
from layfigure.addon.scene.bone_maps import guess  # noqa: E402
from layfigure.addon.scene.foot_contacts import FootOptions, contacts, skate  # noqa: E402
from layfigure.addon.scene.import_result import ImportOptions, import_result  # noqa: E402
from layfigure.addon.scene.retarget import RetargetOptions, retarget  # noqa: E402
from layfigure.addon.scene.retarget_maths import unit  # noqa: E402
from layfigure.addon.scene.retarget_rig import Rig, Sampled  # noqa: E402
from layfigure.addon.scene.stage import build_studio, use_engine  # noqa: E402
from make_character_rigs import make_mixamo, make_unreal  # noqa: E402
from make_rig import make_mannequin  # noqa: E402

LIMBS = {
    "upper arm": ("upper_arm", "forearm"),
    "forearm": ("forearm", "hand"),
    "thigh": ("thigh", "shin"),
    "shin": ("shin", "foot"),
}
FEET = ("foot_L", "toes_L", "foot_R", "toes_R")


def measure(source: bpy.types.Object, target: bpy.types.Object, frames: range) -> dict[str, float]:
    """Retarget without and with foot lock; the figures of the table."""
    maps = (guess(source), guess(target))
    context, found = bpy.context, {}
    for lock in (None, FootOptions()):
        start = time.process_time()
        retarget(context, source, target, maps, frames, RetargetOptions(lock=lock))
        cost = 1000 * (time.process_time() - start) / len(frames)
        rigs = Rig(source, maps[0]), Rig(target, maps[1])
        ours, theirs = (rig.sample(context, frames) for rig in rigs)
        name = "locked" if lock else "free"
        seen = _joints(rigs[0], ours, FEET)
        fps = context.scene.render.fps / context.scene.render.fps_base
        standing = contacts(seen, fps, FootOptions())
        found["source feet"] = skate(seen, standing)
        found[f"feet {name}"] = skate(_joints(rigs[1], theirs, FEET), standing)
        found[f"limbs {name}"], found[f"limbs {name} 95"] = _limbs(rigs, (ours, theirs))
        found[f"bends {name}"], found[f"bends {name} 95"] = _bends(rigs, (ours, theirs))
        found["ms a frame"] = cost
    lowest = _joints(rigs[1], theirs, FEET)[..., 2].min(0).min()
    found["lowest joint mm"] = 1000 * float(lowest - target.matrix_world.translation.z)
    return found


def _joints(rig: Rig, sampled: Sampled, slots: tuple[str, ...]) -> np.ndarray:
    return sampled.places[:, [rig.row[slot] for slot in slots]]


def _ways(rig: Rig, sampled: Sampled) -> np.ndarray:
    """(T, limbs of both sides, 3) directions."""
    pairs = [(f"{a}_{s}", f"{b}_{s}") for s in "LR" for a, b in LIMBS.values()]
    starts, ends = zip(*pairs, strict=True)
    return unit(_joints(rig, sampled, ends) - _joints(rig, sampled, starts))


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((a * b).sum(-1), -1, 1)))


def _limbs(rigs: tuple[Rig, Rig], seen: tuple[Sampled, Sampled]) -> tuple[float, float]:
    off = _angles(*(_ways(rig, sampled) for rig, sampled in zip(rigs, seen, strict=True)))
    return float(off.mean()), float(np.percentile(off, 95))


def _bends(rigs: tuple[Rig, Rig], seen: tuple[Sampled, Sampled]) -> tuple[float, float]:
    both = []
    for rig, sampled in zip(rigs, seen, strict=True):
        ways = _ways(rig, sampled)
        both.append(_angles(ways[:, 0::2], ways[:, 1::2]))  # elbow, knee, elbow, knee
    off = np.abs(both[0] - both[1])
    return float(off.mean()), float(np.percentile(off, 95))


def render(film: Path, people: list[bpy.types.Object], frames: range) -> None:
    """All beside each other, from the front, by Workbench."""
    scene = bpy.context.scene
    width = 1.9 * len(people)
    low, high = np.array([-1.0, -1.0, 0.0]), np.array([width, 1.0, 2.0])
    build_studio(scene, low, high, "workbench")
    use_engine(scene, "workbench", 1)
    camera = bpy.data.objects.new("front", bpy.data.cameras.new("front"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", width
    camera.location, camera.rotation_euler = ((width - 1.9) / 2, -12, 1.9), (1.5, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    scene.render.resolution_x, scene.render.resolution_y = 320 * len(people), 460
    scene.render.filepath = str(film)
    if film.suffix == ".mp4":
        compat.set_film_output(scene.render)
        bpy.ops.render.render(animation=True)
        return
    compat.set_still_output(scene.render)
    for frame in frames[:: max(1, len(frames) // 8)]:
        scene.frame_set(frame)
        scene.render.filepath = str(film / f"{frame:04d}.png")
        bpy.ops.render.render(write_still=True)


def main() -> None:
    """Print the table; write film and figures where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--film", type=Path, help="FILE.mp4, or a folder for eight pictures")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(bootstrap.arguments())
    bpy.ops.wm.read_factory_settings(use_empty=True)
    imported = import_result(bpy.context, options.result, ImportOptions(with_camera=False))
    source = imported.people[0].armature
    frames = range(imported.frame_start, imported.frame_end + 1)
    targets = [make_mixamo(), make_unreal()]
    if bpy.app.binary_path:  # the wheel's Rigify does not generate
        targets.insert(0, make_mannequin()[0])
    table = {}
    for place, target in enumerate(targets, 1):
        target.location.x += 1.9 * place
        bpy.context.view_layer.update()
        table[target.name] = measure(source, target, frames)
    names = list(next(iter(table.values())))
    print(f"{'':18}" + "".join(f"{rig:>12}" for rig in table))
    for name in names:
        print(f"{name:18}" + "".join(f"{row[name]:12.2f}" for row in table.values()))
    if options.json:
        options.json.write_text(json.dumps(table, indent=1))
    if options.film:
        render(options.film.absolute(), [source, *targets], frames)


if __name__ == "__main__":
    bootstrap.run(main)
