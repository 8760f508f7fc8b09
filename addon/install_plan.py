"""How an engine would be installed here, worked out before anything is loaded. No bpy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engine.formats.errors import InputError
from .base_python import WANTED, BasePython
from .engine_client import clean_environment
from .machine import Machine
from .torch_builds import PYPI, Build, choose_build, refusal
from .wheel_folder import WheelFolder, check_wheels, requirement_lines

# Megabytes of all libraries but torch, about.
_REST_DOWNLOAD_MB, _REST_DISK_MB = 480, 1700
_RAW_PROGRESS = (24, 1)  # the first pip that tells machines how far a download is


@dataclass(frozen=True)
class Step:
    """One command of an installation."""

    title: str
    command: list[str]
    share: float  # of the whole time, about, in any unit
    download_mb: int = 0  # what it loads, about


@dataclass(frozen=True)
class Plan:
    """What an installation would do. `problem` says in one sentence why it cannot begin."""

    folder: Path  # the environment
    build: Build
    python: BasePython | None
    wheels: WheelFolder | None  # where all is taken from; None: from the network
    steps: tuple[Step, ...]
    download_mb: int
    disk_mb: int
    free_mb: int  # on the disk of the folder
    problem: str = ""
    hint: str = ""

    @property
    def room_mb(self) -> int:
        """What must be free while it is installed: the files that are loaded lie beside it."""
        return self.disk_mb + 2 * self.download_mb

    @property
    def sources(self) -> str:
        """Where all is had."""
        if self.wheels is not None:
            return str(self.wheels.path)
        host = self.build.index.split("/")[2]
        return "pypi.org" if self.build.index == PYPI else f"pypi.org; torch from {host}"

    @property
    def work(self) -> Path:
        """The folder for what is loaded, removed at the end."""
        return self.folder.with_name("install_files")

    def environment(self, source: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of its commands: all that pip writes lies in the folders named here."""
        there = clean_environment(source)
        if self.wheels is not None:  # the folder and nothing else, whatever pip is set to
            there = {name: value for name, value in there.items() if not name.startswith("PIP_")}
            there["PIP_CONFIG_FILE"] = os.devnull
        scratch = str(self.work / "tmp")
        names = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch)
        return {**there, **names, "PIP_CACHE_DIR": str(self.work / "cache")}


def make_plan(
    folder: Path,
    requirements: Path,
    check: Sequence[str],
    machine: Machine,
    python: BasePython | None,
    wish: str = "AUTO",
    wheels: Path | None = None,
) -> Plan:
    """Work out how an engine gets into `folder`.

    Args:
        folder: the environment, made new.
        requirements: the file with the names of the libraries.
        check: what the environment's Python runs at the end; code 0 when the engine is whole.
        machine: this computer.
        python: the Python that the environment is made from, None when there is none.
        wish: the build of torch: AUTO, CPU, CUDA.
        wheels: a folder of wheels to take all from, without the network.

    It looks at the disk. A plan that cannot be carried out has a `problem`; nothing is raised.
    """
    build, found = choose_build(machine, wish), None
    problem, hint = refusal(machine) if wheels is None else ("", "")
    download, disk = build.download_mb + _REST_DOWNLOAD_MB, build.disk_mb + _REST_DISK_MB
    if not problem and python is None:
        problem, hint = (
            f"No {WANTED} was found here.",
            "Install one, or name yours under Other Choices.",
        )
    elif not problem and python is not None and python.problem:
        problem, hint = python.problem, f"Name {WANTED}, or leave the field empty."
    if not problem and wheels is not None and python is not None:
        try:
            found = check_wheels(wheels, python, requirements)
            download, disk = 0, found.disk_mb
        except InputError as error:
            problem, hint = error.message, error.hint
    steps: tuple[Step, ...] = ()
    if not problem and python is not None:
        steps = tuple(_steps(folder, requirements, check, build, python, found))
    plan = Plan(folder, build, python, found, steps, download, disk, free_mb(folder), problem, hint)
    if not problem and plan.free_mb < plan.room_mb:
        needs = f"{gigabytes(plan.room_mb)} are needed, {gigabytes(plan.free_mb)} are free"
        text = f"The disk of {folder.parent} is too full: {needs}."
        return _refused(plan, text, "Make room and look again.")
    return plan


def environment_python(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def free_mb(folder: Path) -> int:
    """Megabytes that are free where `folder` is or would be; 0 when that cannot be known."""
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
    return 0 if there is None else shutil.disk_usage(there).free // 1_000_000


def folder_mb(folder: Path) -> int:
    """Megabytes that the files below `folder` take; it reads the whole tree."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:  # it went while we looked
                continue
    return round(total / 1e6)


def gigabytes(megabytes: int) -> str:
    """A size as people read it."""
    return f"{megabytes} MB" if megabytes < 950 else f"{megabytes / 1000:.1f} GB"


def _refused(plan: Plan, problem: str, hint: str) -> Plan:
    return Plan(**{**vars(plan), "steps": (), "problem": problem, "hint": hint})


def _steps(
    folder: Path,
    requirements: Path,
    check: Sequence[str],
    build: Build,
    python: BasePython,
    wheels: WheelFolder | None,
) -> list[Step]:
    own = str(environment_python(folder))
    pip = [own, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    names = ["-r", str(requirements)]
    steps = [Step("Making the environment", [python.path, "-m", "venv", "--clear", str(folder)], 2)]
    if wheels is not None:
        bar = ["--progress-bar", "raw"] if python.pip >= _RAW_PROGRESS else []
        where = ["--no-index", "--find-links", str(wheels.path)]
        steps.append(Step("Installing from the folder of wheels", [*pip, *bar, *where, *names], 20))
        return [*steps, Step("Checking the engine", [own, *check], 2)]
    # the pip that came with Python may be too old to tell how far it is
    steps.append(Step("Renewing pip", [*pip, "--upgrade", "pip"], 1))
    # a wheel is only unpacked; anything else would be built, with compilers that few have
    pip += ["--progress-bar", "raw", "--only-binary", ":all:"]
    torch = requirement_lines(requirements).get("torch")
    loads = _REST_DOWNLOAD_MB
    if torch and build.index != PYPI:
        command = [*pip, "--index-url", build.index, torch]
        title = f"Loading torch ({build.name})"
        steps.append(Step(title, command, build.download_mb / 25, build.download_mb))
    else:
        loads += build.download_mb
    steps.append(Step("Loading the libraries", [*pip, *names], loads / 25, loads))
    return [*steps, Step("Checking the engine", [own, *check], 2)]
