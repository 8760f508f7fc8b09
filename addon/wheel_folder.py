"""A folder of wheels from which the engine is installed without the network. No bpy."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..engine.formats.errors import InputError
from .base_python import BasePython

HINT = "Fill it on a computer with the same system and Python: make wheels."
_COMPILED = 1.15  # pip compiles what it unpacks
_SYSTEMS = {"Linux": "linux", "Windows": "win", "Darwin": "macosx"}
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Wheel:
    """A wheel file, by its name."""

    path: Path
    name: str  # in lower case, with dashes
    version: str
    pythons: tuple[str, ...]
    abis: tuple[str, ...]
    platforms: tuple[str, ...]

    def suits(self, python: BasePython) -> bool:
        """Whether `python` can use it."""
        return self._suits_python(python.version) and any(
            _suits_platform(platform, python) for platform in self.platforms
        )

    def _suits_python(self, version: tuple[int, ...]) -> bool:
        exact = f"cp{version[0]}{version[1]}"
        for tag in self.pythons:
            if tag in ("py3", "py2.py3", exact, f"py{version[0]}{version[1]}"):
                return True
            older = re.fullmatch(r"cp3(\d+)", tag)
            if "abi3" in self.abis and older and int(older[1]) <= version[1]:
                return True
        return False


@dataclass(frozen=True)
class WheelFolder:
    """What of a folder suits a Python: its torch and how large all is."""

    path: Path
    torch: str  # version of torch; empty when the requirements ask for none
    disk_mb: int  # when installed, about


def requirement_lines(requirements: Path) -> dict[str, str]:
    """What a requirements file asks for on every computer: name -> line, without those with a mark.

    Raises InputError when it cannot be read.
    """
    try:
        text = requirements.read_text("utf-8")
    except OSError as error:
        raise InputError(
            f"{requirements}: {error.strerror}.", "Install the add-on again."
        ) from error
    found = {}
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        named = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line)
        if named and ";" not in line:
            found[_plain(named[0])] = line
    return found


def check_wheels(folder: Path, python: BasePython, requirements: Path) -> WheelFolder:
    """Look whether `folder` holds what `requirements` names for `python`.

    It reads names and the tables at the ends of the files; seconds on a slow disk. Raises
    InputError that names what is missing.
    """
    try:
        wheels = [wheel for file in sorted(folder.iterdir()) if (wheel := read_name(file))]
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}.", "Choose a folder of wheels.") from error
    if not wheels:
        raise InputError(f"{folder}: no wheels are in it.", HINT)
    suited = [wheel for wheel in wheels if wheel.suits(python)]
    there = {wheel.name for wheel in suited}
    missing = [name for name in requirement_lines(requirements) if name not in there]
    if missing:
        others = {wheel.name for wheel in wheels}
        wrong = [name for name in missing if name in others]
        what = f"{_listed(missing)} for {python.words}"
        also = f" (there for another system or Python: {_listed(wrong)})" if wrong else ""
        raise InputError(f"{folder}: no wheel of {what}{also}.", HINT)
    torch = [wheel.version for wheel in suited if wheel.name == "torch"]
    return WheelFolder(folder, torch[-1] if torch else "", _disk_mb(suited))


def read_name(file: Path) -> Wheel | None:
    """A wheel by its file name, None for any other file."""
    parts = file.name.removesuffix(".whl").split("-")
    if file.suffix != ".whl" or len(parts) not in (5, 6):
        return None
    pythons, abis, platforms = (tuple(part.split(".")) for part in parts[-3:])
    return Wheel(file, _plain(parts[0]), parts[1], pythons, abis, platforms)


def _suits_platform(tag: str, python: BasePython) -> bool:
    if tag == "any":
        return True
    machine = _MACHINES.get(python.machine.lower(), python.machine.lower())
    if tag.startswith("macosx") and tag.endswith("universal2"):
        return python.system == "Darwin"
    system = "linux" if "linux" in tag else tag.partition("_")[0]
    tags_machine = tag.replace("amd64", "x86_64").replace("arm64", "aarch64")
    return system == _SYSTEMS.get(python.system) and tags_machine.endswith(machine)


def _disk_mb(wheels: Iterable[Wheel]) -> int:
    """What they take when installed: of each package the largest."""
    sizes: dict[str, int] = {}
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel.path) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{wheel.path}: it is no whole wheel ({error}).", HINT) from error
        sizes[wheel.name] = max(size, sizes.get(wheel.name, 0))
    return round(sum(sizes.values()) * _COMPILED / 1e6)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
