"""The footage projected into the body's UV map, person by person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..bodies.model import Body
from ..fitting.output import posed_keypoints, posed_vertices
from ..fitting.tracks import ClipFit, Track
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.keypoints import KeypointClip
from ..geometry.texture import Lens, TextureMaker
from ..geometry.uv_map import UvMap, uv_map

if TYPE_CHECKING:
    from ..capture.video import Footage

# frame -> rotation (3, 3) from the fit's camera space to the frame's, factor on the focal length
View = Callable[[int], tuple[np.ndarray, float]]

SIZE = 1024  # px
VIEWS = 48  # frames looked at for one person
_AROUND = 1.5  # weight of another side of the person against another time in choosing frames
_WELL = 0.02  # of the person's size: how far a keypoint may be off in a good frame


@dataclass
class _Sitter:
    """One person who gets a texture."""

    number: int
    track: Track
    trust: dict[int, float]  # frame -> weight, of the frames to look at
    maker: TextureMaker | None = None

    def begin(self, body: BodyData, texels: UvMap) -> TextureMaker:
        """What gathers the pictures, made when the first comes."""
        if self.maker is None:
            rest = body.shaped(self.track.betas)
            self.maker = TextureMaker(rest, body.faces, texels, limb_axes(body, rest))
        return self.maker

    def finish(self, body: BodyData, texels: UvMap) -> np.ndarray:
        """The texture."""
        return self.begin(body, texels).finish()


def check_texture(body: BodyData, footage: Footage | Path | None) -> None:
    """Raise InputError where no texture can be made of this body or without footage."""
    if body.vt is None or body.ft is None:
        raise InputError(
            f"{body.name}: this body file has no UV map, so it cannot take a texture.",
            "Use a model file with vt and ft (SMPL-X has them), or leave out the texture.",
        )
    if footage is None:
        raise InputError(
            "A texture needs the footage, and only keypoints were given.",
            "Fit from the video or the pictures, or leave out the texture.",
        )


def make_textures(
    fit: ClipFit,
    clip: KeypointClip,
    body: BodyData,
    footage: Footage | None,
    tick: Callable[[], None] = lambda: None,
    view: View | None = None,
    size: int = SIZE,
    views: int = VIEWS,
) -> Iterator[np.ndarray]:
    """RGBA (size, size, 4) uint8 of each track in turn; alpha 255 = seen, 0 = filled.

    `view` tells where a camera that moves looked in each frame; by default it stands still.
    `tick()` is called once a frame of the clip. Only people who are in frames now at work are in
    memory. Raises InputError: see check_texture.
    """
    check_texture(body, footage)
    assert footage is not None
    return _in_turn(fit, clip, body, footage, tick, view, size, views)


def _in_turn(
    fit: ClipFit,
    clip: KeypointClip,
    body: BodyData,
    footage: Footage,
    tick: Callable[[], None],
    view: View | None,
    size: int,
    views: int,
) -> Iterator[np.ndarray]:
    assert body.vt is not None and body.ft is not None
    texels, model = uv_map(body.vt, body.ft, size), Body(body)
    waiting: list[_Sitter] = []
    for number, track in enumerate(fit.tracks):
        rows, trust = choose_views(body, track, float(fit.focal[number]), clip, views)
        frames = track.frame_ids[rows].tolist()
        waiting.append(_Sitter(number, track, dict(zip(frames, trust, strict=True))))
    for frame, picture in zip(range(clip.frame_count), footage, strict=False):
        tick()
        now = [sitter for sitter in waiting if frame in sitter.trust]
        for sitter in now:
            sitter.begin(body, texels)
        if now:
            _look(frame, picture, fit, clip, model, now, view)
        while waiting and frame >= max(waiting[0].trust, default=0):
            yield waiting.pop(0).finish(body, texels)
    for sitter in waiting:
        yield sitter.finish(body, texels)


def choose_views(
    body: BodyData, track: Track, focal: float, clip: KeypointClip, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """At most `count` rows of `track` that show the person from many sides, calm and well fitted.

    Returns the rows and how far each is to be trusted, both (n,).
    """
    index, points = posed_keypoints(body, track)
    pixels = points[..., :2] / np.maximum(points[..., 2:], 1e-3) * focal
    pixels += (clip.width / 2, clip.height / 2)
    measured = track.points[:, index]
    seen = measured[..., 2] > 0.3
    size = np.maximum(track.size, 1.0)
    off = np.linalg.norm(pixels - measured[..., :2], axis=-1) / size[:, None]
    error = np.where(seen, off, 0).sum(1) / np.maximum(seen.sum(1), 1)
    moving = np.gradient(pixels, axis=0) if len(pixels) > 1 else np.zeros_like(pixels)
    speed = np.linalg.norm(moving, axis=-1).mean(1) / size
    trust = seen.mean(1) / (1 + (error / _WELL) ** 2) / (1 + (speed / 0.02) ** 2)
    trust = np.where(track.observed & seen.any(1), trust, 0)
    # Where the camera is as the body sees it, and when.
    eye = -np.einsum("tji,tj->ti", track.root, points.mean(1))
    eye /= np.maximum(np.linalg.norm(eye, axis=1, keepdims=True), 1e-9)
    time = np.linspace(0, 1, len(eye))[:, None]
    rows = _spread_out(np.hstack([_AROUND * eye, time]), trust, count)
    return rows, trust[rows]


def limb_axes(body: BodyData, rest: np.ndarray) -> np.ndarray:
    """(V, 3) unit vectors along the bone that moves each vertex of the rest mesh `rest` (V, 3).

    Zero on the head: hair is not made like clothes.
    """
    joints = body.joints(rest)
    bone = np.zeros_like(joints)
    # Backwards, so that the first child is the way on; at the tips the bone before goes on.
    for joint in range(len(joints) - 1, 0, -1):
        bone[body.parents[joint]] = joints[joint] - joints[body.parents[joint]]
    for joint in range(1, len(joints)):
        if not bone[joint].any():
            bone[joint] = joints[joint] - joints[body.parents[joint]]
    bone[0] = (0, 1, 0)  # at the pelvis the legs part
    head = body.joint_names.index("head")
    bone[(np.arange(len(bone)) == head) | (body.parents == head)] = 0
    bone /= np.maximum(np.linalg.norm(bone, axis=1, keepdims=True), 1e-9)
    return bone[body.weights.argmax(1)]


def _spread_out(features: np.ndarray, trust: np.ndarray, count: int) -> np.ndarray:
    """Sorted rows: first the best, then ever again the one farthest from all, by its trust."""
    chosen: list[int] = []
    distance = np.ones(len(features))
    while len(chosen) < min(count, int((trust > 0).sum())):
        best = int(np.argmax(distance * trust))
        if distance[best] * trust[best] <= 0:
            break
        chosen.append(best)
        distance = np.minimum(distance, np.linalg.norm(features - features[best], axis=1))
        distance[chosen] = 0
    return np.sort(np.array(chosen, np.int64))


def _look(
    frame: int,
    picture: np.ndarray,
    fit: ClipFit,
    clip: KeypointClip,
    model: Body,
    sitters: list[_Sitter],
    view: View | None,
) -> None:
    """Show one frame to the `sitters`, who want it."""
    there = {}
    for number, track in enumerate(fit.tracks):
        row = frame - int(track.frame_ids[0])
        if 0 <= row < len(track.root):
            there[number] = posed_vertices(model, track, slice(max(row - 1, 0), row + 1))
    turn, zoom = (np.eye(3), 1.0) if view is None else view(frame)
    shrink = np.array([picture.shape[1] / clip.width, picture.shape[0] / clip.height])
    for sitter in sitters:
        assert sitter.maker is not None
        focal = float(fit.focal[sitter.number])
        lens = Lens(focal, clip.width / 2, clip.height / 2)

        def place(points: np.ndarray, lens: Lens = lens) -> np.ndarray:
            ray = points @ turn.T
            plane = ray[:, :2] / np.where(ray[:, 2:] > 0, ray[:, 2:], np.nan)
            return (plane * lens.focal * zoom + (lens.cx, lens.cy)) * shrink

        before, now = there[sitter.number][0], there[sitter.number][-1]
        step = now[:, :2] / now[:, 2:] - before[:, :2] / before[:, 2:]
        others = []
        for number, vertices in there.items():
            if number != sitter.number:
                # Another focal length is a stretch of the picture plane.
                ratio = fit.focal[number] / focal
                others.append(vertices[-1] * (ratio, ratio, 1.0))
        sitter.maker.add(
            *(picture, now, others, lens, place),
            speed=np.linalg.norm(step, axis=1) * focal * zoom * shrink[0],
            trust=sitter.trust[frame],
        )
