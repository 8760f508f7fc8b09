"""A scripted person on a screen: an avatar of surface elements, posed, looked at in every way.

    blender -P ui_points.py -- --scans folder --motion walk.npz --engine-python python --out folder

Pictures and `story.json` (what was seen and when) go to --out. Exit code 0: all went well.
"""

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))  # `blender -P` does not do it

from ui_person import (  # noqa: E402
    ADDON,
    ended,
    look_at,
    open_tab,
    play,
    press,
    session,
    still,
    told,
    unfolded,
    until,
    view,
    window,
)

SHAPE, COLORING = 26, 49  # pixels that these rows of buttons lie below the first one


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    bpy.context.preferences.addons[ADDON].preferences.engine_python = str(opts.engine_python)
    settings = bpy.context.scene.layfigure
    settings.scans, settings.avatar_motion = str(opts.scans), str(opts.motion)
    settings.output = str(opts.out / "results")
    yield from open_tab("Layfigure")
    button = yield from unfolded("train", "layfigure.train_avatar")
    settings.training_method = "scale"
    yield from still("1_method")
    yield from press(*button)
    yield from until(lambda: ended("avatar_train"), 60)
    button = yield from unfolded("pose", "layfigure.pose_avatar")
    yield from press(*button)
    yield from until(lambda: ended("avatar_pose"), 60)
    told["posed"] = session().jobs.jobs[-1].note

    points = bpy.data.objects["person_00 points"]
    look_at(points)
    shading = view()[0].spaces.active.shading
    shading.color_type = "VERTEX"
    told["at_first"] = [scene().shown(points), *scene().look(points)]
    yield from still("2_discs")
    bpy.context.scene.frame_set(6)
    _, top = yield from unfolded("points", "layfigure.show_points")
    yield from choose(top + COLORING, 0.5)
    told["normal"] = scene().look(points)
    yield from still("3_normals")
    yield from choose(top, 0.5)
    told["mesh"] = scene().shown(points)
    yield from still("4_mesh")
    yield from choose(top, 0.85)
    told["both"] = scene().shown(points)
    yield from choose(top, 0.15)
    yield from choose(top + COLORING, 0.85)
    yield from choose(top + SHAPE, 0.75)
    told["patch"] = scene().look(points)
    shading.type = "MATERIAL"
    yield 20.0  # shaders
    yield from still("5_points_of_patches")
    shading.type = "SOLID"
    area, _, main = view()
    while bpy.data.objects.get("person_00 points") is not None:
        with bpy.context.temp_override(window=window(), area=area, region=main):
            bpy.ops.ed.undo()
        told["undone"] = told.get("undone", 0) + 1
        yield 0.3
    told["after_undo"] = [t.name for t in bpy.data.objects if "person" in t.name]


def scene():
    """The module that knows what is shown."""
    return sys.modules[f"{ADDON}.addon.scene.points"]


def choose(y, part):
    """Click the button in the row at height `y`, at this part of its width."""
    _, sidebar, _ = view()
    yield from press(sidebar.x + sidebar.width * (0.08 + 0.8 * part), y)
    yield 0.5


parser = argparse.ArgumentParser(prog="ui_points.py")
parser.add_argument("--scans", type=Path, required=True)
parser.add_argument("--motion", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--limit", type=float, default=900, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
