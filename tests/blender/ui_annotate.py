"""A scripted person on a screen: starts to annotate the dog of a film, clicks on its keypoints,
hides some, copies them to another frame, draws its silhouette and exports the file.
Run by `test_ui.py` inside a real Blender with the zip installed.

    blender -P ui_annotate.py -- --film file --truth file --engine-python python --out folder

Pictures, `dog.json` and `story.json` (what was seen) go to --out. Exit code 0: all went well.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))  # `blender -P` does not do it

from ui_person import (  # noqa: E402
    find_button,
    mouse,
    open_tab,
    picture,
    play,
    press,
    rest_mouse,
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
    unfold("annotate")
    unfold("annotate_clip", kind="CLIP_EDITOR")
    yield from start()
    go_to(10)
    yield from click_points(10)
    yield from silhouette(10)
    yield from other_frames()
    yield from export()


def start():
    """Choose the film in the 3D view's tab and press Start Annotating."""
    yield from open_tab("Layfigure")
    settings = bpy.context.scene.layfigure
    settings.annotate_film, settings.annotate_animal = str(opts.film), "dog"
    x, y = yield from find_button("layfigure.annotate_start")
    rest_mouse()
    yield 1.0
    picture("1_start")
    yield from press(x, y)
    yield from until(lambda: any(a.type == "CLIP_EDITOR" for a in window().screen.areas), 20)
    yield 2.0
    yield from open_tab("Layfigure", "CLIP_EDITOR")
    rest_mouse()
    yield 1.0
    picture("2_started", "CLIP_EDITOR")


def tracks():
    """The dog's keypoints."""
    (clip,) = bpy.data.movieclips
    return clip.tracking.objects["dog"].tracks


def go_to(frame):
    """Show the film's frame."""
    bpy.context.scene.frame_set(frame + 1)
    view("CLIP_EDITOR")[0].spaces.active.clip_user.frame_current = frame + 1


def on_screen(x, y):
    """Where a place of the film is on the screen."""
    (clip,) = bpy.data.movieclips
    _, _, main = view("CLIP_EDITOR")
    low, high = (main.view2d.view_to_region(k, k, clip=False) for k in (0, 1))
    u, v = x / clip.size[0], 1 - y / clip.size[1]
    right, up = (a + k * (b - a) for a, b, k in zip(low, high, (u, v), strict=True))
    return round(main.x + right), round(window().height - 1 - (main.y + up))


def key(name):
    """Press a key and let Blender work."""
    process = subprocess.Popen(["xdotool", "key", name])
    yield from until(lambda: process.poll() is not None, 20)
    yield 0.3


def click_points(frame):
    """Click on all keypoints; H for those that the body hides; one wrong click taken back."""
    x, y = yield from find_button("layfigure.annotate_point", kind="CLIP_EDITOR")
    yield from press(x, y)
    yield 0.5
    truth = json.loads(opts.truth.read_text())
    places = truth["points"][str(frame)]
    for number, (x, y, seen) in enumerate(places):
        name = truth["names"][number]
        if number == 5:
            yield from put(300, 100, truth["names"][5], True)
            yield from key("BackSpace")
            yield from until(lambda n=name: marker(n, frame) is None, 10)
            picture("3_clicking", "CLIP_EDITOR")
        yield from put(x, y, name, seen)
    rest_mouse()
    yield 1.0
    picture("4_clicked", "CLIP_EDITOR")
    found = [marker(name, frame) for name in truth["names"]]
    told["clicked"] = [[m.co[0] * 854, (1 - m.co[1]) * 480, not m.mute] for m in found]


def marker(name, frame):
    """The marker of a keypoint in a frame of the film."""
    return tracks()[name].markers.find_frame(frame + 1)


def put(x, y, name, seen):
    """One keypoint, with the mouse or with H."""
    frame = bpy.context.scene.frame_current - 1
    mouse(*on_screen(x, y))
    yield 0.2
    if seen:
        process = mouse(*on_screen(x, y), click=True)
        yield from until(lambda: process.poll() is not None, 20)
    else:
        yield from key("h")
    yield from until(lambda: marker(name, frame) is not None, 20)


def silhouette(frame):
    """Start one from the keypoints, then draw it out: here to the true outline."""
    x, y = yield from find_button("layfigure.annotate_silhouette", kind="CLIP_EDITOR")
    yield from press(x, y)
    yield from until(lambda: len(bpy.data.masks), 10)
    yield 1.0
    told["mode"] = view("CLIP_EDITOR")[0].spaces.active.mode
    picture("5_silhouette", "CLIP_EDITOR")
    yield from drag_point(frame)
    truth = json.loads(opts.truth.read_text())
    area, _, main = view("CLIP_EDITOR")
    with bpy.context.temp_override(window=window(), area=area, region=main):
        outline = json.dumps(truth["outlines"][str(frame)])
        bpy.ops.layfigure.annotate_silhouette(outline=outline)
    yield 1.5
    picture("6_outline", "CLIP_EDITOR")


def drag_point(frame):
    """Drag a corner of the round outline with the mouse."""
    (mask,) = bpy.data.masks
    point = mask.layers[f"frame {frame}"].splines[0].points[0]
    before = tuple(point.co)
    x, y = (before[0] * 854, 240 - (before[1] - 0.5) * 854)
    x, y = on_screen(x, y)
    steps = ["mousemove", str(x), str(y), "sleep", "0.3", "mousedown", "1"]
    for part in (10, 30, 50):
        steps += ["sleep", "0.2", "mousemove", str(x + part), str(y)]
    process = subprocess.Popen(["xdotool", *steps, "sleep", "0.2", "mouseup", "1"])
    yield from until(lambda: process.poll() is not None, 20)
    yield 1.0
    rest_mouse()
    yield 0.5
    point = mask.layers[f"frame {frame}"].splines[0].points[0]
    told["outline_dragged"] = point.co[0] - before[0]


def other_frames():
    """Copy the keypoints to another frame and move one; jump back."""
    area, _, main = view("CLIP_EDITOR")
    area.spaces.active.mode = "TRACKING"
    go_to(15)
    yield 1.0
    x, y = yield from find_button("layfigure.annotate_copy", kind="CLIP_EDITOR")
    yield from press(x, y)
    yield from until(lambda: marker("nose", 15) is not None, 10)
    told["copied"] = sum(t.markers.find_frame(16) is not None for t in tracks())
    picture("7_copied", "CLIP_EDITOR")
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.layfigure.annotate_jump(step=-1)
    yield 1.0
    told["jumped"] = bpy.context.scene.frame_current - 1
    picture("8_jumped", "CLIP_EDITOR")


def export():
    """Write the file."""
    area, _, main = view("CLIP_EDITOR")
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.layfigure.annotate_export("EXEC_DEFAULT", filepath=str(opts.out / "dog.json"))
    yield 0.5


parser = argparse.ArgumentParser(prog="ui_annotate.py")
parser.add_argument("--film", type=Path, required=True)
parser.add_argument("--truth", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--limit", type=float, default=400, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
