"""What there is to do: a result folder and checked options for every clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..formats.errors import InputError
from ..formats.result import Result, read_result
from ..jobs import check_params
from .clips import Clip


@dataclass(frozen=True)
class Task:
    """A clip's part of the batch."""

    clip: Clip
    out: Path  # its result folder
    params: dict  # of the job, checked, as JSON takes them
    earlier: Result | None  # the result that an earlier run left: nothing to do

    @property
    def name(self) -> str:
        """Of its folder in the report."""
        return self.out.name


def plan(job: str, clips: Sequence[Clip], options: dict[str, str], out: Path) -> list[Task]:
    """A task for every clip, in their order, with a folder in `out` that belongs to it alone.

    Raises InputError for options that the job does not know or take; nothing is written.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: a file is in the way.", "Choose another output folder.")
    taken: set[str] = set()
    tasks = []
    for clip in clips:
        source = str(clip.source)
        if "source" in {*options, *clip.options}:
            raise InputError("source is no option of a batch.", "Name the clips instead.")
        checked = check_params(job, {**options, **clip.options, "source": source})
        folder, earlier = _place(clip, out, taken)
        taken.add(folder.name.lower())
        params = checked.model_dump(mode="json")
        if earlier is not None and not _made_so(earlier, job, params):
            earlier = None
        tasks.append(Task(clip, folder, params, earlier))
    return tasks


def _place(clip: Clip, out: Path, taken: set[str]) -> tuple[Path, Result | None]:
    """The folder of a clip, and the result in it: named like the clip, unless that is another's."""
    for name in _names(clip):
        folder = out / name
        if name.lower() in taken:
            continue
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return folder, None
        result = _result_in(folder)
        if result is not None and _source(result) == str(clip.source):
            return folder, result
    raise AssertionError("names do not end")


def _names(clip: Clip) -> Iterator[str]:
    """Names for a clip's folder, the best first."""
    source = clip.source
    stem = source.name if source.is_dir() else source.stem
    best = Path(clip.wish).name or stem
    yield best
    if not clip.wish:
        yield f"{source.parent.name}_{stem}"
    number = 2
    while True:
        yield f"{best}_{number}"
        number += 1


def _result_in(folder: Path) -> Result | None:
    """The result at `folder` if it is whole."""
    try:
        return read_result(folder)
    except InputError:
        return None


def _source(result: Result) -> str:
    return str(result.meta.get("params", {}).get("source", ""))


def _made_so(result: Result, job: str, params: dict) -> bool:
    """Whether `result` was made by the same job with the same options."""
    before = result.meta.get("params", {})
    same = all(before[key] == value for key, value in params.items() if key in before)
    return same and result.meta.get("job") == job
