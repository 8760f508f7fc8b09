"""A scripted person on a screen: opens the tab, presses Run on a clip, watches the bar, gets the
character, runs again and cancels. Run by `test_ui.py` inside a real Blender with the zip installed.

    blender -P ui_fit_body.py -- --clip film.mp4 --engine-python python --out folder

Pictures and `story.json` (what was seen and when) go to --out. Exit code 0: all went well.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))  # `blender -P` does not do it

from ui_person import (  # noqa: E402
    ADDON,
    armatures,
    find_button,
    mouse,
    open_tab,
    picture,
    play,
    rest_mouse,
    session,
    told,
    until,
    view,
    watch_blocks,
    window,
)


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    area, sidebar, main = view()
    yield from open_tab("Layfigure")
    rest_mouse()
    yield 0.5
    picture("1_no_engine")

    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.engine_python = str(opts.engine_python)
    settings = bpy.context.scene.layfigure
    settings.video, settings.output = str(opts.clip), str(opts.out / "results")
    area.tag_redraw()
    yield 1.0
    rest_mouse()
    yield 0.5
    picture("2_ready")

    x, y = yield from find_button("layfigure.fit_body")
    mouse(x, y, click=True)
    yield from until(lambda: session().jobs.jobs, 10)
    job = session().jobs.jobs[0]
    rest_mouse()
    blocks = watch_blocks()
    yield from watch(job)
    told["blocks"] = blocks.tell()
    told["status"], told["error"] = job.status, f"{job.error} {job.hint}".strip()
    assert job.status == "done", told["error"]
    yield from until(lambda: job.note, 30)
    told["note"] = job.note
    assert len(armatures()) >= 1, job.note
    yield 1.0
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.view3d.view_selected()
    yield 2.0
    picture("4_character")
    told["objects"] = sorted(thing.name for thing in bpy.context.scene.objects)
    yield from undo_and_redo(area, main)
    yield from cancel()
    picture("6_cancelled")
    yield from wrong_input()
    yield from show_preferences()


def watch(job):
    """See the bar move; a picture at each quarter and each new message."""
    seen, bars = set(), told.setdefault("bars", [])
    began = time.monotonic()
    while not job.ended:
        if time.monotonic() - began > opts.patience:
            raise TimeoutError(f"the fit takes longer than {opts.patience} s")
        mark = (job.message, int(job.factor * 4))
        bar = (job.step, job.total, job.message)
        if job.total and (not bars or tuple(bars[-1][1:]) != bar):
            bars.append([round(time.monotonic() - began, 2), *bar])
        if job.total and mark not in seen and len(seen) < 12:
            yield 0.3  # the sidebar is drawn after the clock's tick
            seen.add(mark)
            picture(f"3_running_{len(seen):02d}")
        yield 0.05
    told["fit_seconds"] = round(time.monotonic() - began, 1)


def undo_and_redo(area, main):
    """The import is one undo step."""
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.undo()
    yield 1.0
    told["after_undo"] = len(armatures())
    assert not armatures(), "one undo takes the import back"
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.redo()
    yield 1.0
    assert armatures(), "redo brings it again"


def cancel():
    """A second run, cancelled by a click."""
    x, y = yield from find_button("layfigure.fit_body")
    mouse(x, y, click=True)
    yield from until(lambda: len(session().jobs.jobs) > 1, 10)
    job = session().jobs.jobs[1]
    yield from until(lambda: job.status == "running" and job.step > 0, 60)
    x, y = yield from find_button("layfigure.cancel_job", step=12)
    assert not job.ended, "the fit was over before it could be cancelled"
    yield 0.2
    picture("5_cancel")
    clicked = time.monotonic()
    mouse(x, y, click=True)
    yield from until(lambda: job.ended, 10)
    told["cancel_seconds"] = round(time.monotonic() - clicked, 2)
    told["cancel_status"] = job.status
    assert job.status == "cancelled" and told["cancel_seconds"] < 2.0, told
    assert not job.out.exists(), "nothing half-written"
    rest_mouse()
    yield 1.0


def wrong_input():
    """A text file that is called a film: the panel says what is wrong."""
    text = opts.out / "not_a_film.mp4"
    text.write_text("This is no film.")
    bpy.context.scene.layfigure.video = str(text)  # undo made new data: nothing kept is valid
    count = len(session().jobs.jobs)
    x, y = yield from find_button("layfigure.fit_body")
    mouse(x, y, click=True)
    yield from until(lambda: len(session().jobs.jobs) > count, 10)
    job = session().jobs.jobs[-1]
    yield from until(lambda: job.ended, 60)
    told["failed"] = job.error
    assert job.status == "failed", job.status
    rest_mouse()
    yield 1.0
    picture("7_failed")


def show_preferences():
    """The preferences after Check."""
    bpy.ops.layfigure.check_engine()
    yield from until(lambda: session().setup.findings, 60)
    told["check"] = session().setup.findings
    bpy.ops.layfigure.open_preferences()
    yield 2.0
    subprocess.run(["import", "-window", "root", str(opts.out / "8_preferences.png")], check=True)


parser = argparse.ArgumentParser(prog="ui_fit_body.py")
parser.add_argument("--clip", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--patience", type=float, default=600, help="seconds for the first fit")
parser.add_argument("--limit", type=float, default=900, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
