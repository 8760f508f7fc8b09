"""A scripted person on a screen: opens a rig of somebody else, lets its keypoints be guessed, saves
it as a body and applies a fit to it. Run by `test_rig.py` in a real Blender with the zip installed.

    blender -P ui_rig.py -- --folder folder --out folder

--folder holds `mannequin.blend` and the result `fit`. Pictures and `story.json` go to --out.
"""

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))  # `blender -P` does not do it

from ui_person import (  # noqa: E402
    find_button,
    look_at,
    open_tab,
    play,
    press,
    still,
    told,
    unfold,
    until,
    view,
    window,
)


def story():
    """What the person does."""
    blend = str(opts.folder / "mannequin.blend")
    with bpy.data.libraries.load(blend) as (there, taken):
        taken.objects = [name for name in there.objects if name.startswith("Mannequin")]
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    for thing in taken.objects:
        bpy.context.scene.collection.objects.link(thing)
    armature, mesh = bpy.data.objects["Mannequin"], bpy.data.objects["Mannequin body"]
    look_at(mesh)
    bpy.context.view_layer.objects.active = armature
    unfold("rig_body")
    yield from open_tab("Layfigure")
    x, y = yield from find_button("layfigure.rig_guess")
    yield from press(x, y)
    yield from until(lambda: len(armature.layfigure_rig.points), 20)
    told["guessed"] = len(armature.layfigure_rig.points)
    armature.layfigure_rig.active_point = 4
    yield from still("1_guessed")
    yield from find_button("layfigure.rig_save")
    yield from find_button("layfigure.rig_apply")
    body = opts.out / "saved.npz"
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.layfigure.rig_save("EXEC_DEFAULT", filepath=str(body))
        told["saved"] = body.exists()
        bpy.ops.layfigure.rig_apply("EXEC_DEFAULT", True, directory=str(opts.folder / "fit"))
    told["keyed"] = list(armature.animation_data.action.frame_range)
    told["long_legs"] = mesh.data.shape_keys.key_blocks["Long Legs"].value
    bpy.context.scene.frame_set(8)
    armature.data.collections_all["DEF"].is_visible = True
    armature.show_in_front = True
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.view3d.view_orbit(angle=0.6, type="ORBITLEFT")
        bpy.ops.view3d.view_selected()
    yield from still("2_keyed")
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.undo()
    yield 0.5
    animation = bpy.data.objects["Mannequin"].animation_data
    told["after_undo"] = int(animation is not None and animation.action is not None)


parser = argparse.ArgumentParser(prog="ui_rig.py")
parser.add_argument("--folder", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--limit", type=float, default=400, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
