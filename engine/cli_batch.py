"""The command `layfigure batch`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from .batch.report import Outcome, exit_code, summary
from .cli_run import sentences, tell
from .formats.errors import InputError

_screen = Console(stderr=True)
_JOBS = ("fit", "regress")


def batch(
    clips: Annotated[
        list[str],
        typer.Argument(
            help="Videos, folders, patterns like 'shots/*.mp4', or a .txt or .csv list."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for a result folder of each clip.")
    ],
    job: Annotated[str, typer.Option(help="fit or regress.")] = "fit",
    options: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE, an option of the job; may be given again."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="A Ray cluster: HOST:PORT, ray://HOST:PORT or auto; default: here."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Clips at a time; default: by cores and memory.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores for each clip; default: shared evenly.")
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="How often a clip whose worker died is begun again.")
    ] = 2,
) -> None:
    """Fit many clips at once, here or on a Ray cluster; go on where an earlier run ended."""
    from .batch.clips import find_clips
    from .batch.cluster import connect
    from .batch.plan import plan
    from .batch.run import Batch
    from .batch.work import do_clip

    with sentences():
        if job not in _JOBS:
            raise InputError(f"There is no batch of {job}.", f"Known are {', '.join(_JOBS)}.")
        out = output.absolute()
        work = Batch(job, out, plan(job, find_clips(clips), _options(options or []), out), retries)
        left = len(work.left)
        if left:
            # a clip's own device may differ; Ray hides the cards from tasks that ask for none
            gpu = any(task.params["device"] in ("auto", "cuda") for task in work.tasks)
            try:
                with (
                    connect(cluster, do_clip, left, workers, threads, gpu) as there,
                    _Bar(left) as bar,
                ):
                    work.run(there, bar.tell)
            except KeyboardInterrupt:
                tell(f"layfigure: cancelled; {summary(work.outcomes)} The same command goes on.")
                raise typer.Exit(130) from None
            finally:
                work.sweep()
        else:
            work.report()
    _show(work.outcomes)
    tell(f"{summary(work.outcomes)} See {out / 'report.md'}.")
    print(out)
    raise typer.Exit(exit_code(work.outcomes))


def _options(words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for name, equals, _ in pairs:
        if not equals or not name.isidentifier():
            raise InputError(f"--set {name}: this is not NAME=VALUE.", "Write --set smooth=2")
    return {name: value for name, _, value in pairs}


class _Bar:
    """Clips done, how fast, and how long the rest will take."""

    def __init__(self, total: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"))
        self._bar = Bar(*columns, TimeElapsedColumn(), console=_screen, transient=True)
        self._total, self._done = total, 0
        self._task = self._bar.add_task("Clips", total=self._total, rate="")
        self._started = time.monotonic()

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, outcome: Outcome | None) -> None:
        """Another clip is settled; or nothing new, and time goes by."""
        if outcome is None:
            return
        self._done += 1
        done, passed = self._done, time.monotonic() - self._started
        rest = passed / done * (self._total - done)
        rate = f"{done}/{self._total}, {60 * done / passed:.1f} a minute, {rest:.0f} s left"
        self._bar.update(self._task, completed=done, rate=rate)
        frames = f"{outcome.frames} frames, " if outcome.frames else ""
        what = f"{outcome.name}: {outcome.told} ({frames}{outcome.seconds:.1f} s)"
        tell(f"{done}/{self._total} {what}")


def _show(outcomes: list[Outcome]) -> None:
    """The clips that are not simply done, as a table."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if not failed:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("clip", "state", "what to do"):
        table.add_column(title, overflow="fold")
    for outcome in failed:
        table.add_row(outcome.name, outcome.told, f"{outcome.error} {outcome.hint}".strip())
    _screen.print(table, markup=False)
