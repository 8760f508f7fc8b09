"""A function that runs in a thread while Blender goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Reading(Generic[T]):
    """Calls `read` in a thread. It must touch nothing of Blender."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._made: list[T] = []
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="layfigure reading", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """True when `take` does not wait."""
        return not self._thread.is_alive()

    def take(self) -> T:
        """What it returned. Raises what it raised."""
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        return self._made[0]

    def _run(self) -> None:
        try:
            self._made.append(self._read())
        except Exception as problem:
            self._problem = problem  # raised again where somebody waits for it
