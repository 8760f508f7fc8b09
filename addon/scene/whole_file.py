"""A file that Blender writes whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...engine.formats.errors import InputError


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a place of the same name in a temporary folder; it becomes `path` at success.

    What Blender and the system say when they cannot write becomes one InputError.
    """
    path = Path(path).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=".layfigure."))
    except OSError as error:
        raise refused(path, error) from error
    try:
        yield folder / path.name
        if not (folder / path.name).is_file():
            raise OSError("nothing was written")
        os.replace(folder / path.name, path)
    except (OSError, RuntimeError) as error:
        raise refused(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def refused(path: Path, error: Exception) -> InputError:
    """One sentence for `error`, by which Blender or the system could not write `path`."""
    # an operator's RuntimeError may carry a whole traceback, its last line the reason
    lines = [line.strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line and not line.startswith("Location:")]
    reason = getattr(error, "strerror", None) or (lines[-1] if lines else type(error).__name__)
    reason = reason.removeprefix("Error: ").rstrip(".")
    return InputError(
        f"{path}: it cannot be written ({reason}).", "Choose another place or free some disk space."
    )
