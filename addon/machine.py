"""What of this computer decides which torch it can use. No bpy."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .engine_client import process_options

_PATIENCE_S = 20.0  # a driver that sleeps takes some seconds


@dataclass(frozen=True)
class Gpu:
    """A GPU of NVIDIA and its driver."""

    name: str
    driver: str
    cuda: tuple[int, int]  # the newest CUDA that the driver runs
    compute: tuple[int, int] = (0, 0)  # compute capability; zeros when the driver does not tell


@dataclass(frozen=True)
class Machine:
    """System and processor as `platform` names them, and the GPU of NVIDIA if there is one."""

    system: str
    machine: str
    gpu: Gpu | None = None

    @property
    def arm(self) -> bool:
        """Whether the processor is an ARM."""
        return self.machine.lower() in ("arm64", "aarch64")


def look(smi: str = "") -> Machine:
    """Look at this computer. It may take seconds: not for the main thread.

    `smi` is the program that knows NVIDIA's GPUs; it is looked for where it usually lies.
    """
    return Machine(platform.system(), platform.machine(), _nvidia(smi or _find_smi()))


def _find_smi() -> str:
    windows = Path(os.environ.get("SYSTEMROOT", ""), "System32", "nvidia-smi.exe")
    return shutil.which("nvidia-smi") or (str(windows) if windows.is_file() else "")


def _nvidia(smi: str) -> Gpu | None:
    """The GPU that torch would take first, None without one or when its driver does not work."""
    about = _ask(smi, "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader")
    if not about:  # drivers from before 2022 do not know of compute_cap
        about = _ask(smi, "--query-gpu=name,driver_version", "--format=csv,noheader")
    # newer drivers write "CUDA UMD Version"
    cuda = re.search(r"CUDA(?: UMD)? Version\s*:\s*(\d+)\.(\d+)", _ask(smi))
    if not about or cuda is None:
        return None
    name, driver, *rest = (part.strip() for part in about.splitlines()[0].split(","))
    major, _, minor = (rest[0] if rest else "").partition(".")
    known = major.isdigit() and minor.isdigit()
    compute = (int(major), int(minor)) if known else (0, 0)
    return Gpu(name, driver, (int(cuda[1]), int(cuda[2])), compute)


def _ask(smi: str, *arguments: str) -> str:
    """What it prints; nothing when it is not there or its driver does not answer."""
    if not smi:
        return ""
    try:
        run = subprocess.run(
            [smi, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
            **process_options(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""
