"""Commands that run in the background, one after the other, with their lines as they come."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

from .engine_client import kill_tree, process_options
from .jobs import CANCELLED, DONE, FAILED, RUNNING


class Task:
    """A short row of commands: the engine's check, its installation.

    Args:
        label: what it does, for the user.
        commands: each must end with code 0 before the next begins.
        env: their environment.
    """

    def __init__(
        self, label: str, commands: Sequence[Sequence[str]], env: Mapping[str, str]
    ) -> None:
        self.label = label
        self.status = RUNNING
        self.lines: deque[str] = deque(maxlen=400)  # stdout, line by line
        self.error = ""  # one sentence when it failed
        self._commands = [list(command) for command in commands]
        self._env = dict(env)
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
        for command in self._commands:
            try:
                code, errors = self._run_one(command)
            except OSError as problem:
                code, errors = 1, f"{command[0]}: {problem.strerror or problem}"
            if self._cancelled:
                self.status = CANCELLED
                return
            if code != 0:
                last = [line for line in errors.splitlines() if line.strip()]
                self.error = last[-1] if last else f"{command[0]} ended with code {code}"
                self.status = FAILED
                return
        self.status = DONE

    def _run_one(self, command: list[str]) -> tuple[int, str]:
        with tempfile.TemporaryFile() as errors:
            with self._lock:
                if self._cancelled:
                    return 1, ""
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._env,
                    **process_options(),
                )
            assert self._process.stdout is not None
            with self._process.stdout as stdout:
                for line in stdout:
                    self.lines.append(line.decode(errors="replace").rstrip())
                    self._count += 1
            code = self._process.wait()
            errors.seek(0)
            return code, errors.read().decode(errors="replace")
