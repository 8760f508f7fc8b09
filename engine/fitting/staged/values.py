"""Values of SMPLify-X's YAML as its users write them: "True", 1, "x,y,z", one number or many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, overload

from ...formats.errors import InputError

_ON, _OFF = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


@dataclass(frozen=True)
class Reader:
    """The entries of one file; every method raises InputError for a value that is impossible."""

    path: Path
    entries: dict[str, Any]

    def switch(self, key: str, default: bool) -> bool:
        """True or False."""
        said = str(self.entries.get(key, default)).strip().lower()
        if said not in _ON + _OFF:
            self._wrong(key, "True or False")
        return said in _ON

    @overload
    def number(
        self, key: str, default: float, least: float | None = ..., above: float | None = ...
    ) -> float: ...

    @overload
    def number(
        self, key: str, default: None, least: float | None = ..., above: float | None = ...
    ) -> float | None: ...

    def number(
        self,
        key: str,
        default: float | None,
        least: float | None = None,
        above: float | None = None,
    ) -> float | None:
        """A number, at least `least` or above `above`."""
        if self.entries.get(key) is None:
            return default
        value = self._number(key, self.entries[key])
        if least is not None and value < least:
            self._wrong(key, f"at least {least:g}")
        if above is not None and value <= above:
            self._wrong(key, f"above {above:g}")
        return value

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number."""
        value = self.number(key, float(default))
        if value != round(value) or not least <= value <= most:
            self._wrong(key, f"a whole number from {least} to {most}")
        return int(value)

    def numbers(self, key: str, least: float) -> tuple[float, ...] | None:
        """A list of numbers, or one; None where there is none."""
        if self.entries.get(key) is None:
            return None
        values = tuple(self._number(key, item) for item in self._list(key))
        if any(value < least for value in values):
            self._wrong(key, f"numbers of at least {least:g}")
        return values

    def integers(self, key: str, default: Sequence[int]) -> tuple[int, ...]:
        """A list of whole numbers."""
        if self.entries.get(key) is None:
            return tuple(default)
        values = tuple(self._number(key, item) for item in self._list(key))
        if any(value != round(value) for value in values):
            self._wrong(key, "whole numbers")
        return tuple(int(value) for value in values)

    def triples(self, key: str) -> tuple[tuple[float, float, float], ...] | None:
        """A list of "x,y,z" or of lists of three numbers; one number stands for all three."""
        if self.entries.get(key) is None:
            return None
        found = []
        for item in self._list(key):
            parts = item.split(",") if isinstance(item, str) else item
            parts = list(parts) if isinstance(parts, (list, tuple)) else [parts]
            values = [self._number(key, part) for part in parts]
            values = values * 3 if len(values) == 1 else values
            if len(values) != 3 or min(values) < 0:
                self._wrong(key, 'three numbers a stage, like "47.8,478,478"')
            found.append((values[0], values[1], values[2]))
        return tuple(found)

    def text(self, key: str, default: str) -> str:
        """Words, such as a path."""
        value = self.entries.get(key)
        if value is not None and not isinstance(value, str):
            self._wrong(key, "text")
        return default if value is None else value

    def choice(
        self,
        key: str,
        known: Sequence[str],
        default: str,
        other_names: dict[str, str] | None = None,
    ) -> str:
        """One of `known`; YAML's null and "None" mean `none`."""
        if key not in self.entries:
            return default
        value = self.entries[key]
        said = "none" if value is None or value == "None" else str(value)
        said = (other_names or {}).get(said, said)
        if said not in known:
            self._wrong(key, f"one of {', '.join(known)}")
        return said

    def _list(self, key: str) -> list:
        value = self.entries[key]
        return list(value) if isinstance(value, (list, tuple)) else [value]

    def _number(self, key: str, value: Any) -> float:
        try:
            number = float(value) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            self._wrong(key, "a number")
        return number

    def _wrong(self, key: str, wanted: str) -> NoReturn:
        said = self.entries.get(key)
        raise InputError(f"{self.path}: {key} is {said!r}, not {wanted}.", "Correct this value.")
