"""The comparisons of a clip's background as one system: key frames first, then every frame."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from ..formats.keypoints import KeypointClip
from .background import Follower, Looker, Match, compare, corners, grid_shift, to_links
from .rotation_bundle import (
    Links,
    Solution,
    Turns,
    join_homography,
    solve_frames,
    solve_graph,
    split_homography,
)

GIVEN_SPREAD, GUESS_SPREAD = 0.05, 0.25  # of the log focal length
_OTHER_STARTS = (0.6, 1.6, 3.0)  # of the guess
_NOISE = 0.4  # px of the small frames: expected error of a followed point
_MOST_KEYS = 300  # that are searched for seeing the same again


class Graph:
    """The comparisons of a clip, as equations."""

    def __init__(
        self,
        follower: Follower,
        looker: Looker,
        clip: KeypointClip,
        prior: tuple[float, float],
    ) -> None:
        self.follower, self.looker, self.clip, self.prior = follower, looker, clip, prior
        self.noise = _NOISE * looker.scale
        self.rows = {look.frame: row for row, look in enumerate(follower.keys)}
        self.chain = [m for m in follower.matches if m.b in self.rows]
        self.loops: list[Match] | None = None
        frames = {f: f for f in range(clip.frame_count)}
        self.frames = to_links(follower.matches, looker, clip, frames)

    def solve(self, zooming: bool) -> tuple[Solution, Turns]:
        """The key frames and all frames, with or without a lens that zooms."""
        solution = self._keys(zooming)
        return solution, self._all(solution.turns, zooming)

    def _keys(self, zooming: bool) -> Solution:
        start = self._start()
        if not self.chain:
            return Solution(start, 0.0, np.inf)
        links = self._links(self.chain + (self.loops or []))
        told = self.prior[1] <= GIVEN_SPREAD
        tried = []
        for factor in (1.0,) if told else (1.0, *_OTHER_STARTS):
            begin = self._start(self.prior[0] + np.log(factor))
            if not zooming:
                begin.log_zoom[:] = 0.0
            tried.append(solve_graph(links, begin, self.prior, zooming, self.noise))
        best = min(tried, key=lambda s: s.cost)
        if self.loops is None:
            self.loops = self._close_loops(best.turns)
            if self.loops:
                links = self._links(self.chain + self.loops)
                best = solve_graph(links, best.turns, self.prior, zooming, self.noise)
        return best

    def _links(self, matches: list[Match]) -> Links:
        return to_links(matches, self.looker, self.clip, self.rows)

    def _start(self, log_focal: float | None = None) -> Turns:
        """Key frames one after the other, by the homographies of their comparisons."""
        count = len(self.rows)
        log_focal = self.prior[0] if log_focal is None else float(log_focal)
        turns = Turns(np.repeat(np.eye(3)[None], count, 0), np.zeros(count), log_focal)
        linked = {self.rows[m.b]: m for m in self.chain}
        for row in range(1, count):
            match = linked.get(row)
            before = self.rows[match.a] if match else row - 1
            turns.rotation[row] = turns.rotation[before]
            turns.log_zoom[row] = turns.log_zoom[before]
            if match is not None and match.homography is not None:
                centred = self._centred(match.homography)
                turn, zoom = split_homography(centred, np.exp(log_focal + turns.log_zoom[before]))
                turns.rotation[row] = turn @ turns.rotation[before]
                turns.log_zoom[row] += np.log(zoom)
        return turns

    def _centred(self, small: np.ndarray) -> np.ndarray:
        """A homography of the small frames in px of the footage from its centre."""
        change = self._to_centre()
        return change @ small @ np.linalg.inv(change)

    def _to_centre(self) -> np.ndarray:
        (w, h), size = (self.clip.width, self.clip.height), self.looker.size
        x, y = w / size[0], h / size[1]
        return np.array([[x, 0, 0.5 * x - w / 2], [0, y, 0.5 * y - h / 2], [0, 0, 1]])

    def _close_loops(self, turns: Turns) -> list[Match]:
        """Key frames that see the same again, compared with each other: up to two for each."""
        keys, loops = self.follower.keys, []
        change = self._to_centre()
        focal = np.exp(turns.log_focal)
        full = join_homography(turns.rotation, np.exp(turns.log_zoom), focal)
        points = {}
        for j in range(2, min(len(keys), _MOST_KEYS)):
            across = np.linalg.inv(change) @ full[j] @ np.linalg.inv(full[: j - 1]) @ change
            shift = np.array([grid_shift(h, self.looker.size) for h in across])
            near = np.argsort(shift)[:2]
            for i in near[shift[near] < 0.6 * self.looker.size[0]]:
                if i not in points:
                    points[i] = corners(keys[i])
                match = compare(keys[i], keys[j], points[i], across[i])
                if match.homography is not None:
                    loops.append(match)
        return loops

    def _all(self, keys: Turns, zooming: bool) -> Turns:
        """Every frame against its key frame; what was lost lies between its neighbours."""
        count, focal = self.clip.frame_count, np.exp(keys.log_focal)
        turns = Turns(np.repeat(np.eye(3)[None], count, 0), np.zeros(count), keys.log_focal)
        known = list(self.rows)
        turns.rotation[known], turns.log_zoom[known] = keys.rotation, keys.log_zoom
        for match in self.follower.matches:
            if match.b not in self.rows and match.homography is not None:
                own = focal * np.exp(turns.log_zoom[match.a])
                turn, zoom = split_homography(self._centred(match.homography), own)
                turns.rotation[match.b] = turn @ turns.rotation[match.a]
                turns.log_zoom[match.b] = turns.log_zoom[match.a] + zooming * np.log(zoom)
                known.append(match.b)
        index = np.array([m.b not in self.rows for m in self.follower.matches])
        links = self.frames.pick(index)
        solved = solve_frames(links, turns, zooming, self.noise)
        turns.rotation[links.b], turns.log_zoom[links.b] = solved
        known.sort()
        inside = np.clip(np.arange(count), known[0], known[-1])
        if len(known) > 1:
            between = Slerp(known, Rotation.from_matrix(turns.rotation[known]))
            turns.rotation = between(inside).as_matrix()
            turns.log_zoom = np.interp(inside, known, turns.log_zoom[known])
        return turns


def from_the_middle(rotation: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) against a reference that looks at the middle of all that is `seen`.

    Its roll is the mean roll; the middle is that of the narrowest cone round all directions.
    """
    axes = rotation[seen][:, 2]
    middle = axes.mean(0)
    for step in range(200):
        farthest = axes[np.argmin(axes @ middle)]
        middle = middle + (farthest - middle) / (step + 2)
        middle /= np.linalg.norm(middle)
    u, _, vt = np.linalg.svd(rotation[seen].mean(0))
    mean = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    turn, _ = Rotation.align_vectors(middle[None], mean[2][None])
    reference = mean @ turn.as_matrix().T
    return rotation @ reference.T
