"""A fit with what it was made of: what all writers of a result get."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..fitting.tracks import ClipFit
from ..formats.body_file import BodyData
from ..formats.camera import Camera
from ..formats.keypoints import KeypointClip

if TYPE_CHECKING:
    from ..capture.camera_motion import CameraMotion
    from ..capture.video import Footage


@dataclass
class Fitted:
    """A fit with what it was made of. Its camera space is that of a camera that stands still."""

    fit: ClipFit
    clip: KeypointClip  # what was fitted
    footage: Footage | None
    body: BodyData
    worlds: list[np.ndarray]  # (3, 4) world to camera of each track
    independent: bool = False  # unrelated pictures: a camera for each track
    trusted: np.ndarray | None = None  # (F, P, 137) bool, keypoints put right by hand
    motion: CameraMotion | None = None  # of the real camera; None: it stands still
    source: str = ""  # where the footage is; by default the clip's source

    @property
    def fps(self) -> float:
        """Frames a second, also where the clip does not tell."""
        return self.clip.fps if self.clip.fps > 0 else 30.0

    @property
    def frame_ids(self) -> np.ndarray:
        """The clip's frames from the first to the last in which anybody is."""
        tracks = self.fit.tracks
        first = min(int(t.frame_ids[0]) for t in tracks)
        return np.arange(first, max(int(t.frame_ids[-1]) for t in tracks) + 1)

    @cached_property
    def turns(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotation (F, 3, 3) from camera space to each frame's camera, and its zoom (F,)."""
        if self.motion is None:
            count = self.clip.frame_count
            return np.tile(np.eye(3), (count, 1, 1)), np.ones(count)
        from ..capture.stabilise import frame_turns

        return frame_turns(self.motion, float(self.fit.focal[0]))

    def turn(self, frame: int) -> tuple[np.ndarray, float]:
        """Rotation (3, 3) and zoom of one frame, see turns."""
        return self.turns[0][frame], float(self.turns[1][frame])

    def camera(self, ids: np.ndarray, person: int = 0) -> Camera:
        """The camera of the frames `ids` (T,), as it saw the track `person`."""
        focal, clip = float(self.fit.focal[person]), self.clip
        rotation, zoom = self.turns
        return Camera(
            fx=focal,
            fy=focal,
            cx=clip.width / 2,
            cy=clip.height / 2,
            width=clip.width,
            height=clip.height,
            fps=self.fps,
            world_to_camera=rotation[ids] @ self.worlds[person],
            frame_ids=ids,
            zoom=None if self.motion is None else zoom[ids],
        )
