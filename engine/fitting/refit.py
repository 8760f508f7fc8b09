"""A fit as the start of another: after an artist put some keypoints right."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import binary_dilation
from torch import Tensor

from .kinematics import Kinematics
from .paths import fill, fill_rotations
from .problem import State
from .tracks import ClipFit, Track

_ARM, _LEG = ("collar", "shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "foot")
# Keypoints and the joints that they may move; None: the whole body.
_LIMBS: tuple[tuple[list[int], set[str] | None], ...] = (
    ([5, 6, 7, *range(25, 46)], {f"left_{joint}" for joint in _ARM}),
    ([2, 3, 4, *range(46, 67)], {f"right_{joint}" for joint in _ARM}),
    ([13, 14, 19, 20, 21], {f"left_{joint}" for joint in _LEG}),
    ([10, 11, 22, 23, 24], {f"right_{joint}" for joint in _LEG}),
    ([0, 15, 16, 17, 18, *range(67, 137)], {"neck", "head"}),
    ([1, 8, 9, 12], None),
)


@dataclass
class Start:
    """A previous fit of the same clip, whose tracks are the clip's people in this order."""

    fit: ClipFit
    trusted: np.ndarray  # (F, P, 137) bool, keypoints that are right beyond doubt
    touched: np.ndarray | None = None  # (F, P, 137) bool, whose limbs alone may move; None: all

    def of(self, people: np.ndarray) -> Start:
        """The start of some of the people, chosen by their numbers (B,)."""
        tracks = [self.fit.tracks[k] for k in people]
        fit = replace(self.fit, tracks=tracks, focal=self.fit.focal[people])
        touched = None if self.touched is None else self.touched[:, people]
        return Start(fit, self.trusted[:, people], touched)


def state_of(start: Start, kinematics: Kinematics, frames: int, like: Tensor) -> State:
    """The unknowns of a clip of `frames` frames as `start` left them, held outside the tracks."""
    states = [_of_track(track, kinematics, frames, like) for track in start.fit.tracks]
    focal = torch.tensor(np.log(start.fit.focal)).to(like)
    root, place, pose, expression, betas = (torch.stack(x) for x in zip(*states, strict=True))
    return State(root, place, pose, expression, betas, focal)


def _of_track(
    track: Track, kinematics: Kinematics, frames: int, like: Tensor
) -> tuple[Tensor, ...]:
    betas = torch.tensor(track.betas).to(like)
    position = torch.tensor(track.transl).to(like) + kinematics.root_offset(betas)
    depth = position[:, 2:].clamp_min(0.05)
    place = torch.cat([position[:, :2] / depth, depth.log()], 1).cpu().numpy()
    everywhere = np.arange(frames)

    def spread(values: np.ndarray) -> Tensor:
        return torch.tensor(fill(values, track.frame_ids, everywhere)).to(like)

    root = fill_rotations(torch.tensor(track.root).to(like), track.frame_ids, everywhere)
    return root, spread(place), spread(track.pose), spread(track.expression), betas


def held(start: Start, people: np.ndarray, kinematics: Kinematics, fps: float) -> np.ndarray | None:
    """(B, T, D) bool: what stays as it was, which is all but the limbs of touched keypoints.

    people (B,) numbers of those who are fitted. A limb is free for half a second before and after a
    keypoint that was touched. None where everything may move.
    """
    if start.touched is None:
        return None
    touched = start.touched[:, people].transpose(1, 0, 2)  # (B, T, 137)
    names = kinematics.joint_names
    first = 6 * kinematics.free.root
    loose = np.zeros((*touched.shape[:2], kinematics.free.size), bool)
    reach = max(1, round(0.5 * fps)) if fps > 0 else 0
    for points, joints in _LIMBS:
        near = binary_dilation(touched[:, :, points].any(-1), np.ones((1, 2 * reach + 1), bool))
        if joints is None:
            loose |= near[..., None]
            continue
        rows = [i for i, j in enumerate(kinematics.free.joints) if names[j] in joints]
        columns = [first + 3 * i + axis for i in rows for axis in range(3)]
        loose[:, :, columns] |= near[..., None]
    return ~loose
