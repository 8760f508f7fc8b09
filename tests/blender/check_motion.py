"""Run by a Blender: a result's motion on a generated Rigify rig, by the add-on's own buttons.

    blender -b --python-exit-code 3 -P tests/blender/check_motion.py -- WORK_FOLDER

Prints `figure NAME VALUE` lines; the test beside it reads them.
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

import layfigure  # noqa: E402
from check_scene import tell  # noqa: E402
from layfigure.addon.motion_options import map_of  # noqa: E402
from layfigure.addon.scene.retarget_maths import unit  # noqa: E402
from layfigure.addon.scene.retarget_rig import Rig  # noqa: E402
from make_character_rigs import make_mixamo  # noqa: E402
from make_result import make_result  # noqa: E402

FRAMES = range(1, 25)
LIMBS = (("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot"))


def make_rigify() -> bpy.types.Object:
    """Rigify's basic human, generated."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_basic_human_metarig_add()
    metarig = bpy.context.object
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    bpy.data.objects.remove(metarig)
    return rig


def ways(armature: bpy.types.Object) -> np.ndarray:
    """(T, 8, 3) the directions of its limbs."""
    rig = Rig(armature, map_of(armature))
    places = rig.sample(bpy.context, FRAMES).places
    pairs = [(rig.row[f"{a}_{s}"], rig.row[f"{b}_{s}"]) for s in "LR" for a, b in LIMBS]
    return np.stack([unit(places[:, b] - places[:, a]) for a, b in pairs], 1)


def off(source: bpy.types.Object, target: bpy.types.Object) -> float:
    """The most degrees between limbs of the two."""
    cosine = (ways(source) * ways(target)).sum(-1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).max())


def choose(armature: bpy.types.Object) -> None:
    """Make it the active and only selected one, in object mode."""
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for thing in bpy.context.selected_objects:
        thing.select_set(False)
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature


def check(folder: Path) -> None:
    """Retarget, foot lock, smooth, poses, BVH, with the figures of each."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    buttons = bpy.ops.layfigure
    make_result(folder / "walk", len(FRAMES))
    buttons.import_result(directory=str(folder / "walk"))
    source, settings = bpy.context.view_layer.objects.active, bpy.context.scene.layfigure
    settings.motion_lock = False
    for name, target in (("rigify", make_rigify()), ("mixamo", make_mixamo())):
        choose(source)
        settings.motion_target = target
        buttons.motion_guess()
        tell(f"{name}_bones", len(map_of(target).bones))
        start = time.perf_counter()
        buttons.motion_retarget()
        tell(f"{name}_ms", 1000 * (time.perf_counter() - start) / len(FRAMES))
        tell(f"{name}_degrees", off(source, target))
    buttons.motion_save_map(name="hero")
    buttons.motion_load_map(preset="hero")
    choose(target)
    buttons.foot_lock()
    buttons.smooth_motion()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "poses.blend"))
    settings.pose_frames, settings.pose_count = "DIFFERENT", 3
    buttons.pose_assets()
    tell("poses", sum(action.asset_data is not None for action in bpy.data.actions))
    choose(source)
    buttons.motion_export_bvh(filepath=str(folder / "walk.bvh"))
    settings.bvh_onto = False
    bpy.ops.object.select_all(action="DESELECT")
    buttons.motion_import_bvh(filepath=str(folder / "walk.bvh"))
    tell("bvh_degrees", off(source, bpy.context.view_layer.objects.active))


def main() -> None:
    """With the add-on registered."""
    layfigure.register()
    try:
        check(Path(bootstrap.arguments()[0]))
    finally:
        layfigure.unregister()


if __name__ == "__main__":
    bootstrap.run(main)
