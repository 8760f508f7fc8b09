"""BVH files: a hierarchy of joints, then one line of numbers a frame."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..formats.errors import InputError

_AGAIN = "Export or download the file again."


@dataclass
class Bvh:
    """A hierarchy of J joints, tips of bones included, moving for T frames. Lengths as in the file.

    A joint's world rotation is its parent's times its own; its place is its parent's plus the
    parent's rotation of `shift`.
    """

    names: list[str]  # "" for the tip of a bone (End Site)
    parents: list[int]  # -1 for the root; a parent stands before its children
    offsets: np.ndarray  # (J, 3) rest place relative to the parent
    turns: np.ndarray  # (T, J, 3, 3) relative to the parent
    shifts: np.ndarray  # (T, J, 3) place relative to the parent
    fps: float

    def world(self) -> tuple[np.ndarray, np.ndarray]:
        """World rotations (T, J, 3, 3) and places (T, J, 3) of all frames."""
        turns, places = self.turns.copy(), self.shifts.copy()
        for j, parent in enumerate(self.parents):
            if parent >= 0:
                turns[:, j] = turns[:, parent] @ self.turns[:, j]
                along = np.einsum("tij,tj->ti", turns[:, parent], self.shifts[:, j])
                places[:, j] = places[:, parent] + along
        return turns, places

    def rest(self) -> np.ndarray:
        """Places (J, 3) of the joints where nothing is turned."""
        places = self.offsets.copy()
        for j, parent in enumerate(self.parents):
            if parent >= 0:
                places[j] += places[parent]
        return places


def read_bvh(path: str | os.PathLike) -> Bvh:
    """Read a BVH file: any order of channels, degrees. Raises InputError, naming what is wrong."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({error}).", "Check the path.") from error
    head, found, tail = text.partition("MOTION")
    if not found or "HIERARCHY" not in head:
        raise InputError(f"{path}: this is no whole BVH file.", _AGAIN)
    hierarchy = _Hierarchy(path, head)
    count, seconds, numbers = _frames(path, tail)
    columns = len(hierarchy.channels)
    if numbers.size != count * columns or not count:
        raise InputError(
            f"{path}: {numbers.size} numbers are no {count} frames of {columns} channels; "
            "it is cut off or damaged.",
            _AGAIN,
        )
    if not (np.isfinite(numbers).all() and 0 < seconds < 1000):
        raise InputError(f"{path}: it holds what is not a number, or no frame time.", _AGAIN)
    return hierarchy.animate(numbers.reshape(count, columns), 1 / seconds)


def _frames(path: Path, text: str) -> tuple[int, float, np.ndarray]:
    """How many frames, seconds a frame, all numbers."""
    words = text.split()
    try:
        if words[0] != "Frames:" or words[2:4] != ["Frame", "Time:"]:
            raise ValueError("no frame count")
        return int(words[1]), float(words[4]), np.array(words[5:], dtype=np.float64)
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: its MOTION part is damaged ({error}).", _AGAIN) from error


class _Hierarchy:
    """The joints as the HIERARCHY part names them, and which column moves which of them."""

    def __init__(self, path: Path, text: str) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[tuple[int, str, str]] = []  # joint, axis, rotation or position
        try:
            self._read(text)
        except (ValueError, IndexError) as error:
            raise InputError(f"{path}: its HIERARCHY is damaged ({error}).", _AGAIN) from error

    def _read(self, text: str) -> None:
        open_joints: list[int] = []
        for line in text.split("HIERARCHY", 1)[1].splitlines():
            words = line.split()
            if not words:
                continue
            match words[0]:
                case "ROOT" | "JOINT" | "End":
                    if words[0] == "ROOT" and self.names:
                        raise ValueError("it has two roots")
                    self.names.append("" if words[0] == "End" else " ".join(words[1:]).rstrip(" {"))
                    self.parents.append(open_joints[-1] if words[0] != "ROOT" else -1)
                    self.offsets.append([0.0, 0.0, 0.0])
                    if words[-1] == "{":
                        open_joints.append(len(self.names) - 1)
                case "{":
                    open_joints.append(len(self.names) - 1)
                case "}":
                    open_joints.pop()
                case "OFFSET":
                    x, y, z = (float(word) for word in words[1:4])
                    self.offsets[open_joints[-1]] = [x, y, z]
                case "CHANNELS":
                    if len(words) != 2 + int(words[1]):
                        raise ValueError(f"the channels of {self.names[-1]} are wrong")
                    self.channels += [self._channel(open_joints[-1], word) for word in words[2:]]
                case other:
                    raise ValueError(f"{other} is no word of a BVH file")
        if open_joints or not self.names:
            raise ValueError("its brackets do not close")

    @staticmethod
    def _channel(joint: int, word: str) -> tuple[int, str, str]:
        axis, kind = word[:1].upper(), word[1:].lower()
        if axis not in ("X", "Y", "Z") or kind not in ("rotation", "position"):
            raise ValueError(f"{word} is no channel")
        return joint, axis, kind

    def animate(self, numbers: np.ndarray, fps: float) -> Bvh:
        """The motion of `numbers` (T, channels)."""
        frames, count = len(numbers), len(self.names)
        offsets = np.array(self.offsets)
        turns = np.tile(np.eye(3), (frames, count, 1, 1))
        shifts = np.tile(offsets, (frames, 1, 1))
        for (joint, axis, kind), values in zip(self.channels, numbers.T, strict=True):
            if kind == "position":
                shifts[:, joint, "XYZ".index(axis)] = values
                continue
            # Each channel turns within those that are written before it.
            turn = Rotation.from_euler(axis, values[:, None], degrees=True).as_matrix()
            turns[:, joint] = turns[:, joint] @ turn
        return Bvh(self.names, self.parents, offsets, turns, shifts, fps)
