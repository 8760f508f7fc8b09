"""A scripted person on a screen: opens the tab, presses Run on a clip, watches the bar, gets the
character, runs again and cancels. Run by `test_ui.py` inside a real Blender with the zip installed.

    blender -P ui_fit_body.py -- --clip film.mp4 --engine-python python --out folder

Pictures and `story.json` (what was seen and when) go to --out. Exit code 0: all went well.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import bpy

ADDON = "bl_ext.user_default.layfigure"


def window():
    """The one window."""
    return bpy.context.window_manager.windows[0]


def view():
    """The 3D view, its sidebar and its main region."""
    area = next(a for a in window().screen.areas if a.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return area, regions["UI"], regions["WINDOW"]


def session():
    """The add-on's live state."""
    return sys.modules[f"{ADDON}.addon.session"].session


def until(condition, seconds):
    """Let Blender work until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            jobs = [vars(job) for job in session().jobs.jobs]
            raise TimeoutError(f"waited {seconds} s; jobs: {jobs}")
        yield 0.05


def open_tab(name):
    """Show the sidebar's tab."""
    area, sidebar, _ = view()
    area.spaces.active.show_region_ui = True
    yield 1.0  # tabs exist only after the first drawing
    sidebar.active_panel_category = name
    area.tag_redraw()
    yield 1.0


def mouse(x, y, click=False):
    """Move the mouse; a click is started, not waited for: Blender must see press and release."""
    command = ["xdotool", "mousemove", str(int(x)), str(int(y))]
    if click:
        subprocess.Popen([*command, "sleep", "0.1", "click", "1"])
    else:
        subprocess.run(command, check=True)


def find_button(operator, step=8):
    """Screen position of the button of `operator`, found by asking what is under the mouse."""
    area, sidebar, _ = view()
    manager, win = bpy.context.window_manager, window()
    x = sidebar.x + sidebar.width * 0.4
    for down in range(step, sidebar.height, step):
        y = win.height - (sidebar.y + sidebar.height) + down
        mouse(x, y)
        yield 0.06
        manager.clipboard = ""
        with bpy.context.temp_override(window=win, area=area, region=sidebar):
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
        if manager.clipboard.startswith(f"bpy.ops.{operator}("):
            return x, y + step / 2
    raise LookupError(f"no button of {operator} in the open tab")


def rest_mouse():
    """Take the mouse out of the sidebar, so that no button is lit and no tooltip shown."""
    mouse(300, 700)


def picture(name):
    """A picture of the screen, and the sidebar cut out of it."""
    path = opts.out / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(path)], check=True)
    _, sidebar, _ = view()
    top = window().height - (sidebar.y + sidebar.height)
    cut = f"{sidebar.width}x{sidebar.height}+{sidebar.x}+{top}"
    subprocess.run(
        ["convert", str(path), "-crop", cut, str(opts.out / f"{name}_tab.png")], check=True
    )


def armatures():
    """The characters in the scene."""
    return [thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE"]


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
    yield from watch(job)
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
    yield from until(lambda: session().check_lines, 60)
    told["check"] = session().check_lines
    bpy.ops.layfigure.open_preferences()
    yield 2.0
    subprocess.run(["import", "-window", "root", str(opts.out / "8_preferences.png")], check=True)


def play(script):
    """Run the story; each `yield seconds` gives Blender time to work and draw."""

    def stop(code):
        (opts.out / "story.json").write_text(json.dumps(told, indent=1))
        session().close()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def late():
        print("ui_fit_body: longer than", opts.limit, "s", file=sys.stderr)
        stop(2)

    watchdog = threading.Timer(opts.limit, late)
    watchdog.daemon = True
    watchdog.start()

    def step():
        try:
            return next(script)
        except StopIteration:
            print("ui_fit_body: ok", flush=True)
            stop(0)
        except BaseException:
            traceback.print_exc()
            told["trace"] = traceback.format_exc()
            try:
                picture("failed")
            finally:
                stop(1)

    bpy.app.timers.register(step, first_interval=2.0)


parser = argparse.ArgumentParser(prog="ui_fit_body.py")
parser.add_argument("--clip", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--patience", type=float, default=240, help="seconds for the first fit")
parser.add_argument("--limit", type=float, default=400, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
opts.out.mkdir(parents=True, exist_ok=True)
told: dict = {"blender": bpy.app.version_string}
bpy.context.preferences.view.show_splash = False  # inside a timer this is too late
play(story())
