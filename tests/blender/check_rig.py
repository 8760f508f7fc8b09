"""Run by a Blender: a rig that is not ours saved as a body, and a fit of it keyed.

    blender -b --python-exit-code 3 -P tests/blender/check_rig.py -- save FOLDER
    blender -b --python-exit-code 3 -P tests/blender/check_rig.py -- key FOLDER

`save` makes mannequin.blend and mannequin.npz; `key` opens the first, applies the result `fit` and
compares the mesh with the engine's vertices in expected.npz. Prints `figure NAME VALUE` lines.
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

from check_scene import tell  # noqa: E402
from layfigure.addon import compat  # noqa: E402
from layfigure.addon.scene.rig_keys import key_rig  # noqa: E402
from make_rig import shown_vertices, write_mannequin  # noqa: E402


def check_keys(folder: Path) -> None:
    """The evaluated mesh against the engine's, in every frame; the file saved again."""
    bpy.ops.wm.open_mainfile(filepath=str(folder / "mannequin.blend"))
    armature, thing = bpy.data.objects["Mannequin"], bpy.data.objects["Mannequin body"]
    armature.pose.bones["root"].location = (0.2, 0, 0)
    armature.keyframe_insert('pose.bones["root"].location', frame=1)
    expected = np.load(folder / "expected.npz")["vertices"]
    start = time.perf_counter()
    made = key_rig(bpy.context, armature, folder / "fit")
    tell("key_s", time.perf_counter() - start)
    for note in made.notes:
        print(note)
    off = 0.0
    for frame, vertices in zip(made.frames, expected, strict=True):
        bpy.context.scene.frame_set(int(frame))
        off = max(off, float(np.abs(shown_vertices(thing) - vertices).max()))
    tell("keyed_mm", 1000 * off)
    tell("curves", len(compat.fcurves(armature)))
    tell("stashed", len(armature.animation_data.nla_tracks))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "keyed.blend"))


def main() -> None:
    """What is asked for."""
    what, folder = bootstrap.arguments()
    if what == "save":
        write_mannequin(Path(folder))
    else:
        check_keys(Path(folder))


if __name__ == "__main__":
    bootstrap.run(main)
