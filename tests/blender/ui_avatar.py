"""A scripted person on a screen: from scans to a rig through the panels, with a pause in between.

    blender -P ui_avatar.py -- --scans folder --motion walk.npz --engine-python python --out folder

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
    find_button,
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
)


def story():
    """What the person does."""
    for thing in list(bpy.context.scene.objects):
        bpy.data.objects.remove(thing)
    bpy.context.preferences.addons[ADDON].preferences.engine_python = str(opts.engine_python)
    settings = bpy.context.scene.layfigure
    settings.scan_source, settings.avatar_motion = str(opts.scans), str(opts.motion)
    settings.output = str(opts.out / "results")
    yield from open_tab("Layfigure")
    button = yield from unfolded("register", "layfigure.register")
    yield from still("1_register")
    yield from press(*button)
    yield from until(lambda: ended("register"), 30)

    button = yield from unfolded("train", "layfigure.train_avatar")
    settings.training_preset = "paper"  # the small engine takes its time then
    yield from still("2_train")
    view()[0].spaces.active.shading.color_type = "VERTEX"
    yield from press(*button)
    yield from until(lambda: "Layfigure preview" in bpy.data.objects, 60)
    look_at(bpy.data.objects["Layfigure preview"])
    yield from until(lambda: len(session().training.losses) > 10, 60)
    yield from still("3_training")
    told["loss"] = session().training.losses[-1]
    yield from press(*(yield from find_button("layfigure.cancel_job", step=12)))
    yield from until(lambda: ended("avatar_train"), 10)
    yield from still("4_paused")
    told["left_by_preview"] = [thing.name for thing in bpy.data.objects]
    yield from press(*(yield from find_button("layfigure.train_avatar", step=12)))
    yield from until(lambda: ended("avatar_train", 2), 60)
    yield from still("5_trained")

    view()[0].spaces.active.shading.color_type = "TEXTURE"
    button = yield from unfolded("pose", "layfigure.pose_avatar")
    yield from press(*button)
    yield from until(lambda: ended("avatar_pose"), 60)
    told["posed"] = session().jobs.jobs[-1].note
    look_at(bpy.context.view_layer.objects.active)
    yield from still("6_posed")

    button = yield from unfolded("rig", "layfigure.rig_avatar")
    bpy.data.collections["coat_avatar_walk"].hide_viewport = True
    yield from press(*button)
    yield from until(lambda: ended("avatar_rig"), 60)
    told["rigged"] = session().jobs.jobs[-1].note
    rig = bpy.context.view_layer.objects.active
    bpy.context.scene.frame_set(6)
    look_at(rig.children[0])
    rig.select_set(True)
    yield from press(*(yield from find_button("layfigure.update_correctives", step=12)))
    yield from still("7_rigged")
    told["jobs"] = [(job.name, job.status) for job in session().jobs.jobs]


parser = argparse.ArgumentParser(prog="ui_avatar.py")
parser.add_argument("--scans", type=Path, required=True)
parser.add_argument("--motion", type=Path, required=True)
parser.add_argument("--engine-python", type=Path, required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--limit", type=float, default=900, help="seconds for all")
opts = parser.parse_args(sys.argv[sys.argv.index("--") + 1 :])
play(story(), opts.out, opts.limit)
