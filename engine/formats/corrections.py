"""Keypoints that go to an artist and come back corrected.

A fit leaves `keypoints.npz` beside each person's motion: what it was fitted to, in the pixels of
the footage. Corrections are a list of single points, so that what nobody touched stays as it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .keypoints import KEYPOINT_NAMES
from .npz import read_npz, write_npz


@dataclass
class PersonKeypoints:
    """What one person was fitted to, in the order of KEYPOINT_NAMES."""

    points: np.ndarray  # (T, 137, 3) px of the footage (origin top left), confidence; 0 = not seen
    frame_ids: np.ndarray  # (T,) the clip's frames
    trusted: np.ndarray | None = None  # (T, 137) bool, what was put right by hand; None: nothing


@dataclass
class Corrections:
    """N keypoints put right by hand."""

    person: np.ndarray  # (N,) index of the person in the result
    frame: np.ndarray  # (N,) the clip's frame
    keypoint: np.ndarray  # (N,) index into KEYPOINT_NAMES
    place: np.ndarray  # (N, 2) px of the footage, origin top left
    seen: np.ndarray  # (N,) bool; False = the artist deleted the point


def save_keypoints(path: str | os.PathLike, keypoints: PersonKeypoints) -> None:
    """Write `keypoints` as npz."""
    trusted = keypoints.trusted
    write_npz(
        path,
        points=keypoints.points.astype(np.float32),
        trusted=np.zeros(keypoints.points.shape[:2], bool) if trusted is None else trusted,
        frame_ids=keypoints.frame_ids.astype(np.int64),
        names=np.array(KEYPOINT_NAMES),
    )


def load_keypoints(path: str | os.PathLike) -> PersonKeypoints:
    """Read what `save_keypoints` wrote. Raises InputError when it is not that."""
    data = read_npz(path, required=("points", "frame_ids"))
    points, frames = data["points"], data["frame_ids"]
    if points.shape != (len(frames), len(KEYPOINT_NAMES), 3):
        raise InputError(
            f"{path}: points are {points.shape}, not (frames, {len(KEYPOINT_NAMES)}, 3).",
            "Fit it again.",
        )
    trusted = data.get("trusted")
    if trusted is not None and trusted.shape != points.shape[:2]:
        raise InputError(f"{path}: trusted is {trusted.shape}, not as the points.", "Fit it again.")
    return PersonKeypoints(points, frames, trusted)


def save_corrections(path: str | os.PathLike, corrections: Corrections) -> None:
    """Write `corrections` as npz."""
    write_npz(
        path,
        person=corrections.person.astype(np.int64),
        frame=corrections.frame.astype(np.int64),
        keypoint=corrections.keypoint.astype(np.int64),
        place=corrections.place.astype(np.float32),
        seen=corrections.seen.astype(bool),
    )


def load_corrections(path: str | os.PathLike) -> Corrections:
    """Read what `save_corrections` wrote. Raises InputError when it is not that."""
    names = ("person", "frame", "keypoint", "place", "seen")
    data = read_npz(path, required=names)
    count = len(data["person"])
    shapes = {name: (count, 2) if name == "place" else (count,) for name in names}
    for name, shape in shapes.items():
        if data[name].shape != shape:
            raise InputError(
                f"{path}: {name} is {data[name].shape}, not {shape}.",
                "Write the corrections again.",
            )
    if count and not 0 <= data["keypoint"].min() <= data["keypoint"].max() < len(KEYPOINT_NAMES):
        raise InputError(
            f"{path}: a keypoint's number is outside 0..{len(KEYPOINT_NAMES) - 1}.",
            "Write the corrections again.",
        )
    return Corrections(*(data[name] for name in names))
