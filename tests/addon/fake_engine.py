"""A small engine that speaks the protocol, for tests of the add-on's side of it.

What the job does stands in the name of its source: `work` runs 20 steps and writes a folder,
`film` goes on until there is a file `<out>.go` and writes a result of 1000 frames, `input` is
refused, `crash` ends the process, `deaf` never answers a cancel, `slow` runs for long.
The jobs from scans to avatars write what the real ones do, quickly; with the preset `paper` a
training waits in its middle until it is paused. Like the real one it goes on alone with a job that
it was to keep, and tells in state files how jobs stand.
"""

import contextlib
import json
import os
import queue
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np

from layfigure.engine.formats import corrections, ply
from layfigure.engine.job_watch import JobWatch

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_avatar import clothed_body, coat_colors, make_avatar  # noqa: E402
from make_points import make_points  # noqa: E402
from make_result import make_result  # noqa: E402

PROTOCOL = int(os.environ.get("FAKE_PROTOCOL", "1"))
LEFT_WRIST, LEFT_HAND = 7, slice(25, 46)


cancels: dict[str, threading.Event] = {}
watch = JobWatch(lambda job: cancels[job].set())


def say(type_: str, **fields) -> None:
    """Write one message, and the state of its job."""
    job = fields.get("id", "")
    if type_ == "progress":
        watch.update(job, **{name: fields[name] for name in ("step", "total", "message", "eta_s")})
    elif type_ == "result":
        watch.end(job, "done", folder=fields["folder"])
    elif type_ == "error":
        state = "cancelled" if fields["kind"] == "cancelled" else "failed"
        watch.end(job, state, error=fields["message"], hint=fields["hint"])
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more
        print(json.dumps({"type": type_, **fields}), flush=True)


def fit(order: dict, cancelled: threading.Event) -> None:
    """Do what the source's name says."""
    job, what, out = order["id"], Path(order["params"]["source"]).stem, Path(order["out"])
    if what == "input":
        say(
            "error",
            id=job,
            kind="input",
            message="input.mp4: nobody is in it.",
            hint="Film someone.",
        )
        return
    if what == "crash":
        print("the engine is about to fall over", file=sys.stderr, flush=True)
        say("progress", id=job, step=1, total=20, message="Detecting", eta_s=2.0)
        os._exit(70)
    pause = {"work": 0.01, "film": 0.1, "slow": 0.2, "deaf": 0.2}[what]
    for step in range(20 if what == "work" else 1000):
        if what == "film" and out.with_name(f"{out.name}.go").exists():
            break
        if cancelled.is_set() and what != "deaf":
            say("error", id=job, kind="cancelled", message="Cancelled.", hint="")
            return
        say("progress", id=job, step=step, total=20, message="Detecting", eta_s=(20 - step) * pause)
        time.sleep(pause)
    if what == "film":
        make_result(out, frames=1000, footage=order["params"]["source"])
    else:
        out.mkdir(parents=True)
        (out / "result.json").write_text("{}")
    say("result", id=job, folder=str(out))


def refit(order: dict) -> None:
    """Copy the result, its keypoints put right; hands far from a moved wrist are left out."""
    source, out = Path(order["params"]["source"]), Path(order["out"])
    changes = corrections.load_corrections(order["params"]["corrections"])
    shutil.copytree(source, out)
    for number, person in enumerate(sorted(out.glob("person_*"))):
        known = corrections.load_keypoints(person / "keypoints.npz")
        for k in range(len(changes.frame)):
            if changes.person[k] == number:
                point = (*changes.place[k], 1) if changes.seen[k] else (0, 0, 0)
                known.points[changes.frame[k], changes.keypoint[k]] = point
                if changes.keypoint[k] == LEFT_WRIST:
                    known.points[changes.frame[k], LEFT_HAND] = 0
        corrections.save_keypoints(person / "keypoints.npz", known)
    say("result", id=order["id"], folder=str(out))


def register(order: dict, _cancelled: threading.Event) -> None:
    """One scan's pose and the body without clothes."""
    out = Path(order["out"])
    (out / "scans").mkdir(parents=True)
    (out / "register.json").write_text("{}")
    say("result", id=order["id"], folder=str(out))


def train(order: dict, cancelled: threading.Event) -> None:
    """Forty steps in which a coat takes its shape; cancelled, it goes on from there next time."""
    out = Path(order["out"])
    work = out.with_name(f"{out.name}.training")
    state, body = work / "training.json", clothed_body()
    work.mkdir(parents=True, exist_ok=True)
    first = json.loads(state.read_text())["step"] if state.exists() else 0
    lumps = 0.04 * np.sin(40 * body.v_template[:, [1, 2, 0]])
    for step in range(first, 40):
        state.write_text(json.dumps({"step": step}))
        if first == 0 and step == 20 and order["params"]["preset"] == "paper":
            cancelled.wait()
        if cancelled.is_set():
            say("error", id=order["id"], kind="cancelled", message="Cancelled.", hint="")
            return
        with (work / "loss.csv").open("a") as losses:
            losses.write("step,sdf,loss\n" if step == 0 else "")
            losses.write(f"{step},1,{1 / (step + 1):.6g}\n")
        if step % 8 == 0:
            shape = (body.v_template + lumps * (1 - step / 40)).astype(np.float32)
            mesh = ply.PlyMesh(shape, body.faces, coat_colors(body))
            ply.write_ply(work / "preview.ply", mesh)
        say("progress", id=order["id"], step=step, total=40, message="Training", eta_s=40.0 - step)
        time.sleep(0.02)
    out.mkdir()
    (out / "avatar.json").write_text(json.dumps({"method": order["params"]["method"]}))
    (work / "loss.csv").rename(out / "loss.csv")
    shutil.rmtree(work)
    say("result", id=order["id"], folder=str(out))


def regress(order: dict, cancelled: threading.Event) -> None:
    """A still of somebody who waves."""
    source, out = order["params"]["source"], Path(order["out"])
    if Path(source).stem == "input":
        fit(order, cancelled)
        return
    make_result(out, frames=1, footage=source)
    say("result", id=order["id"], folder=str(out))


def pose_or_rig(order: dict, _cancelled: threading.Event) -> None:
    """The coat, walking; with points where the avatar is of surface elements."""
    kinds = {"avatar_rig": "rig", "avatar_pose": "avatar"}
    about = json.loads((Path(order["params"]["source"]) / "avatar.json").read_text())
    pointed = about.get("method") == "scale" and order["job"] == "avatar_pose"
    remeshed = order["params"].get("remesh", False)
    make = make_points if pointed else make_avatar
    make(Path(order["out"]), "avatar_meshes" if remeshed else kinds[order["job"]])
    say("result", id=order["id"], folder=order["out"])


JOBS = {
    "fit": fit,
    "regress": regress,
    "register": register,
    "avatar_train": train,
    "avatar_pose": pose_or_rig,
    "avatar_rig": pose_or_rig,
}


def serve() -> None:
    """Answer until stdin closes; then finish what is to be kept."""
    orders: queue.Queue[dict | None] = queue.Queue()

    def read() -> None:
        keep = False
        for line in sys.stdin:
            order = json.loads(line)
            if order["type"] == "cancel":
                cancels.setdefault(order["id"], threading.Event()).set()
            elif order["type"] == "quit":
                os._exit(0)
            else:
                keep = keep or order.get("keep", False)
                cancels.setdefault(order["id"], threading.Event())
                watch.take(order["id"], order.get("state", ""))
                orders.put(order)
        if not keep:
            os._exit(0)  # Blender is gone: whatever runs ends with it
        orders.put(None)

    say("hello", protocol=PROTOCOL, version="0", devices=["cpu"])
    print("a library prints something", flush=True)
    threading.Thread(target=read, daemon=True).start()
    while (order := orders.get()) is not None:
        if order["job"] == "refit":
            refit(order)
            continue
        JOBS[order["job"]](order, cancels[order["id"]])
    os._exit(0)


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "doctor":
    finding = {"name": "torch", "ok": True, "needed": True, "detail": "2.13.0, CPU"}
    print(json.dumps({"ready": True, "findings": [finding]}))
