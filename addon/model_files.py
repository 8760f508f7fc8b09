"""The user's own model files: what the engine's register holds, and changes to it. No bpy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from .engine_client import clean_environment
from .job import FAILED
from .task import Task


@dataclass(frozen=True)
class Family:
    """Files of others that the engine can use, and where they are had."""

    name: str
    use: str
    url: str
    licence: str


_RESEARCH = "non-commercial"
FAMILIES = (
    Family("SMPL", "body", "https://smpl.is.tue.mpg.de", _RESEARCH),
    Family("SMPL-H", "body with hands", "https://mano.is.tue.mpg.de", _RESEARCH),
    Family("SMPL-X", "body, hands, face", "https://smpl-x.is.tue.mpg.de", _RESEARCH),
    Family("SMAL", "animals", "https://smal.is.tue.mpg.de", _RESEARCH),
    Family("VPoser", "pose prior", "https://smpl-x.is.tue.mpg.de", _RESEARCH),
    Family("GMM", "pose prior", "https://smplify.is.tue.mpg.de", _RESEARCH),
    Family(
        "Segment Anything",
        "outlines",
        "https://github.com/facebookresearch/segment-anything",
        "Apache 2.0",
    ),
    Family("PyMAF", "body from picture", "https://github.com/HongwenZhang/PyMAF", _RESEARCH),
    Family("SPIN", "body from picture", "https://github.com/nkolot/SPIN", "body: non-commercial"),
)
CHOSEN_BY_FILE = ("PyMAF", "SPIN")  # in the panel Body from Picture, not registered


@dataclass(frozen=True)
class ModelFile:
    """A registered file."""

    name: str
    kind: str
    path: str
    there: bool


class ModelFiles:
    """The register as it was when it was last asked for.

    Args:
        command: gives the engine's command line for arguments; raises InputError without an engine.
    """

    def __init__(self, command: Callable[..., list[str]]) -> None:
        self._command = command
        self.task: Task | None = None
        self.known: list[ModelFile] | None = None  # None: never asked
        self.error = ""  # of the last change

    @property
    def busy(self) -> bool:
        """Whether the engine is at it, or has ended and was not listened to."""
        return self.task is not None

    def ask(self) -> None:
        """Ask the engine for its register. Raises InputError without an engine."""
        self._start([])

    def add(self, path: str, name: str) -> None:
        """Let the engine check and register a file; an empty `name` leaves it the file's own.

        Raises InputError without an engine.
        """
        self._start(["add", path, *(["--name", name] if name else [])])

    def remove(self, name: str) -> None:
        """Take `name` out of the register. Raises InputError without an engine."""
        self._start(["remove", name])

    def drain(self) -> bool:
        """Read what the engine said. True when there is something new."""
        task = self.task
        if task is None or task.running:
            return False
        self.task = None
        if task.status == FAILED:
            self.error = task.error.removeprefix("layfigure: ")
            if self.known is not None or task.label == "list":
                return True
            self._start([], keep_error=True)
            return True
        self.known = _read(task.lines[-1] if task.lines else "")
        return True

    def close(self) -> None:
        """End what runs."""
        if self.task is not None and self.task.running:
            self.task.cancel()
            self.task.wait(5)
        self.task = None

    def _start(self, change: list[str], keep_error: bool = False) -> None:
        commands = [self._command("models", *change)] if change else []
        commands.append(self._command("models", "list", "--json"))
        self.error = self.error if keep_error else ""
        label = change[0] if change else "list"
        self.task = Task(label, commands, clean_environment()).start()


def _read(line: str) -> list[ModelFile]:
    try:
        return [ModelFile(**entry) for entry in json.loads(line)]
    except (ValueError, TypeError):
        return []
