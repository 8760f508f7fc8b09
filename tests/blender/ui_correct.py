"""A scripted person on a screen: looks at the options of a fit, opens its keypoints over the film,
drags the left wrist away, deletes a marker, tracks another with Blender's tracker, presses Refit.
Run by `test_ui.py` inside a real Blender with the zip installed.

    blender -P ui_correct.py -- --result folder --engine-python python --out folder

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
    unfolded,
    until,
    view,
    window,
)

FRAME = 40


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    preferences = bpy.context.preferences.addons[ADDON].preferences
    preferences.engine_python, preferences.device = str(opts.engine_python), "cpu"
    yield from options()
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.layfigure.import_result("EXEC_DEFAULT", True, directory=str(opts.result))
    bpy.context.scene.frame_set(FRAME)
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.view3d.view_selected()
    yield 2.0
    x, y = yield from unfolded("correct", "layfigure.keypoints_to_tracks")
    began = time.monotonic()
    mouse(x, y, click=True)
    yield from until(lambda: bpy.data.movieclips, 20)
    told["edit_seconds"] = round(time.monotonic() - began, 2)
    yield 2.0
    yield from open_tab("Layfigure", "CLIP_EDITOR")
    rest_mouse()
    yield 1.0
    picture("2_tracks", "CLIP_EDITOR")
    yield from change()
    yield from refit()


def options():
    """The folded options, all open."""
    fit_body = sys.modules[f"{ADDON}.panels.fit_body"]
    as_it_was, fit_body._folded = fit_body._folded, open_at_once
    yield from open_tab("Layfigure")
    settings = bpy.context.scene.layfigure
    settings.video = str(opts.clip)
    area, sidebar, _ = view()
    area.tag_redraw()
    header = (sidebar.x + 60, window().height - (sidebar.y + sidebar.height) + 140)
    mouse(*header, click=True)  # Options
    yield 3.0  # panels slide open
    rest_mouse()
    yield 1.0
    picture("1_options")
    mouse(*header, click=True)
    yield 1.0
    fit_body._folded = as_it_was


def open_at_once(layout, title):
    """A part of the options that is open from the start."""
    header, body = layout.panel(f"unfolded_{title}", default_closed=False)
    header.label(text=title)
    return body


def markers(name):
    """The markers of one keypoint of the only person."""
    (clip,) = bpy.data.movieclips
    return clip.tracking.objects["person_00"].tracks[name].markers


def in_clip_editor():
    """A context in the Clip Editor's picture."""
    area, _, main = view("CLIP_EDITOR")
    return bpy.context.temp_override(window=window(), area=area, region=main)


def go_to(frame):
    """Show a frame; the Clip Editor does not hear of what a script does."""
    bpy.context.scene.frame_set(frame)
    view("CLIP_EDITOR")[0].spaces.active.clip_user.frame_current = frame


def select(name):
    """Select one track and no other."""
    (clip,) = bpy.data.movieclips
    tracks = clip.tracking.objects["person_00"].tracks
    for track in tracks:
        track.select = track.name == name
    tracks.active = tracks[name]


def drag(name, right, up):
    """Drag a marker with the mouse, by pixels of the screen."""
    _, _, main = view("CLIP_EDITOR")
    before = tuple(markers(name).find_frame(FRAME).co)
    low, high = (main.view2d.view_to_region(k, k, clip=False) for k in (0, 1))
    x = main.x + low[0] + before[0] * (high[0] - low[0])
    y = window().height - (main.y + low[1] + before[1] * (high[1] - low[1]))
    x, y = map(int, (x, y))
    steps = ["mousemove", str(x), str(y), "sleep", "0.3", "mousedown", "1"]
    for part in (0.2, 0.6, 1.0):
        steps += ["sleep", "0.2", "mousemove", str(int(x + part * right)), str(int(y - part * up))]
    process = subprocess.Popen(["xdotool", *steps, "sleep", "0.2", "mouseup", "1"])
    yield from until(lambda: process.poll() is not None, 20)
    yield from until(lambda: tuple(markers(name).find_frame(FRAME).co) != before, 20)
    yield 1.0
    after = markers(name).find_frame(FRAME)
    told["mouse_dragged"] = [round(b - a, 4) for a, b in zip(before, after.co, strict=True)]
    told["mouse_enables"] = not after.mute
    told["drag_expected"] = [right / (high[0] - low[0]), up / (high[1] - low[1])]


def change():
    """Drag with G, delete with Shift X, disable, and track with Blender's own tracker."""
    before = tuple(markers("LWrist").find_frame(FRAME).co)
    select("LWrist")
    for frame in range(FRAME - 3, FRAME + 4):
        go_to(frame)
        with in_clip_editor():
            bpy.ops.transform.translate(value=(0.05, 0.1, 0))
    go_to(FRAME)
    after = tuple(markers("LWrist").find_frame(FRAME).co)
    told["dragged"] = [round(b - a, 4) for a, b in zip(before, after, strict=True)]

    select("RBigToe")
    with in_clip_editor():
        bpy.ops.clip.delete_marker(confirm=False)
    select("RHeel")
    with in_clip_editor():
        bpy.ops.clip.disable_markers(action="DISABLE")
    told["disabled"] = markers("RHeel").find_frame(FRAME).mute
    with in_clip_editor():
        bpy.ops.transform.translate(value=(0.0, 0.0, 0))
    told["moving_enables"] = not markers("RHeel").find_frame(FRAME).mute
    with in_clip_editor():
        bpy.ops.clip.disable_markers(action="DISABLE")

    select("LElbow")
    with in_clip_editor():
        bpy.ops.clip.disable_markers(action="DISABLE")
    yield 0.5
    yield from drag("LElbow", 30, 40)

    select("Nose")
    told["nose_before"] = list(markers("Nose").find_frame(FRAME + 1).co)
    with in_clip_editor():
        bpy.ops.clip.track_markers(backwards=False, sequence=False)
    told["nose_tracked"] = list(markers("Nose").find_frame(FRAME + 1).co)
    go_to(FRAME)
    yield 1.0
    picture("3_changed", "CLIP_EDITOR")


def refit():
    """Press Refit in the Clip Editor and see the new character."""
    x, y = yield from find_button("layfigure.refit", kind="CLIP_EDITOR")
    began = time.monotonic()
    mouse(x, y, click=True)
    yield from until(lambda: session().jobs.jobs, 10)
    job = session().jobs.jobs[-1]
    rest_mouse()
    yield 1.5
    picture("4_refit", "CLIP_EDITOR")
    yield from until(lambda: job.ended, opts.patience)
    told["status"], told["error"] = job.status, f"{job.error} {job.hint}".strip()
    assert job.status == "done", told["error"]
    yield from until(lambda: job.note, 30)
    told["note"], told["refit_seconds"] = job.note, round(time.monotonic() - began, 1)
    told["collections"] = {c.name: c.hide_viewport for c in bpy.data.collections}
    told["armatures"] = len(armatures())
    yield 2.0
    picture("5_refitted")
    area, _, main = view()
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.ed.undo()
    yield 1.0
    told["after_undo"] = {c.name: c.hide_viewport for c in bpy.data.collections}


parser = argparse.ArgumentParser(prog="ui_correct.py")
parser.add_argument("--clip", type=Path, required=True)
parser.add_argument("--result", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--patience", type=float, default=600, help="seconds for the refit")
parser.add_argument("--limit", type=float, default=900, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
