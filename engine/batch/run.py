"""The batch itself: clips given to workers, those of lost workers again, one report."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..formats.errors import InputError
from ..formats.result import read_result
from .cluster import Cluster, WorkerLost
from .plan import Task
from .report import Outcome, write_report

_GLANCE = 0.5  # s between looks at the workers


@dataclass
class Batch:
    """The tasks of a batch and what became of them; `outcomes` has one for each, in their order."""

    job: str
    out: Path
    tasks: Sequence[Task]
    retries: int = 2  # times that a clip is begun again after its worker was lost
    outcomes: list[Outcome] = field(init=False)
    stopped: list[Task] = field(default_factory=list)  # while they were worked on
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.outcomes = [_before(task) for task in self.tasks]

    @property
    def left(self) -> list[int]:
        """The numbers of the tasks without a result."""
        return [i for i, outcome in enumerate(self.outcomes) if outcome.state == "waiting"]

    def run(self, cluster: Cluster, tell: Callable[[Outcome | None], None]) -> None:
        """Work on what is left. `tell` gets every clip that is settled, and None now and then.

        However it ends, nothing half-written is left, nobody works on, and the report tells how
        far it came.
        """
        waiting = deque(self.left)
        running: dict[Any, tuple[int, float]] = {}  # handle: task, when it began
        try:
            while waiting or running:
                while waiting and len(running) < cluster.workers:
                    number = waiting.popleft()
                    task = self.tasks[number]
                    handle = cluster.start(self.job, task.params, str(task.out))
                    running[handle] = number, time.monotonic()
                for handle in cluster.wait(list(running), _GLANCE):
                    number, begun = running.pop(handle)
                    outcome = self._settle(cluster, handle, number, begun)
                    if outcome.state == "waiting":
                        waiting.append(number)
                        continue
                    self.report()
                    tell(outcome)
                tell(None)
        finally:
            cluster.stop(list(running))
            self.stopped = [self.tasks[number] for number, _ in running.values()]
            self.report()

    def sweep(self) -> None:
        """Take away what stopped workers were writing. To be called when the cluster is left."""
        for task in self.stopped:
            _sweep(task.out)

    def report(self) -> None:
        """Write what is known by now."""
        write_report(self.out, self.job, self.outcomes, time.monotonic() - self.started)

    def _settle(self, cluster: Cluster, handle: Any, number: int, begun: float) -> Outcome:
        task, before = self.tasks[number], self.outcomes[number]
        try:
            outcome = Outcome(**cluster.result(handle))
            outcome.seconds += before.seconds
        except WorkerLost:
            outcome = self._lost(task, before, time.monotonic() - begun)
        outcome.tries = before.tries + 1
        if outcome.state == "done":
            _look_from_here(task, outcome)
        self.outcomes[number] = outcome
        return outcome

    def _lost(self, task: Task, before: Outcome, seconds: float) -> Outcome:
        _sweep(task.out)
        again = before.tries < self.retries
        outcome = Outcome(before.clip, before.name, "waiting" if again else "failed")
        outcome.seconds = before.seconds + seconds
        if not again:
            outcome.why = "killed"
            outcome.error = f"{before.clip}: its worker died {before.tries + 1} times."
            outcome.hint = "Is there enough memory? Try fewer --workers, or this clip alone."
        return outcome


def _before(task: Task) -> Outcome:
    outcome = Outcome(str(task.clip.source), task.name, "waiting")
    if task.earlier is not None:
        outcome.state, outcome.frames = "skipped", task.earlier.frame_count
        outcome.people = len(task.earlier.people)
    return outcome


def _look_from_here(task: Task, outcome: Outcome) -> None:
    """A result that only the worker's machine sees is none."""
    try:
        read_result(task.out)
    except InputError:
        outcome.state, outcome.why = "failed", "lost"
        outcome.error = f"{task.out}: {outcome.host} wrote it, but it is not to be seen here."
        outcome.hint = "Choose an output folder that all machines of the cluster share."


def _sweep(out: Path) -> None:
    """Remove the temporary folders of one result, whose writer is gone."""
    for folder in out.parent.glob(f".{out.name}.*.*"):
        shutil.rmtree(folder, ignore_errors=True)
