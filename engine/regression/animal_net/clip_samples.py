"""A clip with few annotations as the samples of its frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...bodies.animal_points import find_points
from ...formats.animal_clip import AnimalClip
from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from .samples import AnimalSamples, Seen, gather_samples

_CALM = 1.5  # frames over which the box is smoothed: masks flicker, and the crop must not
_LEAST = 8.0  # px of a box


def clip_samples(
    clip: AnimalClip,
    pictures: Sequence[np.ndarray],
    data: AnimalData,
    size: int,
    focal: float | None = None,
) -> AnimalSamples:
    """Crops of `size` px of all T frames, whose `pictures` are (H, W, 3) uint8, red-green-blue.

    `focal` px; None for a usual lens. Raises InputError for a clip of which no point or mask says
    where the animal is, without points that the body has, or of pictures of another size.
    """
    clip.check()
    rows = find_points(data, clip.keypoint_names)
    known = np.flatnonzero(rows >= 0)
    if not (clip.keypoints[:, known, 2] > 0).any():
        raise InputError(
            f"No keypoint of the clip is one of {data.name}.",
            f"It has {', '.join(data.keypoint_names[:6])} and so on.",
        )
    points = np.zeros((len(clip), len(data.keypoint_names), 3), np.float32)
    points[:, rows[known]] = clip.keypoints[:, known]
    every = []
    for i, box in enumerate(clip_boxes(clip)):
        if pictures[i].shape[1::-1] != tuple(clip.size):
            raise InputError(
                f"The picture of frame {clip.frame_ids[i]} is {pictures[i].shape[1]}x"
                f"{pictures[i].shape[0]}, but the clip is {clip.size[0]}x{clip.size[1]}.",
                "Give the pictures that were annotated.",
            )
        sure = float(clip.mask_confidence[i])
        every.append(Seen(pictures[i], box, points[i], clip.masks[i], sure, focal))
    return gather_samples(every, size)


def clip_boxes(clip: AnimalClip) -> np.ndarray:
    """(T, 4) left, top, width, height px of the animal, smoothed; between frames that show it."""
    corners = np.full((len(clip), 4), np.nan)
    for i, mask in enumerate(clip.masks):
        seen = clip.keypoints[i, clip.keypoints[i, :, 2] > 0, :2]
        places = [seen] if len(seen) > 2 else []
        if mask is not None and mask.any():
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            places.append(np.array([[columns[0], rows[0]], [columns[-1] + 1, rows[-1] + 1]]))
        if places:
            every = np.concatenate(places)
            corners[i] = *every.min(0), *every.max(0)
    known = np.flatnonzero(np.isfinite(corners[:, 0]))
    if not len(known):
        raise InputError("Nothing says where the animal is in the clip.", "Annotate a frame.")
    frames = np.arange(len(clip))
    corners = np.stack([np.interp(frames, known, corners[known, k]) for k in range(4)], 1)
    corners = gaussian_filter1d(corners, _CALM, axis=0, mode="nearest")
    return np.concatenate([corners[:, :2], np.maximum(corners[:, 2:] - corners[:, :2], _LEAST)], 1)
