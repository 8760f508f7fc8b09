"""A scripted person's whole day: sets up the engine from a folder of wheels, fits the example clip,
corrects a track and refits, trains a small avatar of the example scans, poses it with the fit,
exports an FBX, and looks into every panel.

    blender -P ui_day.py -- --clip film.mp4 --wheels folder --base-python python --out folder

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
    look_at,
    open_tab,
    picture,
    play,
    press,
    rest_mouse,
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

FRAME = 40
STEPS = 40  # of the avatar's training: enough to be an avatar, not enough to be a good one
PANELS = {  # what is unfolded: the name of its picture
    "fit_body": "panel_person",
    "correct": "panel_correct",
    "register": "panel_register",
    "train": "panel_train",
    "pose": "panel_pose",
    "rig": "panel_rig",
    "animal": "panel_animal",
    "picture": "panel_picture",
    "motion": "panel_motion",
    "sequence": "panel_sequence",
    "result": "panel_result",
    "export": "panel_export",
    "jobs": "panel_jobs",
}


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    settings = bpy.context.scene.layfigure
    settings.output = str(opts.out / "results")
    yield from open_tab("Layfigure")
    yield from timed("set_up", set_up())
    settings.video = str(opts.clip)
    blocks = watch_blocks()
    yield from timed("fit", run("layfigure.fit_body", "fit", "panel_running"))
    told["blocks"] = blocks.tell()
    look_at(armatures()[0])
    yield from still("fitted")
    yield from timed("correct", correct())
    yield from timed("train", train())
    yield from timed("pose", pose())
    yield from timed("export", export())
    yield from every_panel()
    told["jobs"] = [(job.name, job.status, job.note) for job in session().jobs.jobs]


def timed(name, part):
    """Play a part and write down how long it took."""
    began = time.monotonic()
    yield from part
    told.setdefault("seconds", {})[name] = round(time.monotonic() - began, 1)


def set_up():
    """The first-run panel, and an engine from local wheels without the network."""
    setup = session().setup
    yield from until(lambda: setup.survey is not None and not setup.looking, 60)
    yield from still("no_python")
    chosen = bpy.context.preferences.addons[ADDON].preferences
    chosen.base_python, chosen.wheels = str(opts.base_python), str(opts.wheels)
    yield from until(lambda: setup.survey is not None and not setup.looking, 60)
    yield from still("panel_setup")
    yield from press(*(yield from find_button("layfigure.install_engine")))
    yield from until(lambda: setup.installing, 10)
    yield 12.0
    yield from still("panel_installing")
    yield from until(lambda: not setup.installing, opts.patience)
    installed = setup.installation
    told["install"] = [installed.status, installed.error, installed.hint]
    assert installed.status == "done", told["install"]
    yield from until(lambda: setup.findings and not setup.needed, 120)
    told["findings"] = setup.findings
    bpy.ops.layfigure.open_preferences()
    yield 2.0
    subprocess.run(["import", "-window", "root", str(opts.out / "preferences.png")], check=True)
    own = bpy.context.window_manager.windows[-1]
    top = window().height - own.y - own.height
    told["preferences"] = [own.x, top, own.x + own.width, top + own.height]
    with bpy.context.temp_override(window=own):
        bpy.ops.wm.window_close()
    yield 1.0


def run(operator, name, halfway=""):
    """Press the button of `operator` and wait until the job `name` has brought what it makes."""
    count = len(session().jobs.jobs)
    yield from press(*(yield from find_button(operator)))
    yield from until(lambda: len(session().jobs.jobs) > count, 20)
    job = session().jobs.jobs[-1]
    assert job.name == name, job
    if halfway:
        yield from until(lambda: job.ended or job.factor > 0.3, opts.patience)
        yield from still(halfway)
    yield from until(lambda: job.ended and (job.note or job.status != "done"), opts.patience)
    assert job.status == "done", f"{job.error} {job.hint}"
    yield 1.0


def correct():
    """A wrist dragged over seven frames, then Refit."""
    bpy.context.scene.frame_set(FRAME)
    yield from press(*(yield from unfolded("correct", "layfigure.keypoints_to_tracks")))
    yield from until(lambda: bpy.data.movieclips, 20)
    yield 2.0
    (clip,) = bpy.data.movieclips
    wrist = clip.tracking.objects["person_00"].tracks["LWrist"]
    for frame in range(FRAME - 3, FRAME + 4):
        marker = wrist.markers.find_frame(frame)
        marker.co = (marker.co[0] + 0.05, marker.co[1] + 0.1)
    yield from open_tab("Layfigure", "CLIP_EDITOR")
    rest_mouse()
    yield 1.0
    picture("tracks", "CLIP_EDITOR")
    count = len(session().jobs.jobs)
    yield from press(*(yield from find_button("layfigure.refit", kind="CLIP_EDITOR")))
    yield from until(lambda: len(session().jobs.jobs) > count, 20)
    job = session().jobs.jobs[-1]
    yield from until(lambda: job.ended and (job.note or job.status != "done"), opts.patience)
    assert job.status == "done", f"{job.error} {job.hint}"
    told["characters"] = len(armatures())
    area, _, _ = view("CLIP_EDITOR")
    with bpy.context.temp_override(window=window(), area=area):
        bpy.ops.screen.area_close()
    yield 1.0
    yield from open_tab("Layfigure")


def train():
    """A few steps on the example scans."""
    unfold("train")
    yield 1.5
    settings = bpy.context.scene.layfigure
    settings.steps_known, settings.training_steps = True, STEPS
    yield from run("layfigure.train_avatar", "avatar_train", "panel_training")
    assert (Path(settings.avatar) / "avatar.json").is_file()


def pose():
    """The avatar dances what was fitted."""
    unfold("pose")
    yield 1.5
    settings = bpy.context.scene.layfigure
    fitted = [job for job in session().jobs.jobs if job.name == "refit"][-1].folder
    settings.avatar_motion = str(fitted / "person_00" / "motion.npz")
    for collection in bpy.context.scene.collection.children:
        collection.hide_viewport = True
    yield from run("layfigure.pose_avatar", "avatar_pose")
    view()[0].spaces.active.shading.color_type = "TEXTURE"
    look_at(clothed())
    places = []
    for frame in (1, FRAME):
        bpy.context.scene.frame_set(frame)
        yield 1.0
        seen = clothed().evaluated_get(bpy.context.evaluated_depsgraph_get())
        places.append(max(vertex.co.x for vertex in seen.data.vertices))
    told["reach"] = places  # of the arms: down at first, then spread
    yield from still("posed")


def export():
    """The dance in her own clothes as FBX, for Unreal."""
    area, _, main = view()
    path = opts.out / "dance.fbx"
    with bpy.context.temp_override(window=window(), area=area, region=main):
        bpy.ops.layfigure.export_fbx(
            "EXEC_DEFAULT", filepath=str(path), preset="UNREAL", shape_keys="PCA"
        )
    told["fbx"] = path.stat().st_size
    yield 0.5


def every_panel():
    """A picture of each panel, unfolded, with what the day has made."""
    for name, title in PANELS.items():
        unfold(name)
        look_at(clothed() if name == "sequence" else refitted())
        yield from still(title)


def clothed():
    """The posed avatar."""
    return next(t for t in bpy.data.objects if t.modifiers.get("Cache") is not None)


def refitted():
    """The character that came from the refit."""
    bpy.data.collections["dance_02"].hide_viewport = False
    return next(t for t in bpy.data.collections["dance_02"].objects if t.type == "ARMATURE")


parser = argparse.ArgumentParser(prog="ui_day.py")
parser.add_argument("--clip", type=Path, required=True)
parser.add_argument("--wheels", type=Path, required=True)
parser.add_argument("--base-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--patience", type=float, default=900, help="seconds for one job")
parser.add_argument("--limit", type=float, default=1800, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
