"""The film of a fit: its bodies over the footage, or over the keypoints where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..bodies.model import Body
from ..fitting.output import posed_vertices
from ..progress import Progress
from .fitted import Fitted
from .moving import as_seen

_CHUNK = 32  # frames of a person whose meshes are held at once


def write_film(path: Path, fitted: Fitted, progress: Progress) -> None:
    """Draw `fitted` as a film at `path`; ticks once a frame."""
    from ..capture.overlay import write_overlay

    fit, clip = fitted.fit, fitted.clip
    bodies = _Bodies(fitted)
    write_overlay(
        path,
        fitted.footage,
        bodies.at,
        fitted.body.faces,
        fitted.camera(fit.tracks[0].frame_ids[:1]),
        as_seen(clip, fitted.motion) if fitted.footage is None else None,
        lambda *_: progress.tick(),
        frame_count=clip.frame_count,
    )


class _Bodies:
    """The posed bodies of any frame, with few of them in memory."""

    def __init__(self, fitted: Fitted) -> None:
        self._fitted, self._model = fitted, Body(fitted.body)
        self._held: dict[int, tuple[int, np.ndarray]] = {}  # person -> number of the part, it

    def at(self, frame: int) -> list[np.ndarray]:
        """Vertices (V, 3) of everybody, space of the frame's camera; NaN for who is not there."""
        shown = []
        focal = self._fitted.fit.focal
        rotation, zoom = self._fitted.turn(frame)
        for number, track in enumerate(self._fitted.fit.tracks):
            row = frame - int(track.frame_ids[0])
            if not 0 <= row < len(track.root):
                shown.append(np.full((1, 3), np.nan))
                continue
            # Drawn with the first camera: another focal length is a stretch of the picture plane.
            stretch = zoom * focal[number] / focal[0]
            shown.append(self._vertices(number, row) @ rotation.T * (stretch, stretch, 1.0))
        return shown

    def _vertices(self, number: int, row: int) -> np.ndarray:
        part, rest = divmod(row, _CHUNK)
        if number not in self._held or self._held[number][0] != part:
            frames = slice(part * _CHUNK, (part + 1) * _CHUNK)
            track = self._fitted.fit.tracks[number]
            self._held[number] = part, posed_vertices(self._model, track, frames)
        return self._held[number][1][rest]
