"""The processes that share a training, one to a device, by what their launchers tell them.

torchrun starts all of them; Lightning starts the others from the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def rank() -> int:
    """The number of this process, 0 for the one that writes files and talks to the user."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")))


def is_main() -> bool:
    """Whether this process writes files and talks to the user; so it is wherever there is one."""
    return rank() == 0


def by_torchrun() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def processes(devices: int) -> int:
    """How many processes share a training on `devices` devices of each machine."""
    return int(os.environ["WORLD_SIZE"]) if by_torchrun() else devices


def devices_and_machines(devices: int) -> tuple[int, int]:
    """On how many devices of each of how many machines to train: as torchrun says where it runs."""
    if not by_torchrun():
        return devices, 1
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, int(os.environ["WORLD_SIZE"]) // here


@contextmanager
def environment_kept() -> Iterator[None]:
    """What Lightning's launcher writes into the environment goes again: the next training may be
    on other devices."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in {*os.environ} - {*before}:
            del os.environ[name]
        os.environ.update(before)
