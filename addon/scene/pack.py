"""Pack for moving: what a scene needs is copied beside its .blend, which then names it from there.

Copying goes on in short steps, so that a window stays alive; a file is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...engine.formats.errors import InputError
from .external import External, external_files, stored_path

_CHUNK = 2 << 20  # bytes a step


@dataclass
class Packing:
    """What is being copied, how far it is, and what came of it."""

    folder: Path  # where the copies go
    total: int  # bytes to be looked at
    done: int = 0
    copied: int = 0  # bytes that were written
    files: int = 0  # that were written
    missing: list[str] = field(default_factory=list)  # paths that are not there
    # the path that Blender knows -> the one that it is to know
    places: dict[Path, Path] = field(default_factory=dict)
    cancelled: bool = False  # the artist wants it to end

    @property
    def part(self) -> float:
        """0..1 of the work."""
        return self.done / self.total if self.total else 1.0


def folder_beside(blend: str) -> Path:
    """The folder of the copies for a saved file: `<blend name>_files`."""
    return Path(blend).absolute().with_name(f"{Path(blend).stem}_files")


def start_packing(scene: bpy.types.Scene) -> tuple[Packing, Iterator[None]]:
    """A packing of `scene`, and its steps, to be taken one after the other and then `finish`ed.

    Raises InputError when the .blend has never been saved, or the drive is too full; a step raises
    it when a file cannot be read or written. Closing the steps ends the copying; whole copies stay.
    """
    if not bpy.data.filepath:
        raise InputError(
            "The files go beside the .blend, and it has never been saved.",
            "Save it first (File > Save).",
        )
    folder = folder_beside(bpy.data.filepath)
    packing, jobs = Packing(folder, 0), {}
    for one in external_files(scene):
        files = one.files()
        if not files:
            packing.missing.append(str(one.path))
        elif not one.path.is_relative_to(folder):
            jobs[one.path] = (one, files)
    sizes = [file.stat().st_size for _, files in jobs.values() for file in files]
    packing.total = sum(sizes)
    free = shutil.disk_usage(folder.parent).free
    if packing.total > free and not folder.exists():  # else a part of it may lie there already
        needed = megabytes(packing.total)
        raise InputError(
            f"{folder}: {needed} are to be copied and {megabytes(free)} are free.",
            "Free some disk space, or save the .blend on another drive.",
        )
    return packing, _steps(packing, jobs.values())


def advance(steps: Iterator[None], seconds: float = math.inf) -> bool:
    """Take `steps` for about so long; True when they have come to their end."""
    until = time.perf_counter() + seconds
    return all(time.perf_counter() <= until for _ in steps)


def finish(scene: bpy.types.Scene, packing: Packing) -> int:
    """Let Blender know the copies, by paths relative to the .blend; how many things refer to them.

    What `scene` refers to is looked up again: the artist may have gone on working meanwhile.
    """
    changed = 0
    for one in external_files(scene):
        place = packing.places.get(one.path)
        if place is None and one.path.is_relative_to(packing.folder):
            place = one.path
        if place is not None and one.owner.filepath != stored_path(place):
            one.point_to(place)
            changed += 1
    return changed


def megabytes(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _steps(packing: Packing, jobs: Iterable[tuple[External, list[Path]]]) -> Iterator[None]:
    taken: set[Path] = set()  # copies of this packing
    for one, files in jobs:
        if one.numbered:
            yield from _copy_pictures(packing, one, files, taken)
        else:
            packing.places[one.path] = yield from _copy_under_some_name(packing, files[0], taken)


def _copy_under_some_name(
    packing: Packing, source: Path, taken: set[Path]
) -> Generator[None, None, Path]:
    """Copy `source` under the first name that is free or holds the same already; returns it."""
    for name in _names(source):
        place = packing.folder / name
        if place in taken:
            continue
        if not place.exists():
            yield from _copy(packing, source, place)
            break
        same = yield from _same(source, place)
        if same:
            packing.done += source.stat().st_size
            break
    taken.add(place)
    return place


def _copy_pictures(
    packing: Packing, one: External, files: list[Path], taken: set[Path]
) -> Iterator[None]:
    """Copy numbered pictures: they keep their names, in a folder of their own."""
    for name in _names(one.path.parent):
        folder = packing.folder / name
        if folder in taken:
            continue
        clash = False
        for file in files:
            copy = folder / file.name
            clash = clash or (copy.exists() and not (yield from _same(file, copy)))
        if not clash:
            break
    taken.add(folder)
    for file in files:
        if (folder / file.name).exists():
            packing.done += file.stat().st_size
        else:
            yield from _copy(packing, file, folder / file.name)
    packing.places[one.path] = folder / one.path.name


def _names(source: Path) -> Iterator[str]:
    """Names for a copy of `source`: its own, with its folder's before it, then numbered ones."""
    yield source.name
    name = f"{source.parent.name}_{source.name}" if source.parent.name else source.name
    stem, suffix = os.path.splitext(name)
    yield name
    number = 2
    while True:
        yield f"{stem}_{number}{suffix}"
        number += 1


def _copy(packing: Packing, source: Path, place: Path) -> Iterator[None]:
    temporary = place.with_name(f".{place.name}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, temporary.open("wb") as writing:
            while chunk := reading.read(_CHUNK):
                writing.write(chunk)
                packing.done += len(chunk)
                packing.copied += len(chunk)
                yield
        os.replace(temporary, place)
        packing.files += 1
    except OSError as error:
        raise InputError(
            f"{source}: it cannot be copied to {place.parent} ({error.strerror or error}).",
            "Free some disk space, or check that both may be read and written.",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it may never have come to be
            temporary.unlink()


def _same(source: Path, other: Path) -> Generator[None, None, bool]:
    """Whether both files hold the same."""
    if not other.is_file() or source.stat().st_size != other.stat().st_size:
        return False
    with source.open("rb") as one, other.open("rb") as two:
        while chunk := one.read(_CHUNK):
            if chunk != two.read(_CHUNK):
                return False
            yield
    return True
