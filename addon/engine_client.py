"""The engine process and the JSON lines to and from it. No bpy in here: plain Python."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.formats.protocol import decode, encode

_TAIL_BYTES = 4000
_LOG_BYTES = 1_000_000  # a longer log is begun anew
# Blender may set these for its own Python; another Python must not see them.
_BLENDERS_OWN = (
    *("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR"),
    *("VIRTUAL_ENV", "__PYVENV_LAUNCHER__"),
)


def clean_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a Python that is not Blender's."""
    source = os.environ if environment is None else environment
    clean = {name: value for name, value in source.items() if name not in _BLENDERS_OWN}
    clean.update(PYTHONNOUSERSITE="1", PYTHONUNBUFFERED="1", PYTHONUTF8="1")
    return clean


def process_options() -> dict[str, Any]:
    """Popen arguments that give a child a group of its own (and no console window on Windows).

    It then hears nothing of what ends Blender: neither Ctrl C nor a terminal that is closed.
    """
    if os.name == "nt":
        return {"creationflags": 0x08000000 | 0x00000200}  # CREATE_NO_WINDOW, NEW_PROCESS_GROUP
    return {"start_new_session": True}


def kill_tree(process: subprocess.Popen) -> None:
    """End a process started with `process_options` and its children, now."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself between the two lines
            return
    process.wait(timeout=5)


class EngineClient:
    """One engine process: messages go in with `send`, come out with `poll`.

    Args:
        command: program and arguments of the engine.
        env: its environment.
        log: file that takes what the engine writes on stderr, after what stands in it already: an
            engine that went on without its Blender may still write there.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.command = list(command)
        self.log = log
        self._env = dict(env)
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None
        self._log_from = 0  # where in the log this process begins

    def start(self) -> None:
        """Start the process. Raises OSError when the program cannot be run."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.is_file() and self.log.stat().st_size > _LOG_BYTES:
            self.log.write_bytes(b"")
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._env,
                **process_options(),
            )
        self._reader = threading.Thread(target=self._read, name="layfigure engine", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            try:
                self._inbox.put(decode(line))
            except ValueError:  # a stray print of a library: worth keeping, not worth failing
                self._inbox.put({"type": "log", "message": line.decode(errors="replace").strip()})

    def send(self, kind: str, /, **fields: Any) -> bool:
        """Send one message. False when the engine is gone."""
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return False
        try:
            self._process.stdin.write(encode(kind, **fields))
            self._process.stdin.flush()
        except OSError:  # the pipe broke: the engine ended, which `alive` tells as well
            return False
        return True

    def poll(self, budget_s: float = 0.005) -> list[dict[str, Any]]:
        """The messages that have come in, for at most `budget_s` seconds."""
        messages: list[dict[str, Any]] = []
        end = time.monotonic() + budget_s
        while time.monotonic() < end:
            try:
                messages.append(self._inbox.get_nowait())
            except queue.Empty:
                break
        return messages

    def alive(self) -> bool:
        """True while the process runs or messages of it are still unread."""
        if self._process is None:
            return False
        reading = self._reader is not None and self._reader.is_alive()
        return self._process.poll() is None or reading or not self._inbox.empty()

    @property
    def pid(self) -> int | None:
        """Process id, None before the start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the process, None while it runs."""
        return None if self._process is None else self._process.poll()

    def tail(self, lines: int = 6) -> list[str]:
        """The last lines that the engine wrote on stderr."""
        if not self.log.is_file():
            return []
        with self.log.open("rb") as stream:
            stream.seek(max(self._log_from, self.log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()][-lines:]

    def leave(self) -> None:
        """Let the process go on alone: it hears nothing more, and nobody reads what it says."""
        self._close(reading=False)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            kill_tree(self._process)
            self._close()

    def stop(self, grace_s: float = 0.5) -> None:
        """Ask the engine to quit and end it if it has not done so after `grace_s` seconds."""
        if self._process is None:
            return
        self.send("quit")
        self._close(reading=False)
        try:
            self._process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            kill_tree(self._process)
        self._close()

    def _close(self, reading: bool = True) -> None:
        assert self._process is not None and self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # closing flushes, and nobody reads any more
            self._process.stdin.close()
        if reading and self._reader is not None:
            self._reader.join(timeout=1)
            if not self._reader.is_alive() and self._process.stdout is not None:
                self._process.stdout.close()
