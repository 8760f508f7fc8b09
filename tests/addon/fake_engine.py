"""A small engine that speaks the protocol, for tests of the add-on's side of it.

What the job does stands in the name of its source: `work` runs 20 steps and writes a folder,
`input` is refused, `crash` ends the process, `deaf` never answers a cancel, `slow` runs for long.
"""

import json
import os
import queue
import shutil
import sys
import threading
import time
from pathlib import Path

from layfigure.engine.formats import corrections

PROTOCOL = int(os.environ.get("FAKE_PROTOCOL", "1"))
LEFT_WRIST, LEFT_HAND = 7, slice(25, 46)


def say(type_: str, **fields) -> None:
    """Write one message."""
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
    pause = {"work": 0.01, "slow": 0.2, "deaf": 0.2}[what]
    for step in range(20 if what == "work" else 1000):
        if cancelled.is_set() and what != "deaf":
            say("error", id=job, kind="cancelled", message="Cancelled.", hint="")
            return
        say("progress", id=job, step=step, total=20, message="Detecting", eta_s=(20 - step) * pause)
        time.sleep(pause)
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


def serve() -> None:
    """Answer until stdin closes."""
    orders: queue.Queue[dict | None] = queue.Queue()
    cancels: dict[str, threading.Event] = {}

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if order["type"] == "cancel":
                cancels.setdefault(order["id"], threading.Event()).set()
            elif order["type"] == "quit":
                break
            else:
                orders.put(order)
        os._exit(0)  # Blender is gone: whatever runs ends with it

    say("hello", protocol=PROTOCOL, version="0", devices=["cpu"])
    print("a library prints something", flush=True)
    threading.Thread(target=read, daemon=True).start()
    while True:
        order = orders.get()
        if order["job"] == "refit":
            refit(order)
            continue
        fit(order, cancels.setdefault(order["id"], threading.Event()))


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "doctor":
    finding = {"name": "torch", "ok": True, "needed": True, "detail": "2.13.0, CPU"}
    print(json.dumps({"ready": True, "findings": [finding]}))
