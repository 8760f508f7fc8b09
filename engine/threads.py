"""How the threads of the numeric libraries wait."""

from __future__ import annotations

import os


def passive_threads() -> None:
    """Let waiting OpenMP threads sleep instead of spin: spinning costs most where cores are few.

    Only has an effect before torch is first imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
