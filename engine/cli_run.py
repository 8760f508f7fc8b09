"""What all commands share: a job with its bar on the screen, and how the program ends."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from .formats.errors import Cancelled, InputError
from .progress import Progress
from .training.ranks import is_main

_screen = Console(stderr=True)

Device = Annotated[str, typer.Option(help="auto, cuda, cpu or mps.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Out = Annotated[Path, typer.Option("-o", "--output", help="Output folder.")]


def tell(sentence: str) -> None:
    """On the screen, not on stdout."""
    _screen.print(sentence, markup=False, highlight=False)


def run(job: str, params: dict, output: Path, left: str = "nothing was written") -> Path:
    """Run a job with a progress bar; leave with the right exit code.

    `left` says what a cancelled job leaves.
    """
    from .jobs import run_job

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"))
    bar = Bar(*columns, TimeElapsedColumn(), console=_screen, transient=True, disable=not is_main())
    with bar:
        task = bar.add_task("Starting", total=None, rate="")

        def report(step: int, total: int, message: str, eta: float | None) -> None:
            rate = "" if eta is None else f"{100 * step // total} %, {eta:.0f} s left"
            bar.update(task, completed=step, total=total, description=message, rate=rate)

        try:
            folder = run_job(job, params, output, Progress(report))
        except InputError as error:
            bar.stop()
            raise refusal(error) from None
        except (Cancelled, KeyboardInterrupt):
            bar.stop()
            _screen.print(f"layfigure: cancelled; {left}.")
            raise typer.Exit(130) from None
        except Exception as error:
            bar.stop()
            _screen.print(_our_fault(error), markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
    if is_main():
        print(folder)
    return folder


def _our_fault(error: Exception) -> str:
    """One sentence; the trace goes to a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="layfigure-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        traceback.print_exc(file=log)
    return (
        f"layfigure: an error of ours, {type(error).__name__}: {error}. The trace is in {log.name}."
    )


@contextmanager
def sentences() -> Iterator[None]:
    """Wrong input ends the program with its sentence and code 2."""
    try:
        yield
    except InputError as error:
        raise refusal(error) from None


def refusal(error: InputError) -> typer.Exit:
    """Say what is wrong with the input; the way out to raise."""
    _screen.print(f"layfigure: {error}", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(2)
