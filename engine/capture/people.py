"""Who is who: people slots that hold the same person through the whole clip.

Each frame's people are assigned to tracks by the least total distance (Hungarian method). A track
that finds nobody is remembered and its motion continued for a while, so that it survives gaps and
one person hiding behind another; what appears later than that begins a new track.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..formats.keypoints import BODY, BODY_25, KeypointClip, empty_points

_SEEN = 0.05  # confidence from which a point counts
_TORSO = tuple(
    BODY_25.index(n) for n in ("Neck", "MidHip", "RShoulder", "LShoulder", "RHip", "LHip")
)
_TORSO_WEIGHT = 3.0  # limbs swing, the trunk goes where the person goes
_MEMORY_S = 2.0  # how long a lost track is looked for
_COAST_S = 0.5  # how long its last velocity is believed
_GATE, _GATE_GROWTH = 0.5, 1.0  # farthest match in body sizes; more for each second unseen
_GATE_MOST = 1.5
_SMOOTH = 0.3  # share of a new velocity in the kept one
_GHOST_S, _GHOST_SHARE = 0.2, 0.1  # shorter and scarcer tracks than this are false finds


@dataclass
class _Track:
    points: np.ndarray  # (25, 2) px, last seen place of each body point; NaN if never
    size: float  # px, of the box round the body
    frames: list[int]
    slots: list[int]
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))  # px a frame

    def predicted(self, frame: int, fps: float) -> np.ndarray:
        """Where the points should be now if the person goes on for a moment."""
        ahead = min(frame - self.frames[-1], max(1, round(_COAST_S * fps)))
        return self.points + ahead * self.velocity

    def add(self, frame: int, slot: int, points: np.ndarray, fps: float) -> None:
        """Take the body (25, 3) as the next sight of this person."""
        seen = points[:, 2] > _SEEN
        moved = (points[:, :2] - self.points)[seen & np.isfinite(self.points[:, 0])]
        if len(moved):
            velocity = np.median(moved, axis=0) / (frame - self.frames[-1])
            self.velocity = (1 - _SMOOTH) * self.velocity + _SMOOTH * velocity
        # Points not seen now move along, so that they can still be compared.
        self.points = np.where(seen[:, None], points[:, :2], self.predicted(frame, fps))
        self.size = 0.8 * self.size + 0.2 * _box_size(points)
        self.frames.append(frame)
        self.slots.append(slot)


def track_people(clip: KeypointClip, max_people: int | None = None) -> KeypointClip:
    """`clip` with slot p the same person in every frame, those seen most and largest first.

    Tracks far too short to be a person are dropped, and all but `max_people`; the notes say so.
    A clip with a single slot stays as it is: its detector has said who it follows.
    """
    if clip.people_count == 1:
        return clip
    tracks = _follow(clip.points, clip.fps)
    kept, notes = _choose(tracks, clip, max_people)
    points = empty_points(clip.frame_count, max(len(kept), 1))
    for p, track in enumerate(kept):
        points[track.frames, p] = clip.points[track.frames, track.slots]
    return replace(clip, points=points, notes=[*clip.notes, *notes])


def _follow(points: np.ndarray, fps: float) -> list[_Track]:
    """Tracks of the people in points (F, P, 137, 3)."""
    tracks: list[_Track] = []
    for f, frame in enumerate(points):
        slots = [p for p in range(len(frame)) if (frame[p, BODY, 2] > _SEEN).any()]
        bodies = [frame[p, BODY] for p in slots]
        alive = [t for t in tracks if f - t.frames[-1] <= max(1, _MEMORY_S * fps)]
        matched = _match(alive, bodies, f, fps)
        for i, (slot, body) in enumerate(zip(slots, bodies, strict=True)):
            if i in matched:
                alive[matched[i]].add(f, slot, body, fps)
            else:
                place = np.where(body[:, 2:] > _SEEN, body[:, :2], np.nan)
                tracks.append(_Track(place, _box_size(body), [f], [slot]))
    return tracks


def _match(
    tracks: list[_Track], bodies: list[np.ndarray], frame: int, fps: float
) -> dict[int, int]:
    """Body index -> track index of the matches that are near enough."""
    if not tracks or not bodies:
        return {}
    gates = [
        min(_GATE + _GATE_GROWTH * (frame - t.frames[-1] - 1) / fps, _GATE_MOST) for t in tracks
    ]
    cost = np.array([[_distance(t, body, frame, fps) for body in bodies] for t in tracks])
    far = ~(cost <= np.array(gates)[:, None])
    rows, columns = linear_sum_assignment(np.where(far, 1e3, cost))
    return {int(c): int(r) for r, c in zip(rows, columns, strict=True) if not far[r, c]}


def _distance(track: _Track, body: np.ndarray, frame: int, fps: float) -> float:
    """How far a body (25, 3) is from where the track should be, in sizes of the person."""
    expected = track.predicted(frame, fps)
    shared = (body[:, 2] > _SEEN) & np.isfinite(expected[:, 0])
    size = max(track.size, 1.0)
    growth = abs(np.log(max(_box_size(body), 1.0) / size))
    if not shared.any():
        centre = body[body[:, 2] > _SEEN, :2].mean(0)
        return float(np.linalg.norm(centre - np.nanmean(expected, axis=0)) / size + 0.3 * growth)
    offset = np.linalg.norm(body[shared, :2] - expected[shared], axis=1) / size
    weight = body[shared, 2].copy()
    weight[np.isin(np.flatnonzero(shared), _TORSO)] *= _TORSO_WEIGHT
    # One wild point must not decide.
    return float(np.average(np.minimum(offset, 1.0), weights=weight) + 0.3 * growth)


def _choose(
    tracks: list[_Track], clip: KeypointClip, max_people: int | None
) -> tuple[list[_Track], list[str]]:
    """The tracks to keep, the most important first, and what to tell about the others."""
    notes = []
    longest = max((len(t.frames) for t in tracks), default=0)
    shortest = min(_GHOST_S * clip.fps, _GHOST_SHARE * longest)
    people = [t for t in tracks if len(t.frames) >= shortest]
    if len(people) < len(tracks):
        notes.append(
            f"{len(tracks) - len(people)} detections of less than {_GHOST_S:g} s were left out as "
            "false."
        )
    people.sort(key=lambda t: _importance(t, clip.points), reverse=True)
    if max_people is not None and len(people) > max_people:
        notes.append(f"{len(people) - max_people} of {len(people)} people were left out as asked.")
        people = people[:max_people]
    return people, notes


def _importance(track: _Track, points: np.ndarray) -> float:
    """Picture area taken, summed over the frames: large and long tracks matter."""
    bodies = points[track.frames, track.slots, BODY]
    return float(sum(_box_size(body) ** 2 for body in bodies))


def _box_size(body: np.ndarray) -> float:
    """The longer side of the box round the seen points of a body (25, 3), px."""
    seen = body[body[:, 2] > _SEEN, :2]
    return float(np.ptp(seen, axis=0).max()) if len(seen) else 0.0
