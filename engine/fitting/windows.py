"""Clips too long for one solve: windows that share one shape a person and one focal length.

Every window is fitted alone; then shape and focal length are brought together, the motion of each
window is solved again with them, and neighbours are blended where they overlap.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from .clip import Tick, fit_clip
from .options import FitOptions
from .refit import Start
from .tracks import ClipFit, Track

WINDOW, OVERLAP = 1200, 30  # frames


def fit_long(clip: KeypointClip, body: BodyData, options: FitOptions, tick: Tick) -> ClipFit:
    """As `fit_clip`, with memory that does not grow beyond a window's."""
    frames = len(clip.points)
    if frames <= WINDOW + OVERLAP or options.independent:
        return fit_clip(clip, body, options, tick)
    spans = _spans(frames)
    parts = [_window(clip, span) for span in spans]
    fits: list[ClipFit | None] = []
    for part in parts:
        try:
            fits.append(fit_clip(part, body, options, tick))
        except InputError:
            fits.append(None)  # nobody is seen in this stretch; somebody may be in another
    found = [fit for fit in fits if fit is not None]
    if not found:
        return fit_clip(clip, body, options, tick)  # says why
    focal = float(np.exp(np.average([np.log(f.focal[0]) for f in found], weights=_seen(found))))
    betas = _shapes(found)
    pieces: dict[int, list[Track]] = {}
    for part, span, fit in zip(parts, spans, fits, strict=True):
        if fit is None:
            continue
        for track in _again(part, fit, body, options, tick, focal, betas).tracks:
            track.frame_ids = track.frame_ids + span[0]
            pieces.setdefault(track.person, []).append(track)
    tracks = [_joined(pieces[person]) for person in sorted(pieces)]
    given = np.full(len(tracks), found[0].focal_given[0])
    notes = list(dict.fromkeys(note for fit in found for note in fit.notes))
    return ClipFit(tracks, np.full(len(tracks), focal), given, notes)


def _spans(frames: int) -> list[tuple[int, int]]:
    """Windows of equal length, neighbours sharing OVERLAP frames."""
    count = -(-(frames - OVERLAP) // WINDOW)
    edges = np.linspace(0, frames - OVERLAP, count + 1).round().astype(int)
    return [(int(a), int(b) + OVERLAP) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _window(clip: KeypointClip, span: tuple[int, int]) -> KeypointClip:
    part = slice(*span)
    focal = clip.focal
    if focal is not None and np.ndim(focal):
        focal = focal[part]
    return replace(clip, points=clip.points[part], frame_names=clip.frame_names[part], focal=focal)


def _seen(fits: list[ClipFit]) -> list[int]:
    return [sum(int(t.observed.sum()) for t in fit.tracks) for fit in fits]


def _shapes(fits: list[ClipFit]) -> dict[int, np.ndarray]:
    """Betas of each person: those of the windows, by the frames each was seen in."""
    total: dict[int, np.ndarray] = {}
    weight: dict[int, int] = {}
    for track in (t for fit in fits for t in fit.tracks):
        seen = int(track.observed.sum())
        total[track.person] = total.get(track.person, 0.0) + seen * track.betas
        weight[track.person] = weight.get(track.person, 0) + seen
    return {person: total[person] / weight[person] for person in total}


def _again(
    part: KeypointClip,
    fit: ClipFit,
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    focal: float,
    betas: dict[int, np.ndarray],
) -> ClipFit:
    """The motion of a window with everybody's common shape and focal length."""
    people = [track.person for track in fit.tracks]
    points = np.zeros((len(part.points), len(people), *part.points.shape[2:]), np.float32)
    tracks = []
    for slot, track in enumerate(fit.tracks):
        points[track.frame_ids, slot] = track.points  # left and right are put right in these
        stretch = focal / fit.focal[slot]  # a longer lens sees the same from farther away
        transl = track.transl * (1.0, 1.0, stretch)
        tracks.append(replace(track, transl=transl, betas=betas[track.person]))
    start = ClipFit(tracks, np.full(len(people), focal), fit.focal_given, [])
    trusted = np.zeros(points.shape[:3], bool)
    again = fit_clip(replace(part, points=points), body, options, tick, Start(start, trusted))
    for track, before in zip(again.tracks, fit.tracks, strict=True):
        track.person, track.swaps = before.person, before.swaps
    return again


def _joined(pieces: list[Track]) -> Track:
    """One track of all windows of a person, blended where two overlap, held where none is."""
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = _blend(whole, piece)
    return whole


def _blend(a: Track, b: Track) -> Track:
    """`a` followed by `b`; frames of both pass from one to the other evenly."""
    first, last = int(a.frame_ids[0]), int(b.frame_ids[-1])
    ids = np.arange(first, last + 1)
    start, end = int(b.frame_ids[0]), int(a.frame_ids[-1])
    share = np.clip((ids - start + 1) / max(end - start + 2, 1), 0.0, 1.0)
    i = np.clip(ids - first, 0, len(a.frame_ids) - 1)
    j = np.clip(ids - start, 0, len(b.frame_ids) - 1)
    late = share > 0.5
    there = np.where(late, ids >= start, ids <= end)

    def mixed(name: str) -> np.ndarray:
        x, y = getattr(a, name)[i], getattr(b, name)[j]
        weight = share.reshape(-1, *[1] * (x.ndim - 1))
        return (1 - weight) * x + weight * y

    def chosen(name: str) -> np.ndarray:
        x, y = getattr(a, name)[i], getattr(b, name)[j]
        pick = late.reshape(-1, *[1] * (x.ndim - 1))
        kept = there.reshape(pick.shape)
        return np.where(kept, np.where(pick, y, x), np.zeros_like(x))

    turn = Rotation.from_matrix(b.root[j]) * Rotation.from_matrix(a.root[i]).inv()
    root = Rotation.from_rotvec(turn.as_rotvec() * share[:, None]) * Rotation.from_matrix(a.root[i])
    return replace(
        a,
        frame_ids=ids,
        observed=chosen("observed"),
        root=root.as_matrix(),
        transl=mixed("transl"),
        pose=mixed("pose"),
        expression=mixed("expression"),
        size=mixed("size"),
        points=chosen("points"),
        swaps=chosen("swaps"),
    )
