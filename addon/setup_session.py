"""The live state of the engine's set-up: check, installation, models, what this computer has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import bpy

from ..engine.formats.errors import InputError
from . import engine_setup as setup
from .engine_client import clean_environment
from .engine_folders import is_own, own_engines, remove_folders
from .install_plan import environment_python
from .installation import Installation, report_lines
from .job import DONE, FAILED
from .model_files import ModelFiles
from .survey import Survey, Surveyor, Wishes
from .task import Task

log = logging.getLogger("layfigure")


class SetupSession:
    """What panels draw and operators call; the session's clock drains it.

    Args:
        wake: starts the clock.
        engine_is_free: tells whether no job needs the engine, whose process has then ended.
    """

    def __init__(self, wake: Callable[[], None], engine_is_free: Callable[[], bool]) -> None:
        self.check: Task | None = None
        self.findings: list[tuple[str, str]] = []  # (ok, warning or error; line) of the last check
        self.installation: Installation | None = None
        self.models = ModelFiles(lambda *words: setup.engine_command(*words))
        self._trying = False  # the engine was just chosen in the set-up, and is being asked
        self._wake, self._engine_is_free = wake, engine_is_free
        self._surveyor = Surveyor()
        self._removing: threading.Thread | None = None
        self._settled = True  # whether the last installation's outcome was dealt with
        self._drawn: tuple = ()

    # ------------------------------------------------------------ what panels ask

    @property
    def installing(self) -> bool:
        """Whether an installation runs, or waits for a job to end before it is put in place."""
        return self.installation is not None and not self._settled

    @property
    def needed(self) -> bool:
        """Whether there is no engine that is known to work, or that is being changed."""
        python = setup.engine_python()
        broken = any(state == "error" for state, _ in self.findings)
        return self.installing or self._trying or broken or not Path(python or ".").is_file()

    @property
    def own(self) -> bool:
        """Whether the engine that is set is one that the add-on installed."""
        return is_own(setup.user_folder(), setup.engine_python())

    @property
    def survey(self) -> Survey | None:
        """What was found out about this computer, None when it has not been looked at."""
        return self._surveyor.survey

    @property
    def looking(self) -> bool:
        """Whether this computer is being looked at."""
        return self._surveyor.looking

    def ask(self) -> None:
        """See to it that the survey is or will be there; for panels, which cannot wait."""
        if self.survey is None and not self.looking and not bpy.app.background:
            self.look()

    def ask_models(self) -> None:
        """The same for the register of model files."""
        models = self.models
        asked = models.known is not None or models.busy or models.error
        if not asked and setup.engine_python() and not bpy.app.background:
            self.change_models(models.ask)

    # ------------------------------------------------------------ what operators call

    def look(self, afresh: bool = False) -> None:
        """Find out what an installation would do, in the background; `afresh` forgets the rest."""
        self._follow(self._surveyor.look(_wishes(), afresh).join)

    def wishes_changed(self) -> None:
        """The preferences ask for another installation: the plan holds no more."""
        self._surveyor.survey = None
        if not bpy.app.background:
            self.look()

    def start_check(self) -> None:
        """Run the engine's doctor. Raises InputError when no engine is set."""
        command = setup.engine_command("doctor", "--json")
        self.findings = []
        self.check = Task("check", [command], clean_environment()).start()
        self._follow(self.check.wait)

    def use_python(self, python: str) -> None:
        """Take `python` as the engine and ask it. Raises InputError when it is no file."""
        if not Path(python).is_file():
            raise InputError(
                f"{python}: no such file.", "Choose the program python of an environment."
            )
        self._choose(python)
        self._trying = True
        self.start_check()

    def start_install(self) -> None:
        """Begin what the survey's plan says.

        Raises InputError when it cannot: no network, no Python, a full disk, or one runs already.
        """
        if self.installing:
            raise InputError("The engine is being installed already.", "Wait or cancel.")
        if self.survey is None and not self.looking:
            self.look()
        survey = self.survey
        if survey is None or self.looking:  # only in a window
            raise InputError("This computer is still being looked at.", "Press it again.")
        if survey.plan is None:
            raise InputError(survey.problem)
        plan = survey.plan
        if plan.problem:
            raise InputError(plan.problem, plan.hint)
        if plan.folder.exists():  # another Blender was quicker
            self.look()
            raise InputError(f"{plan.folder}: it is there already.", "Press it again.")
        if plan.wheels is None and not bpy.app.online_access:
            raise InputError(
                "Blender may not use the network.",
                "Turn on Allow Online Access in the preferences (System, Network), "
                "or name a folder of wheels.",
            )
        self._settled = False
        self.installation = Installation(plan, setup.user_folder() / "install.log").start()
        self._follow(self.installation.wait)

    def remove_engine(self) -> None:
        """Take the engines that the add-on installed from the disk.

        Raises InputError while one is needed or being installed.
        """
        if self.installing:
            raise InputError("The engine is being installed.", "Cancel that first.")
        if not self._engine_is_free():
            raise InputError("A job needs the engine.", "Wait for it or cancel it.")
        if self.own:
            self._choose("")
        self._remove(own_engines(setup.user_folder()))
        self.look()

    def change_models(self, change: Callable, *arguments: str) -> None:
        """Call a method of `models` and listen to what becomes of it."""
        change(*arguments)
        task = self.models.task
        if task is not None:
            self._follow(task.wait)

    def forget_check(self) -> None:
        """Another engine was chosen."""
        self.check, self.findings, self._trying = None, [], False
        self.models.known = None

    def close(self) -> None:
        """End what runs; an installation takes back what it made."""
        if self.check is not None and self.check.running:
            self.check.cancel()
            self.check.wait(5)
        if self.installation is not None and self.installing:
            self.installation.cancel()
            if self.installation.wait(10) == DONE:  # it waited for a job's end
                self._put_in_place(self.installation)
        self.models.close()

    # ------------------------------------------------------------ the clock

    @property
    def busy(self) -> bool:
        """Whether something may still come in."""
        checking = self.check is not None and self.check.running
        removing = self._removing is not None
        return checking or removing or self.installing or self.looking or self.models.busy

    def drain(self) -> bool:
        """Take what has come in. True when there is something new to draw."""
        changed = self.check is not None and self.check.changed()
        if self.check is not None and not self.check.running and not self.findings:
            self.findings, self._trying = _findings(self.check), False
        changed = self._surveyor.drain() or changed
        if self._removing is not None and not self._removing.is_alive():
            self._removing, changed = None, True
        changed = self._settle() or changed
        return self.models.drain() or self._moved() or changed

    def _moved(self) -> bool:
        """Whether the installation's bar has to be drawn again."""
        if self.installation is None:
            return False
        progress = self.installation.progress
        now = (progress.step, round(progress.factor, 3), progress.words, self.installation.status)
        moved, self._drawn = now != self._drawn, now
        return moved

    def _settle(self) -> bool:
        """After an installation: let the new engine take the place of the old ones."""
        done = self.installation
        if done is None or self._settled or done.status == "running":
            return False
        if done.status == DONE:
            if not self._engine_is_free():  # a job runs in the old one
                return False
            self._put_in_place(done)
        elif done.status == FAILED:
            log.warning("The engine was not installed: %s", done.error)
        self._settled = True
        self.look()
        return True

    # ------------------------------------------------------------ inside

    def _put_in_place(self, done: Installation) -> None:
        folder, user = done.plan.folder, setup.user_folder()
        self._choose(str(environment_python(folder)))
        self.findings = done.findings
        self._remove([other for other in own_engines(user) if other != folder])

    def _choose(self, python: str) -> None:
        chosen = setup.preferences()
        if chosen is None:
            raise InputError("Blender does not hold Layfigure as an add-on.", "Install its zip.")
        chosen.engine_python = python  # its update forgets what was known of the old one
        bpy.context.preferences.is_dirty = True  # Blender saves them when it ends

    def _remove(self, folders: list[Path]) -> None:
        try:
            self._removing = remove_folders(setup.user_folder(), folders)
        except InputError as error:  # the next removal takes it away
            log.warning("%s", error)

    def _follow(self, wait: Callable[[], object]) -> None:
        """Without a window wait for the end, else let the clock tick."""
        if bpy.app.background:
            wait()
            self.drain()
        else:
            self._wake()


def _findings(task: Task) -> list[tuple[str, str]]:
    lines = report_lines("\n".join(task.lines))
    if task.status == FAILED and not lines:
        return [("error", f"The engine cannot run: {task.error}")]
    return lines or [("error", "The engine gave no report.")]


def _wishes() -> Wishes:
    check = (str(setup.LAUNCHER), "doctor", "--json")
    user, chosen = setup.user_folder(), setup.preferences()
    if chosen is None:
        return Wishes(user, setup.REQUIREMENTS, check)
    named, wheels = (bpy.path.abspath(path.strip()) for path in (chosen.base_python, chosen.wheels))
    build = chosen.torch_build
    return Wishes(user, setup.REQUIREMENTS, check, named, build, Path(wheels) if wheels else None)
