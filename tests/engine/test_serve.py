"""The server as Blender starts it: a process that speaks JSON lines and nothing else."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import layfigure
from layfigure.engine.bodies.registry import SHIPPED
from layfigure.engine.formats.job_state import (
    BEAT_S,
    JobState,
    cancel_path,
    read_state,
    write_state,
)
from layfigure.engine.formats.protocol import PROTOCOL, decode, encode
from layfigure.engine.formats.result import read_result
from synthetic import Walk

LAUNCH = [str(SHIPPED.parents[2] / "launch.py")]
MODULE = ["-m", "layfigure.engine"]
QUICK = {"hands": False, "face": False, "overlay": False}


class Engine:
    """A running server; every line that it writes must be a message."""

    def __init__(self, door: list[str], cwd: Path) -> None:
        command = [sys.executable, *door, "serve"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=cwd, **pipes)
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.log: list[bytes] = []
        for target in (self._read, self._listen):
            threading.Thread(target=target, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _listen(self) -> None:
        self.log += list(self.process.stderr)

    def send(self, kind: str, /, **fields: object) -> None:
        self.process.stdin.write(encode(kind, **fields))
        self.process.stdin.flush()

    def run(self, name: str, walk: Walk, out: Path, **params: object) -> None:
        params = {"source": str(walk.folder), **QUICK, **params}
        self.send("run", id=name, job="fit", params=params, out=str(out))

    def next(self, seconds: float = 60.0) -> dict | None:
        """The next message, None at the end."""
        line = self.lines.get(timeout=seconds)
        return None if line is None else decode(line)

    def until(self, *kinds: str, seconds: float = 60.0) -> tuple[dict, list[dict]]:
        """The next message of one of `kinds` and those before it."""
        before = []
        while (message := self.next(seconds)) is not None:
            if message["type"] in kinds:
                return message, before
            before.append(message)
        raise AssertionError(f"the engine ended: {before} {b''.join(self.log).decode()}")

    def end(self) -> None:
        """Close stdin and take what is left."""
        self.process.stdin.close()
        while self.next() is not None:
            pass
        self.process.wait(20)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One server for most tests, after its greeting."""
    engine = Engine(LAUNCH, tmp_path_factory.mktemp("elsewhere"))
    hello = engine.next()
    assert hello is not None and hello["type"] == "hello"
    assert hello["protocol"] == PROTOCOL and hello["version"] == layfigure.__version__
    assert "cpu" in hello["devices"]
    yield engine
    engine.end()
    assert engine.process.returncode == 0


def error(message: dict, name: str, kind: str) -> dict:
    assert message["type"] == "error" and message["id"] == name and message["kind"] == kind
    assert message["message"].endswith(".") and "Traceback" not in message["message"]
    return message


def test_a_fit(engine: Engine, walk: Walk, tmp_path: Path) -> None:
    engine.run("one", walk, tmp_path / "out", overlay=True)
    last, before = engine.until("result", "error")
    assert last == {"type": "result", "id": "one", "folder": str(tmp_path / "out")}
    assert len(read_result(tmp_path / "out").people) == 2
    assert {m["type"] for m in before} == {"progress"} and len(before) > 5
    for message in before:
        assert message["id"] == "one" and message["message"]
        assert 0 <= message["step"] <= message["total"]
        assert message["eta_s"] is None or message["eta_s"] >= 0


def test_cancel(engine: Engine, walk: Walk, tmp_path: Path) -> None:
    engine.run("two", walk, tmp_path / "out", overlay=True)
    message, _ = engine.until("progress")
    assert message["id"] == "two"
    engine.send("cancel", id="two")
    asked = time.monotonic()
    message, _ = engine.until("error", "result")
    error(message, "two", "cancelled")
    assert time.monotonic() - asked < 2.0
    assert not list(tmp_path.iterdir())


def test_cancel_of_a_job_that_waits(engine: Engine, walk: Walk, tmp_path: Path) -> None:
    engine.run("three", walk, tmp_path / "a", people=1)
    engine.run("four", walk, tmp_path / "b")
    engine.send("cancel", id="four")
    message, _ = engine.until("error", "result")
    assert (message["type"], message["id"]) == ("result", "three")
    error(engine.until("error", "result")[0], "four", "cancelled")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_two_jobs_run_in_their_order(engine: Engine, walk: Walk, tmp_path: Path) -> None:
    for name in ("five", "six"):
        engine.run(name, walk, tmp_path / name, people=1)
    first, before = engine.until("result", "error")
    second, between = engine.until("result", "error")
    assert (first["type"], first["id"]) == ("result", "five")
    assert (second["type"], second["id"]) == ("result", "six")
    assert {m["id"] for m in before} == {"five"} and {m["id"] for m in between} == {"six"}


def test_wrong_input(engine: Engine, walk: Walk, tmp_path: Path) -> None:
    wrong = (
        ({"job": "fit", "params": {"source": "/gone.mp4"}, "out": "o"}, "/gone.mp4"),
        ({"job": "dance", "params": {}, "out": "o"}, "dance"),
        ({"job": "fit", "params": {}, "out": "o"}, "source"),
        ({"job": "fit", "params": {"source": "x", "colour": 1}, "out": "o"}, "colour"),
        ({"job": "fit", "params": [1], "out": "o"}, ""),
        ({"job": "fit", "params": {"source": "x"}}, "output folder"),
        ({}, ""),
    )
    for number, (request, word) in enumerate(wrong):
        if "out" in request:
            request = {**request, "out": str(tmp_path / "o")}
        engine.send("run", id=f"w{number}", **request)
        message = error(engine.until("error", "result")[0], f"w{number}", "input")
        assert word in message["message"] and message["hint"]
    assert not list(tmp_path.iterdir())


def test_lines_that_are_no_requests(engine: Engine, walk: Walk, tmp_path: Path) -> None:
    for line in (b"hello?\n", b"\xff\xfe\n", b"[1]\n", b'{"type": 3}\n', b"\n", b"{}\n"):
        engine.process.stdin.write(line)
    engine.process.stdin.flush()
    for _ in range(6):
        assert engine.until("log")[0]["message"]
    engine.send("make coffee", id="x")
    engine.run("seven", walk, tmp_path / "out", people=1)
    assert engine.until("result", "error")[0]["id"] == "seven"


def test_ends_in_the_middle_of_a_job(walk: Walk, tmp_path: Path) -> None:
    """Blender is closed: the engine goes within 2 s and leaves nothing."""
    engine = Engine(MODULE, tmp_path)
    engine.run("one", walk, tmp_path / "out", overlay=True)
    assert engine.until("hello")[1] == []
    engine.until("progress")
    closed = time.monotonic()
    engine.end()
    assert time.monotonic() - closed < 2.0
    assert engine.process.returncode == 0
    assert not list(tmp_path.iterdir())


def left_alone(walk: Walk, folder: Path, keep: bool = True) -> subprocess.Popen:
    """A server with two jobs whose both pipes were closed while it did the first."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *MODULE, "serve"], cwd=folder, **pipes)
    for name in ("one", "two"):
        request = {
            "params": {"source": str(walk.folder), **QUICK, "people": 1},
            **{"out": str(folder / name), "state": str(folder / f"{name}.json"), "keep": keep},
        }
        process.stdin.write(encode("run", id=name, job="fit", **request))
    process.stdin.flush()
    for line in process.stdout:
        if decode(line)["type"] == "progress":
            break
    process.stdin.close()
    process.stdout.close()
    return process


def state_in(path: Path, *states: str, seconds: float = 40.0) -> JobState:
    """The state in the file when it is one of `states`."""
    end = time.monotonic() + seconds
    while (state := read_state(path)) is None or state.state not in states:
        assert time.monotonic() < end, state
        time.sleep(0.02)
    return state


def test_kept_jobs_are_finished_when_nobody_listens(walk: Walk, tmp_path: Path) -> None:
    process = left_alone(walk, tmp_path)
    state = state_in(tmp_path / "one.json", "running")
    assert state.pid == process.pid and state.message
    assert read_state(tmp_path / "two.json").state == "waiting"
    for name in ("one", "two"):
        assert state_in(tmp_path / f"{name}.json", "done").folder == str(tmp_path / name)
        assert len(read_result(tmp_path / name).people) == 1
    assert process.wait(10) == 0, "then it ends"


def test_kept_job_is_stopped_by_a_file_and_by_the_death_of_the_engine(
    walk: Walk, tmp_path: Path
) -> None:
    process = left_alone(walk, tmp_path)
    cancel_path(tmp_path / "one.json").touch()
    assert state_in(tmp_path / "one.json", "cancelled", "done").state == "cancelled"
    second = tmp_path / "two.json"
    state_in(second, "running")  # written with a beat
    process.kill()
    process.wait()
    last = second.stat().st_mtime_ns
    time.sleep(1.5 * BEAT_S)
    assert second.stat().st_mtime_ns == last, "no sign of life"
    assert read_state(second).state == "running" and not (tmp_path / "two").exists()


def test_jobs_that_are_not_kept_are_interrupted(walk: Walk, tmp_path: Path) -> None:
    assert left_alone(walk, tmp_path, keep=False).wait(10) == 0
    assert [read_state(tmp_path / f"{n}.json").state for n in ("one", "two")] == ["interrupted"] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


def test_state_of_a_failed_job_and_a_folder_that_is_gone(engine: Engine, tmp_path: Path) -> None:
    state, gone = tmp_path / "state.json", tmp_path / "gone" / "state.json"
    for name, path in (("s", state), ("g", gone)):
        request = {"job": "fit", "params": {"source": "/gone.mp4"}, "out": str(tmp_path / "o")}
        engine.send("run", id=name, **request, state=str(path))
        error(engine.until("error", "result")[0], name, "input")
    told = read_state(state)
    assert told.state == "failed" and "/gone.mp4" in told.error and told.hint
    assert not gone.exists()


def test_state_file_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert read_state(path) is None
    write_state(path, JobState("running", 3, 10, "Zoë", 1.5))
    assert read_state(path) == JobState("running", 3, 10, "Zoë", 1.5)
    for text in (b"", b"\xff", b"[]", b'{"state": "asleep"}', b'{"state": "done", "x": 1}'):
        path.write_bytes(text)
        assert read_state(path) is None


def test_quit(tmp_path: Path) -> None:
    engine = Engine(MODULE, tmp_path)
    engine.until("hello")
    engine.send("quit")
    assert engine.next() is None
    assert engine.process.wait(10) == 0


def test_messages() -> None:
    line = encode("error", kind="input", message="Zoë: ä\nb")
    assert line.count(b"\n") == 1 and json.loads(line)["kind"] == "input"
    assert decode(line) == {"type": "error", "kind": "input", "message": "Zoë: ä\nb"}
    for bad in (b"", b"{", b"[]", b"null", b'{"type": null}', b"\xff"):
        with pytest.raises(ValueError):
            decode(bad)
