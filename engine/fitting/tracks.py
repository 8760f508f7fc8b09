"""What a fit of a clip is: the motion of each person in camera space, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Track:
    """The fit of one person in camera space, T frames."""

    frame_ids: np.ndarray  # (T,)
    observed: np.ndarray  # (T,) bool
    root: np.ndarray  # (T, 3, 3) body to camera
    transl: np.ndarray  # (T, 3) metres
    pose: np.ndarray  # (T, J, 3) axis-angle; row 0 unused
    betas: np.ndarray  # (B,)
    expression: np.ndarray  # (T, E)
    size: np.ndarray  # (T,) px
    points: np.ndarray  # (T, 137, 3) the keypoints after repair
    swaps: np.ndarray  # (T,) state of the labels, see repair_swaps
    person: int = 0  # slot in the clip it was fitted to


@dataclass
class ClipFit:
    """All people of a clip and the camera they were fitted with."""

    tracks: list[Track]
    focal: np.ndarray  # px, one value a track (one for all in a clip)
    focal_given: np.ndarray  # px or NaN, likewise
    notes: list[str]
