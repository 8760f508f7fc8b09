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
from .regressed import Regressed
from .tracks import ClipFit, Track

WINDOW, OVERLAP = 1200, 30  # frames
_PER_FRAME = (
    *("frame_ids", "observed", "root", "transl", "pose", "expression", "size", "points", "swaps"),
)


def fit_long(
    clip: KeypointClip,
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    start: Start | Regressed | None = None,
) -> ClipFit:
    """As `fit_clip`, with memory that does not grow beyond a window's."""
    frames = clip.frame_count
    if frames <= WINDOW + OVERLAP or options.independent:
        return fit_clip(clip, body, options, tick, start)
    spans = _spans(frames)
    notes: list[str] = []
    if not isinstance(start, Start):
        fit = _each_alone(clip, spans, body, options, tick, start)
        clip, notes = _repaired(clip, fit), fit.notes
        start = Start(fit, np.zeros(clip.points.shape[:3], bool))
    pieces: dict[int, list[Track]] = {}
    for span in spans:
        people = [k for k, t in enumerate(start.fit.tracks) if _within(t, span).any()]
        if not people:
            continue
        part = _window(clip, span)
        part = replace(part, points=part.points[:, people])
        again = fit_clip(part, body, options, tick, _cut(start, people, span))
        for track in again.tracks:
            track.frame_ids = track.frame_ids + span[0]
            track.person = people[track.person]
            pieces.setdefault(track.person, []).append(track)
    order = sorted(pieces)
    tracks = [_joined(pieces[k]) for k in order]
    for track, k in zip(tracks, order, strict=True):
        before = start.fit.tracks[k]
        track.person = before.person
        track.swaps = before.swaps[np.isin(before.frame_ids, track.frame_ids)]
    return ClipFit(tracks, start.fit.focal[order], start.fit.focal_given[order], notes)


def _each_alone(
    clip: KeypointClip,
    spans: list[tuple[int, int]],
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    told: Regressed | None,
) -> ClipFit:
    """Every window fitted alone, with the shape and the focal length that they have in common."""
    fits: list[ClipFit] = []
    pieces: dict[int, list[Track]] = {}
    for span in spans:
        try:
            own = None if told is None else told.part(slice(*span))
            fit = fit_clip(_window(clip, span), body, options, tick, own)
        except InputError as error:
            nobody = error  # in this stretch; somebody may be in another
            continue
        fits.append(fit)
        for track in fit.tracks:
            track.frame_ids = track.frame_ids + span[0]
            pieces.setdefault(track.person, []).append(track)
    if not fits:
        raise nobody
    weights = [sum(int(t.observed.sum()) for t in fit.tracks) for fit in fits]
    focal = float(np.exp(np.average([np.log(f.focal[0]) for f in fits], weights=weights)))
    for fit in fits:
        for track in fit.tracks:  # a longer lens sees the same from farther away
            track.transl = track.transl * (1.0, 1.0, focal / fit.focal[0])
    tracks = [_joined(pieces[person]) for person in sorted(pieces)]
    notes = list(dict.fromkeys(note for fit in fits for note in fit.notes))
    given = np.full(len(tracks), fits[0].focal_given[0])
    return ClipFit(tracks, np.full(len(tracks), focal), given, notes)


def _repaired(clip: KeypointClip, fit: ClipFit) -> KeypointClip:
    """The clip with the people of `fit` alone, their left and right put right."""
    points = np.zeros((clip.frame_count, len(fit.tracks), *clip.points.shape[2:]), np.float32)
    for slot, track in enumerate(fit.tracks):
        points[track.frame_ids, slot] = track.points
    return replace(clip, points=points)


def _within(track: Track, span: tuple[int, int]) -> np.ndarray:
    """(T,) the observed frames of a track that lie in a window."""
    return track.observed & (track.frame_ids >= span[0]) & (track.frame_ids < span[1])


def _cut(start: Start, people: list[int], span: tuple[int, int]) -> Start:
    """A start for some people in one window."""
    tracks = []
    for track in (start.fit.tracks[k] for k in people):
        inside = (track.frame_ids >= span[0]) & (track.frame_ids < span[1])
        own = {name: getattr(track, name)[inside] for name in _PER_FRAME}
        own["frame_ids"] = own["frame_ids"] - span[0]
        tracks.append(replace(track, **own))
    fit = replace(
        start.fit,
        tracks=tracks,
        focal=start.fit.focal[people],
        focal_given=start.fit.focal_given[people],
    )
    part = slice(*span)
    touched = None if start.touched is None else start.touched[part][:, people]
    return Start(fit, start.trusted[part][:, people], touched)


def _spans(frames: int) -> list[tuple[int, int]]:
    """Windows of equal length, neighbours sharing OVERLAP frames."""
    count = -(-(frames - OVERLAP) // WINDOW)
    edges = np.linspace(0, frames - OVERLAP, count + 1).round().astype(int)
    return [(int(a), int(b) + OVERLAP) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _window(clip: KeypointClip, span: tuple[int, int]) -> KeypointClip:
    part = slice(*span)
    focal = clip.focal
    if isinstance(focal, np.ndarray) and focal.ndim:
        focal = focal[part]
    return replace(clip, points=clip.points[part], frame_names=clip.frame_names[part], focal=focal)


def _joined(pieces: list[Track]) -> Track:
    """One track of all windows of a person, blended where two overlap, with one shape."""
    seen = [int(piece.observed.sum()) for piece in pieces]
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = _blend(whole, piece)
    betas = np.average([piece.betas for piece in pieces], axis=0, weights=seen)
    return replace(whole, betas=betas)


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
