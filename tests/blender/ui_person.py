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

ADDON = "bl_ext.user_default.layfigure"
told: dict = {"blender": bpy.app.version_string}
_out = Path()


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


def open_panel(operator, above):
    """Click the header below the button of the operator `above` until `operator` is to be seen.

    Where it is.
    """
    view()[0].tag_redraw()
    yield 1.5  # what has just ended is told above the steps and moves them
    x, y = yield from find_button(above, step=12)
    for down in (40, 30, 50, 60, 70):
        yield from click(x, y + down)
        yield 0.5
        try:
            return (yield from find_button(operator, step=12, between=(y - 60, y + 350)))
        except LookupError:
            continue
    raise LookupError(f"no panel with {operator} opens")


def unfold(name):
    """The panel with `name` in its own open, the others folded."""
    panels = [p for p in sys.modules[f"{ADDON}.panels"].CLASSES if p.bl_space_type == "VIEW_3D"]
    for panel in panels:
        bpy.utils.unregister_class(panel)
        panel.bl_options = set() if name in panel.__name__ else {"DEFAULT_CLOSED"}
    for panel in panels:
        bpy.utils.register_class(panel)


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

    bpy.app.timers.register(step, first_interval=2.0)
