"""Commands that run in the background, one after the other, with their lines as they come."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from .engine_client import kill_tree, process_options
from .job import CANCELLED, DONE, FAILED, RUNNING


class Task:
    """A short row of commands: the engine's check, its installation.

    Args:
        label: what it does, for the user.
        commands: each must end with code 0 before the next begins.
        env: their environment.
        heard: is told the number of the command and each of its lines, from a thread of its own;
            when it returns False the line is not kept. A command begins with an empty line.
        log: a file for all that they print.
    """

    def __init__(
        self,
        label: str,
        commands: Sequence[Sequence[str]],
        env: Mapping[str, str],
        heard: Callable[[int, str], bool] | None = None,
        log: Path | None = None,
    ) -> None:
        self.label = label
        self.status = RUNNING
        self.lines: deque[str] = deque(maxlen=400)  # what they printed to stdout
        self.errors: deque[str] = deque(maxlen=400)  # and to stderr
        self.error = ""  # one sentence when it failed
        self._commands = [list(command) for command in commands]
        self._env = dict(env)
        self._heard = heard
        self._log = log
        self._file: IO[str] | None = None
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self._cancelled = False
        self._seen: tuple = ()
        self._count = 0
        self._thread = threading.Thread(target=self._run, name=f"layfigure {label}", daemon=True)

    def start(self) -> Task:
        """Begin."""
        self._thread.start()
        return self

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == RUNNING

    def changed(self) -> bool:
        """True when there is something new since the last call."""
        now = (self.status, self._count)
        fresh, self._seen = now != self._seen, now
        return fresh

    def cancel(self) -> None:
        """End the running command at once; the ones after it do not run."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                kill_tree(self._process)

    def wait(self, timeout: float | None = None) -> str:
        """Wait for the end and tell the status."""
        end = None if timeout is None else time.monotonic() + timeout
        while self._thread.is_alive() and (end is None or time.monotonic() < end):
            self._thread.join(0.1)
        return self.status

    def _run(self) -> None:
        try:
            if self._log is not None:
                self._file = self._log.open("w", encoding="utf-8")
            self.status = self._run_all()
        except OSError as problem:  # the log cannot be written
            self.error = f"{problem.filename or self._log}: {problem.strerror or problem}"
            self.status = FAILED
        finally:
            if self.status == RUNNING:  # ours: the trace goes to the console
                self.status, self.error = FAILED, "It ended for a reason that was not foreseen."
            if self._file is not None:
                self._file.close()

    def _run_all(self) -> str:
        for number, command in enumerate(self._commands):
            self._take(number, "", self.lines)
            self._note("$ " + " ".join(command))
            self.errors.clear()
            try:
                code = self._run_one(number, command)
            except OSError as problem:
                code = 1
                self._take(number, f"{command[0]}: {problem.strerror or problem}", self.errors)
            if self._cancelled:
                return CANCELLED
            if code != 0:
                last = [line for line in self.errors if line.strip()]
                self.error = last[-1] if last else f"{command[0]} ended with code {code}"
                return FAILED
        return DONE

    def _run_one(self, number: int, command: list[str]) -> int:
        with self._lock:
            if self._cancelled:
                return 1
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._env,
                **process_options(),
            )
        process = self._process
        assert process.stdout is not None and process.stderr is not None
        stderr = threading.Thread(
            target=self._read, args=(number, process.stderr, self.errors), daemon=True
        )
        stderr.start()
        self._read(number, process.stdout, self.lines)
        stderr.join()
        return process.wait()

    def _read(self, number: int, stream: IO[bytes], kept: deque[str]) -> None:
        with stream:
            for line in stream:
                self._take(number, line.decode(errors="replace").rstrip(), kept)

    def _take(self, number: int, line: str, kept: deque[str]) -> None:
        self._count += 1
        if self._heard is not None and not self._heard(number, line):
            return
        if line:
            kept.append(line)
            self._note(line)

    def _note(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
