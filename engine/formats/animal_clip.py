"""What is known of an animal in a clip: keypoints of some frames, silhouettes of some or all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError


@dataclass
class AnimalClip:
    """T frames of one animal. Points and masks are in the clip's pixels, (0, 0) its top left."""

    size: tuple[int, int]  # width, height
    fps: float
    frame_ids: np.ndarray  # (T,) int, rising: their numbers in the footage
    keypoint_names: tuple[str, ...]  # K
    keypoints: np.ndarray  # (T, K, 3) float32: x, y, confidence: 0 unseen, 1 set by a person
    annotated: np.ndarray  # (T,) bool: a person set its keypoints; the others are followed or none
    masks: list[np.ndarray | None]  # T of (height, width) bool
    mask_confidence: np.ndarray  # (T,) float32, 0..1; 0 where there is no mask

    def __len__(self) -> int:
        return len(self.frame_ids)

    def check(self) -> None:
        """Raise InputError where nothing can be fitted to it, or its arrays disagree."""
        count, points = len(self), len(self.keypoint_names)
        if self.keypoints.shape != (count, points, 3) or len(self.masks) != count:
            raise InputError(
                f"The clip has {count} frames but keypoints {self.keypoints.shape} of {points} "
                f"names and {len(self.masks)} masks.",
                "Annotate this very clip.",
            )
        for number, mask in zip(self.frame_ids, self.masks, strict=True):
            if mask is not None and mask.shape != self.size[::-1]:
                raise InputError(
                    f"The mask of frame {number} is {mask.shape[1]}x{mask.shape[0]}, but the clip "
                    f"is {self.size[0]}x{self.size[1]}.",
                    "Make the masks from this very clip.",
                )
        if not (self.keypoints[..., 2] > 0).any():
            raise InputError(
                "All keypoints of all frames are invisible.", "Set some in at least one frame."
            )
