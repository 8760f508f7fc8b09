"""A scripted person on a screen: sees what is missing, chooses a picture, takes the body from it
and looks at it before the picture. Run by `test_ui.py` inside a real Blender with the zip
installed.

    blender -P ui_picture.py -- --picture file --network file --engine-python python --out folder

Pictures and `story.json` (what was seen) go to --out. Exit code 0: all went well.
"""

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))  # `blender -P` does not do it

from ui_person import (  # noqa: E402
    ADDON,
    armatures,
    ended,
    find_button,
    open_tab,
    play,
    press,
    session,
    still,
    told,
    unfold,
    until,
    view,
    window,
)

_HEADER = 26  # px from the upper rim of the button to the fold above it


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    unfold("picture")
    yield from open_tab("Layfigure")
    yield from still("1_no_engine")
    bpy.context.preferences.addons[ADDON].preferences.engine_python = str(opts.engine_python)
    yield from still("2_no_picture")
    settings = bpy.context.scene.layfigure
    settings.picture_source, settings.picture_network = str(opts.picture), str(opts.network)
    settings.picture_refine, settings.output = True, str(opts.out / "results")
    view()[0].tag_redraw()
    yield 1.5  # the hint goes, and what is below it moves up
    x, y = yield from find_button("layfigure.body_from_picture", step=4)
    advanced, button = (x, y - _HEADER), (x, y + 8)
    yield from press(*advanced)
    yield from still("3_advanced")
    yield from press(*advanced)
    yield from press(*button)
    yield from until(lambda: session().jobs.active is not None, 20)
    job = session().jobs.active
    yield from until(lambda: job.ended or job.message == "Refining", 300)
    yield from still("4_running")
    yield from until(lambda: ended("regress"), 600)
    told["note"], told["error"] = job.note, job.error
    look_through_the_camera()
    yield from still("5_before_the_picture")
    undo()
    yield 1.0
    told["after_undo"] = len(armatures())


def look_through_the_camera():
    """See the body over its picture, and keep what there is."""
    scene, (armature,) = bpy.context.scene, armatures()
    (background,) = scene.camera.data.background_images
    told["frames"] = [scene.frame_start, scene.frame_end]
    told["behind"] = Path(background.image.filepath).name
    told["turned"] = armature.pose.bones["upper_arm_L"].rotation_quaternion.angle
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.view3d.view_camera()


def undo():
    """Take the import back."""
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.undo()


parser = argparse.ArgumentParser(prog="ui_picture.py")
parser.add_argument("--picture", type=Path, required=True)
parser.add_argument("--network", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--limit", type=float, default=900, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
