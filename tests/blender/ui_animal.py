"""A scripted person on a screen: has the engine fit the dog of an annotated film and looks at it.
Run by `test_ui.py` inside a real Blender with the zip installed.

    blender -P ui_animal.py -- --film file --annotations file --engine-python python --out folder

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
    look_at,
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


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    unfold("animal")
    bpy.context.preferences.addons[ADDON].preferences.engine_python = str(opts.engine_python)
    settings = bpy.context.scene.layfigure
    settings.annotate_film, settings.animal_annotations = str(opts.film), str(opts.annotations)
    settings.animal_family, settings.animal_frames = "dog", "5:10"
    settings.output = str(opts.out / "results")
    yield from open_tab("Layfigure")
    button = yield from find_button("layfigure.fit_animal")
    yield from press(*button)
    yield from until(lambda: session().jobs.active is not None, 20)
    job = session().jobs.active
    yield from until(lambda: job.ended or "outlines" in (job.message or ""), 300)
    yield from still("1_running")
    told["bar"] = job.message
    yield from until(lambda: ended("animal_fit"), 600)
    told["note"], told["error"] = job.note, job.error
    told["animals"] = [len(thing.data.bones) for thing in armatures()]
    look_at(next(thing for thing in bpy.context.scene.objects if thing.type == "MESH"))
    yield from still("2_fitted")
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.undo()
    told["after_undo"] = len(armatures())


parser = argparse.ArgumentParser(prog="ui_animal.py")
parser.add_argument("--film", type=Path, required=True)
parser.add_argument("--annotations", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--limit", type=float, default=900, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
