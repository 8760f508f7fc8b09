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
