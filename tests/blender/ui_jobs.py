"""A scripted person on a screen: gives the engine two fits, closes Blender in the middle; opens it
again, sees how they stand, and brings one result in while the other is still being made.
Run by `test_ui_jobs.py`, once for each --day, in a real Blender with the zip installed.

    blender -P ui_jobs.py -- --day one --clip film --engine-python python --out folder

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
    close_blender,
    find_button,
    open_tab,
    play,
    press,
    session,
    still,
    told,
    unfold,
    unfolded,
    until,
    view,
    watch_blocks,
    window,
)


def first_day():
    """Run, and Run again; then Blender is closed."""
    bpy.context.preferences.addons[ADDON].preferences.engine_python = str(opts.engine_python)
    bpy.ops.wm.save_userpref()
    settings = bpy.context.scene.layfigure
    settings.video, settings.output = str(opts.clip), str(opts.out / "results")
    unfold("fit_body", "jobs")
    yield from open_tab("Layfigure")
    yield from still("1_empty")
    yield from redrawn("idle_blocks")
    blocks = watch_blocks()
    for number in (1, 2):
        yield from press(*(yield from find_button("layfigure.fit_body")))
        yield from until(lambda n=number: len(session().jobs.jobs) == n, 20)
    first, second = session().jobs.jobs
    yield from until(lambda: first.step > 0, 60)
    yield from still("2_two_jobs")
    told["given"] = [first.status, second.status]
    told["blocks"] = blocks.tell()
    yield from redrawn("busy_blocks")
    yield from close_blender()


def redrawn(name):
    """How well Blender keeps up with drawing its sidebar while nobody does anything."""
    blocks = watch_blocks()
    for _ in range(20):
        view()[1].tag_redraw()
        yield 0.1
    told[name] = blocks.tell()


def next_day():
    """How the jobs stand; Import while one still runs."""
    jobs = session().jobs.jobs
    told["found"] = [job.status for job in jobs]
    unfold("jobs")
    yield from open_tab("Layfigure")
    bpy.context.window_manager.layfigure_jobs.active = 1
    yield from until(lambda: jobs[0].status == "outside" and jobs[0].step > 0, 60)
    yield from still("3_outside")
    (opts.out / "results").mkdir()
    (opts.out / "results" / "film.go").touch()
    yield from until(lambda: jobs[0].ended, opts.patience)
    told["then"] = [job.status for job in jobs]
    button = yield from unfolded("jobs", "layfigure.import_job")
    yield from still("4_done")
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    blocks = watch_blocks()
    yield from press(*button)
    yield from until(lambda: session().arriving is not None or jobs[0].note == "Imported", 20)
    yield from until(lambda: session().arriving is None, 60)
    yield 1.0
    told["import_blocks"] = blocks.tell()
    told["note"], told["frames"] = jobs[0].note, bpy.context.scene.frame_end
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.view3d.view_selected()
    yield from still("5_imported")
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.undo()
    yield 1.0
    told["after_undo"] = len(armatures())
    (opts.out / "results" / "film_02.go").touch()
    yield from until(lambda: jobs[1].ended, opts.patience)
    told["last"] = jobs[1].status


parser = argparse.ArgumentParser(prog="ui_jobs.py")
parser.add_argument("--day", choices=("one", "two"), required=True)
parser.add_argument("--clip", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--patience", type=float, default=400, help="seconds for a fit")
parser.add_argument("--limit", type=float, default=600, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(first_day() if opts.day == "one" else next_day(), opts.out, opts.limit)
