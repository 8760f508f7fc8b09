"""Which build of torch is right for a computer, where it is had and how large it is. No bpy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .machine import Machine

PYPI = "https://pypi.org/simple"
_TORCH = "https://download.pytorch.org/whl/"


@dataclass(frozen=True)
class Build:
    """A build of torch. Sizes are megabytes, about, of torch and what it alone brings."""

    name: str
    index: str  # where pip finds it
    download_mb: int
    disk_mb: int
    why: str = ""  # why it was chosen, one sentence


_METAL = Build("Metal", PYPI, 140, 500)
_CPU = Build("CPU", _TORCH + "cpu", 200, 800)
_CUDA = {  # the CUDA of the driver that each needs
    "cu126": ((12, 0), Build("CUDA 12.6", _TORCH + "cu126", 3200, 6500)),
    "cu128": ((12, 8), Build("CUDA 12.8", _TORCH + "cu128", 3500, 7000)),
    "cu130": ((13, 0), Build("CUDA 13.0", _TORCH + "cu130", 3000, 6000)),
}
_OLDEST_COMPUTE, _BLACKWELL = (5, 0), (10, 0)
_OTHER_GPUS = "GPUs of AMD and Intel are not used."


def choose_build(machine: Machine, wish: str = "AUTO") -> Build:
    """The build for `machine`; `wish` is AUTO, CPU or CUDA."""
    if machine.system == "Darwin":
        return replace(_METAL, why="Torch for Macs computes on Apple's GPU too.")
    if wish == "CPU":
        return replace(_CPU, why="As chosen: without a GPU.")
    gpu = machine.gpu
    if gpu is None and wish == "CUDA":
        why = "As chosen, but no driver of NVIDIA answers here."
        return replace(_CUDA["cu126"][1], why=why)
    if gpu is None:
        return replace(_CPU, why=f"No driver of NVIDIA answers here. {_OTHER_GPUS}")
    known = gpu.compute != (0, 0)
    if known and gpu.compute < _OLDEST_COMPUTE:
        return replace(_CPU, why=f"{gpu.name} is too old for today's torch.")
    # 12.6 knows all GPUs from Maxwell to Hopper; Blackwell needs a later one
    name = "cu126"
    if known and gpu.compute >= _BLACKWELL:
        name = "cu130" if gpu.cuda >= _CUDA["cu130"][0] else "cu128"
    needs, build = _CUDA[name]
    driver = f"{gpu.name}, driver {gpu.driver} (CUDA {gpu.cuda[0]}.{gpu.cuda[1]})"
    if gpu.cuda < needs and wish == "AUTO":
        return replace(_CPU, why=f"{driver} is too old: update the driver to compute on the GPU.")
    return replace(build, why=f"For {driver}.")


def refusal(machine: Machine) -> tuple[str, str]:
    """Why no engine can be installed on `machine`, and what to do; empty when one can be."""
    hint = "Make one yourself and choose it with Use This Python."
    if machine.system == "Darwin" and not machine.arm:
        return "There is no torch for Macs with Intel's processors any more.", hint
    if machine.system != "Darwin" and machine.arm:
        return f"mediapipe has no wheels for {machine.system} on ARM.", hint
    return "", ""
