"""Finding out, in the background, how the engine would be installed on this computer. No bpy."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from ..engine.formats.errors import InputError
from .base_python import BasePython, find_python
from .engine_folders import next_folder, own_engines
from .install_plan import Plan, folder_mb, make_plan
from .machine import Machine, look


@dataclass(frozen=True)
class Wishes:
    """What the user asks for, and what is installed."""

    user: Path  # the add-on's own folder
    requirements: Path
    check: tuple[str, ...]  # what the engine's Python runs to be checked
    python: str = ""  # the base Python; empty: found
    build: str = "AUTO"  # of torch
    wheels: Path | None = None


@dataclass(frozen=True)
class Survey:
    """What was found: a plan, or why there is none; what the add-on's engines take on disk."""

    plan: Plan | None
    engines_mb: int = 0
    problem: str = ""


class Surveyor:
    """Looks in a thread; keeps what does not change, the GPU and the Pythons."""

    def __init__(self) -> None:
        self.survey: Survey | None = None
        self.looking = False
        self._machine: Machine | None = None
        self._pythons: dict[str, BasePython | None] = {}
        self._thread: threading.Thread | None = None
        self._found: Survey | None = None

    def look(self, wishes: Wishes, afresh: bool = False) -> threading.Thread:
        """Begin to look; what an earlier call has not found yet is not waited for."""
        if afresh:
            self._machine, self._pythons = None, {}
        self.looking, self._found = True, None
        thread = threading.Thread(target=self._look, args=(wishes,), daemon=True)
        self._thread = thread
        thread.start()
        return thread

    def drain(self) -> bool:
        """Take what has been found. True when there is something new."""
        if not self.looking or self._found is None:
            return False
        self.looking, self.survey = False, self._found
        return True

    def _look(self, wishes: Wishes) -> None:
        try:
            found = self._survey(wishes)
        except (OSError, InputError) as error:
            found = Survey(None, problem=str(error))
        if self._thread is threading.current_thread():  # nobody asked for anything else since
            self._found = found

    def _survey(self, wishes: Wishes) -> Survey:
        machine = self._machine = self._machine or look()
        if wishes.python not in self._pythons:
            self._pythons[wishes.python] = find_python(wishes.python)
        plan = make_plan(
            *(next_folder(wishes.user), wishes.requirements, wishes.check, machine),
            *(self._pythons[wishes.python], wishes.build, wishes.wheels),
        )
        return Survey(plan, sum(folder_mb(folder) for folder in own_engines(wishes.user)))
