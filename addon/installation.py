"""An installation of the engine while it goes on. No bpy."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

from .install_errors import explain
from .install_plan import Plan, folder_mb
from .install_progress import InstallProgress
from .job import DONE, FAILED, RUNNING
from .task import Task

_LOOK_S = 2.0  # how often the disk is looked at


class Installation:
    """Carries out a plan; what it made is removed again unless all went well.

    Args:
        plan: one without a problem.
        log: the file for all that the commands print.
    """

    def __init__(self, plan: Plan, log: Path) -> None:
        self.plan = plan
        self.status = RUNNING
        self.error = self.hint = ""  # why it failed and what to do
        self.findings: list[tuple[str, str]] = []  # what the new engine's check found
        self.progress = InstallProgress([(s.share, s.download_mb) for s in plan.steps])
        self._said: list[str] = []  # by the present command
        commands = [step.command for step in plan.steps]
        self.task = Task("install", commands, plan.environment(), self._hear, log)
        self._thread = threading.Thread(target=self._run, name="layfigure install", daemon=True)

    def start(self) -> Installation:
        """Begin."""
        self._thread.start()
        return self

    @property
    def title(self) -> str:
        """The present step: `2 of 5: Loading torch (CPU)`."""
        number = self.progress.step
        return f"{number + 1} of {len(self.plan.steps)}: {self.plan.steps[number].title}"

    def cancel(self) -> None:
        """End it now; what it made goes in the background."""
        self.task.cancel()

    def wait(self, timeout: float | None = None) -> str:
        """Wait until it has ended and cleaned up; the status."""
        self._thread.join(timeout)
        return self.status

    def _hear(self, number: int, line: str) -> bool:
        if not line:
            self._said.clear()
            self.progress.begin(number)
            return True
        told = self.progress.read(line)
        if told:
            self._said.append(line)
        return told

    def _run(self) -> None:
        status = self._carry_out()
        if status == DONE:
            self.findings = report_lines("\n".join(self._said))
        else:
            shutil.rmtree(self.plan.folder, ignore_errors=True)
        if status != FAILED:  # else what was loaded is there for the next try
            shutil.rmtree(self.plan.work, ignore_errors=True)
        self.status = status

    def _carry_out(self) -> str:
        try:
            (self.plan.work / "tmp").mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            self.error = f"{self.plan.work}: {problem.strerror}."
            return FAILED
        self.task.start()
        while self.task.wait(_LOOK_S) == RUNNING:
            if self.progress.unpacking:
                self.progress.measure(folder_mb(self.plan.folder), self.plan.disk_mb)
        status = self.task.status
        if status == FAILED:
            self.error, self.hint = self._explain()
        return status

    def _explain(self) -> tuple[str, str]:
        checked = report_lines("\n".join(self._said))
        missing = [line for state, line in checked if state == "error"]
        if missing:
            return f"The new engine is not whole: {'; '.join(missing)}.", "Copy the report."
        sentence, hint = explain(self._said, self.plan.wheels is not None, self.task.error)
        if self.progress.step == len(self.plan.steps) - 1:
            return f"The new engine does not run: {sentence}", hint
        return sentence, hint


def report_lines(text: str) -> list[tuple[str, str]]:
    """What `doctor --json` printed as (state, line), state one of ok, warning, error."""
    start, end = text.find("{"), text.rfind("}")
    try:
        report = json.loads(text[start : end + 1])
        return [
            (
                "ok" if found["ok"] else "error" if found["needed"] else "warning",
                f"{found['name']}: {found['detail']}",
            )
            for found in report["findings"]
        ]
    except (ValueError, KeyError, TypeError):
        return []
