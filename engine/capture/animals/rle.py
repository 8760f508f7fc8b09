"""COCO's compressed run lengths: masks as short texts.

Runs of background and animal take turns down the columns. Each is a number in base 32, lowest digit
first, one character a digit from '0' on, where 32 marks that more digits follow and 16 in the last
one a number below zero; from the third run on, what is written is the change since two runs before.
"""

from __future__ import annotations

import numpy as np

from ...formats.errors import InputError

_ZERO = 48  # the character of digit 0


def decode_rle(text: str, height: int, width: int) -> np.ndarray:
    """(height, width) bool. Raises InputError for a text that is no mask of this size."""
    runs = _numbers(text)
    for i in range(3, len(runs)):
        runs[i] += runs[i - 2]
    return fill_runs(runs, height, width)


def fill_runs(runs: list[int], height: int, width: int) -> np.ndarray:
    """(height, width) bool from the plain run lengths. Raises InputError for another size."""
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise InputError(
            f"The run lengths of a mask cover {sum(runs)} pixels, not {width}x{height}.", _HINT
        )
    inside = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(inside, runs).reshape(width, height).T)


def encode_rle(mask: np.ndarray) -> str:
    """The text of a mask (H, W) bool."""
    flat = np.asarray(mask, bool).T.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [len(flat)]])).tolist()
    if len(flat) and flat[0]:
        runs.insert(0, 0)  # the first run is background
    return "".join(_text(run - runs[i - 2] if i > 2 else run) for i, run in enumerate(runs))


def _numbers(text: str) -> list[int]:
    numbers, value, shift = [], 0, 0
    for character in text:
        digit = ord(character) - _ZERO
        if not 0 <= digit < 64:
            raise InputError(f"The character {character!r} is part of no mask.", _HINT)
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            numbers.append(value - (1 << shift) if digit & 16 else value)
            value = shift = 0
    if shift:
        raise InputError("The run lengths of a mask end in the midst of a number.", _HINT)
    return numbers


def _text(number: int) -> str:
    digits: list[str] = []
    while True:
        digit, number = number & 31, number >> 5
        if number == (-1 if digit & 16 else 0):
            return "".join([*digits, chr(digit + _ZERO)])
        digits.append(chr((digit | 32) + _ZERO))


_HINT = "Give the data set's own file."
