"""Clips and pictures of animals with the whole truth about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.spatial.transform import Rotation

from ...formats.errors import InputError
from ...geometry.rasteriser import Raster
from ...motion.gaits import GAITS, gait
from .camera import CAMERAS, Shot, random_shot
from .coat import PATTERNS, random_coat
from .film import random_film
from .picture import Stage, draw
from .scenery import random_scenery
from .subject import Shape, quadruped, random_shape

_SLACK = 0.06  # trunk lengths that a visible point may lie behind what the picture shows
_LOOSE = 0.12  # radians by which the joints of single pictures leave their gait


@dataclass(frozen=True)
class SyntheticOptions:
    """What to make; all that is not said is drawn from `seed`."""

    family: str = "dog"
    gait: str = "walk"  # of motion.gaits.GAITS
    frames: int = 60
    fps: float = 25.0
    size: tuple[int, int] = (480, 360)  # width, height
    seed: int = 0
    camera: str = "pan"  # static, pan: turns with the animal, follow: also goes with it
    view: float | None = None  # degrees: 0 seen from its left, 90 from its front; None: drawn
    speed: float = 1.0  # 1 is natural
    variation: float = 1.0  # of shape and limb scales from the family's
    pattern: str | None = None  # of the coat, of PATTERNS


@dataclass
class SyntheticClip:
    """T frames and the truth: where the animal is, in camera space (OpenCV), metres and pixels."""

    frames: np.ndarray  # (T, H, W, 3) uint8, red-green-blue
    masks: np.ndarray  # (T, H, W) bool
    keypoint_names: tuple[str, ...]
    keypoints: np.ndarray  # (T, K, 3) float32: x, y px, 1 visible or 0 hidden
    family: str
    gait: str
    betas: np.ndarray  # (B,) float32
    limb_logscale: np.ndarray  # (L,) float32
    pose: np.ndarray  # (T, J, 3) float32 axis-angle, root first
    transl: np.ndarray  # (T, 3) float32
    focal: float  # px
    center: tuple[float, float]  # px
    fps: float


def make_clip(options: SyntheticOptions) -> SyntheticClip:
    """A clip of the shipped quadruped. The same options give the same clip.

    Raises InputError for an unknown family, gait, camera or pattern, and for no frames.
    """
    _check(options)
    rng = np.random.default_rng(options.seed)
    shape = random_shape(options.family, options.variation, rng)
    pose, transl = _motion(options, shape, options.frames, options.fps, rng)
    return _film(options, shape, pose, transl, False, rng)


def make_picture(seed: int, size: int = 192) -> SyntheticClip:
    """One square picture, `size` px, of any family, pose, view and coat, as a clip of one frame."""
    rng = np.random.default_rng(seed)
    names = quadruped().data.families
    family, name = str(rng.choice(names)), str(rng.choice(list(GAITS)))
    options = SyntheticOptions(family, name, 1, 1.0, (size, size), seed, "static")
    shape = random_shape(family, 1.6, rng)
    pose, transl = _motion(options, shape, 8, 4.0, rng)
    chosen = int(rng.integers(len(pose)))
    pose, transl = pose[chosen : chosen + 1], transl[chosen : chosen + 1]
    pose[:, 1:, 1] += rng.normal(0, _LOOSE * rng.random(), pose.shape[1] - 1)
    return _film(options, shape, pose, transl, True, rng)


def _check(options: SyntheticOptions) -> None:
    for what, value, known in (
        ("camera", options.camera, CAMERAS),
        ("pattern", options.pattern or PATTERNS[0], PATTERNS),
    ):
        if value not in known:
            raise InputError(f"No {what} is called {value}.", f"Known are {', '.join(known)}.")
    if options.frames < 1 or options.fps <= 0 or min(options.size) < 16:
        raise InputError(
            f"{options.frames} frames at {options.fps:g} a second of {options.size} pixels are "
            "no clip.",
            "Ask for at least one frame of 16 x 16 pixels.",
        )


def _motion(
    options: SyntheticOptions, shape: Shape, frames: int, fps: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pose (T, J, 3) and transl (T, 3) in the world, ground z = 0."""
    seed = int(rng.integers(2**31))
    return gait(
        options.gait,
        frames,
        fps,
        quadruped().data,
        shape.betas,
        shape.limb_logscale,
        options.speed,
        seed,
    )


def _film(
    options: SyntheticOptions,
    shape: Shape,
    pose: np.ndarray,
    transl: np.ndarray,
    any_side: bool,
    rng: np.random.Generator,
) -> SyntheticClip:
    """A motion in the world, seen by a camera."""
    vertices = shape.posed(pose, transl)
    forward = Rotation.from_rotvec(pose[len(pose) // 2, 0]).as_matrix()[:, 0]
    heading = float(np.arctan2(forward[1], forward[0]))
    shot = random_shot(vertices, heading, options.camera, options.size, options.view, any_side, rng)
    scale = 1.6 * shape.trunk
    stage = Stage(
        random_coat(rng, options.pattern),
        random_scenery(scale, rng),
        random_film(rng),
        shot,
        options.size,
        shape.trunk,
    )
    drawn = [draw(stage, i, points, rng) for i, points in enumerate(vertices)]
    points = shot.seen(quadruped().data.keypoints @ vertices)
    keypoints = [
        _visible(points[i], raster, shot, shape.trunk) for i, (_, raster) in enumerate(drawn)
    ]
    pose, transl = _in_camera(shape, pose, transl, shot)
    return SyntheticClip(
        frames=np.stack([picture for picture, _ in drawn]),
        masks=np.stack([raster.face_index >= 0 for _, raster in drawn]),
        keypoint_names=quadruped().data.keypoint_names,
        keypoints=np.stack(keypoints).astype(np.float32),
        family=shape.family,
        gait=options.gait,
        betas=shape.betas,
        limb_logscale=shape.limb_logscale,
        pose=pose,
        transl=transl,
        focal=shot.focal,
        center=shot.center,
        fps=options.fps,
    )


def _in_camera(
    shape: Shape, pose: np.ndarray, transl: np.ndarray, shot: Shot
) -> tuple[np.ndarray, np.ndarray]:
    """The same animal in camera space. The root turns about its own joint."""
    pose, root = pose.copy(), shape.root
    turned = Rotation.from_matrix(shot.turns) * Rotation.from_rotvec(pose[:, 0])
    pose[:, 0] = turned.as_rotvec()
    place = np.einsum("tij,tj->ti", shot.turns, transl + root - shot.places)
    return pose, (place - root).astype(np.float32)


def _visible(points: np.ndarray, raster: Raster, shot: Shot, trunk: float) -> np.ndarray:
    """(K, 3) pixels of points (K, 3) in camera space, and whether the picture shows them.

    A point is hidden where the animal itself is nearer by more than the point lies under its skin.
    """
    xy = points[:, :2] / points[:, 2:] * shot.focal + shot.center
    height, width = raster.depth.shape
    column, row = np.floor(xy).astype(int).T
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
    # The very tip of an ear may fall just beside its last pixel.
    near = minimum_filter(raster.depth, size=3, mode="nearest")
    surface = np.where(raster.face_index >= 0, raster.depth, near)[row, column]
    slack = (quadruped().depth + _SLACK) * trunk
    seen = inside & np.isfinite(surface) & (points[:, 2] < surface + slack)
    return np.column_stack([xy, seen])
