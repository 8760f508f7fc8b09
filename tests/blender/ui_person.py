"""What the scripted persons share: mouse, buttons, pictures, and a clock for their stories.

Blender runs the story as a generator: each `yield seconds` gives it time to work and draw.
"""

import json
import os
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import bpy

from ui_blocks import Blocks

ADDON = "bl_ext.user_default.layfigure"
told: dict = {"blender": bpy.app.version_string}
_out = Path()
_story_seconds = [0.0, 0.0]  # by the wall and of computing: what the story itself took
_fresh: list = []  # what was unfolded so far


def window():
    """The one window."""
    return bpy.context.window_manager.windows[0]


def view(kind="VIEW_3D"):
    """The 3D view or another editor, its sidebar and its main region."""
    area = next(a for a in window().screen.areas if a.type == kind)
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


def open_tab(name, kind="VIEW_3D"):
    """Show the sidebar's tab."""
    area, sidebar, _ = view(kind)
    area.spaces.active.show_region_ui = True
    yield 1.0  # tabs exist only after the first drawing
    sidebar.active_panel_category = name
    area.tag_redraw()
    yield 1.0


def mouse(x, y, click=False):
    """Move the mouse; a click is started, not waited for: Blender must see press and release."""
    command = ["xdotool", "mousemove", str(int(x)), str(int(y))]
    if click:
        # press and release apart: else a panel's header may think that it is being dragged
        press = ("sleep", "0.1", "mousedown", "1", "sleep", "0.1", "mouseup", "1")
        return subprocess.Popen([*command, *press])
    return subprocess.run(command, check=True)


def click(x, y):
    """Click there and let Blender work until it has been done, however slow the machine is."""
    process = mouse(x, y, click=True)
    yield from until(lambda: process.poll() is not None, 20)
    yield 0.5


def find_button(operator, step=8, kind="VIEW_3D", between=(0, 9999)):
    """Screen position of the button of `operator`, found by asking what is under the mouse.

    `between` two heights on the screen, to look less long.
    """
    _, sidebar, _ = view(kind)
    x, top = sidebar.x + sidebar.width * 0.4, window().height - (sidebar.y + sidebar.height)
    heights = [top + down for down in range(step, sidebar.height, step)]
    yield from let_go(operator, kind)
    for y in (height for height in heights if between[0] < height < between[1]):
        mouse(x, y)
        yield 0.06
        if not is_under_mouse(operator, kind):
            continue
        for place in (y, y - step, y - 2 * step):  # a slow Blender lags behind the mouse
            yield from let_go(operator, kind)
            mouse(x, place)
            yield 0.3
            if is_under_mouse(operator, kind):
                return x, place
    raise LookupError(f"no button of {operator} in the open tab")


def let_go(operator, kind):
    """Take the mouse away until Blender knows; else it would tell of the button it was over."""
    rest_mouse()
    yield from until(lambda: not is_under_mouse(operator, kind), 20)


def is_under_mouse(operator, kind):
    """Whether Blender takes the mouse to be over a button of `operator`."""
    area, sidebar, _ = view(kind)
    manager = bpy.context.window_manager
    manager.clipboard = ""
    with bpy.context.temp_override(window=window(), area=area, region=sidebar):
        if bpy.ops.ui.copy_python_command_button.poll():
            bpy.ops.ui.copy_python_command_button()
    return manager.clipboard.startswith(f"bpy.ops.{operator}(")


def rest_mouse():
    """Take the mouse out of the sidebar, so that no button is lit and no tooltip shown."""
    mouse(300, 700)


def picture(name, kind="VIEW_3D"):
    """A picture of the screen, and the sidebar cut out of it."""
    path = _out / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(path)], check=True)
    _, sidebar, _ = view(kind)
    top = window().height - (sidebar.y + sidebar.height)
    cut = f"{sidebar.width}x{sidebar.height}+{sidebar.x}+{top}"
    subprocess.run(["convert", str(path), "-crop", cut, str(_out / f"{name}_tab.png")], check=True)


def ended(name, times=1):
    """Whether so many jobs of that name are over and their result has arrived."""
    jobs = [job for job in session().jobs.jobs if job.name == name]
    waits = [job for job in jobs if not job.ended or (job.status == "done" and not job.note)]
    return len(jobs) == times and not waits


def press(x, y):
    """Click the button that is there and take the mouse away."""
    yield from click(x, y)
    rest_mouse()


def unfold(*names, kind="VIEW_3D"):
    """The panels with these names open, and those that they lie in; all others folded.

    `names` as in LAYFIGURE_PT_<name>. Blender keeps by its name whether a panel is open: each gets
    a new one.
    """
    _fresh.append(names)
    panels = [p for p in sys.modules[f"{ADDON}.panels"].CLASSES if p.bl_space_type == kind]
    by_id = {panel.bl_idname: panel for panel in panels}
    wanted = {panel for panel in panels if panel.__name__.partition("_PT_")[2] in names}
    assert len(wanted) == len(names), names
    for panel in list(wanted):
        while (panel := by_id.get(getattr(panel, "bl_parent_id", ""))) is not None:
            wanted.add(panel)
    for panel in reversed(panels):
        bpy.utils.unregister_class(panel)
    for panel in panels:
        parent = by_id.get(getattr(panel, "bl_parent_id", ""))
        if parent is not None:
            panel.bl_parent_id = parent.bl_idname  # the parent stands before its children
        panel.bl_idname = f"{panel.__name__}_{len(_fresh)}"
        panel.bl_options = set() if panel in wanted else {"DEFAULT_CLOSED"}
        bpy.utils.register_class(panel)
    for area in window().screen.areas:
        area.tag_redraw()


def unfolded(name, operator):
    """The panel `name` open; where its button of `operator` is."""
    unfold(name)
    yield 1.5
    return (yield from find_button(operator, step=12))


def look_at(thing):
    """Let the 3D view show `thing` from the front."""
    area, _, main = view()
    for other in bpy.context.selected_objects:
        other.select_set(False)
    thing.select_set(True)
    bpy.context.view_layer.objects.active = thing
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()


def still(name):
    """A picture of the screen, the mouse out of the way."""
    rest_mouse()
    view()[0].tag_redraw()
    yield 1.5
    picture(name)


def armatures():
    """The characters in the scene."""
    return [thing for thing in bpy.context.scene.objects if thing.type == "ARMATURE"]


def watch_blocks():
    """Begin to watch how long the main thread is away; `.tell()` ends it."""
    return Blocks(ADDON, _story_seconds)


def close_blender():
    """Close Blender as its menu does; what was told is written down before."""
    (_out / "story.json").write_text(json.dumps(told, indent=1))
    bpy.context.preferences.view.use_save_prompt = False
    with bpy.context.temp_override(window=window()):
        bpy.ops.wm.quit_blender()
    yield 60.0  # Blender ends before


def play(script, out, limit):
    """Run the story; pictures and story.json go to `out`. Exit code 0: all went well."""
    global _out
    _out = out
    out.mkdir(parents=True, exist_ok=True)
    bpy.context.preferences.view.show_splash = False  # inside a timer this is too late

    def stop(code):
        (out / "story.json").write_text(json.dumps(told, indent=1))
        if f"{ADDON}.addon.session" in sys.modules:  # else it was not even enabled
            session().close()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def late():
        print("longer than", limit, "s", file=sys.stderr)
        stop(2)

    watchdog = threading.Timer(limit, late)
    watchdog.daemon = True
    watchdog.start()

    def step():
        began = (time.perf_counter(), time.thread_time())
        try:
            return next(script)
        except StopIteration:
            print("the story is over", flush=True)
            stop(0)
        except BaseException:
            traceback.print_exc()
            told["trace"] = traceback.format_exc()
            try:
                picture("failed")
            finally:
                stop(1)
        finally:
            for number, clock in enumerate((time.perf_counter, time.thread_time)):
                _story_seconds[number] += clock() - began[number]

    bpy.app.timers.register(step, first_interval=2.0)
