"""A folder that is written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


@contextmanager
def whole_folder(path: str | os.PathLike, mark: str = "result.json") -> Iterator[Path]:
    """Yield a temporary sibling of `path` that takes its place when the block ends well.

    An earlier result at `path` is replaced only then. A folder that is not an earlier result (no
    file `mark` in it) and is not empty is never replaced: InputError.
    """
    path = Path(path).absolute()
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: a file is in the way.", "Choose another output folder.")
    if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file():
        raise InputError(
            f"{path}: the folder holds files that are not an earlier result.",
            "Choose a new or empty output folder.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}."))
    temporary.chmod(0o755)
    try:
        yield temporary
        _swap(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary: Path, path: Path) -> None:
    if not path.exists():
        os.replace(temporary, path)
        return
    old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.")) / "old"
    os.replace(path, old)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(old, path)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Remove what a killed run left: temporary siblings whose process is gone."""
    for folder in path.parent.glob(f".{path.name}.*.*"):
        pid = folder.name[len(path.name) + 2 :].split(".")[0]
        if folder.is_dir() and pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill(pid, 0) would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
