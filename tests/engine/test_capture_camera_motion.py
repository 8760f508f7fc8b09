"""A camera that turns and zooms: found from a painted background, taken out, and put back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from capture_inputs import shared
from layfigure.engine.capture.camera_motion import CameraMotion, estimate_camera_motion
from layfigure.engine.capture.rotation_bundle import (
    Links,
    Turns,
    join_homography,
    residuals,
    split_homography,
)
from layfigure.engine.capture.stabilise import (
    frame_camera,
    frame_turns,
    stabilise,
    to_frame_pixels,
    to_reference_pixels,
)
from layfigure.engine.capture.video import VideoFootage, open_footage
from layfigure.engine.formats.errors import Cancelled, InputError
from panorama import Film, Shot, clip_of, follow, keypoints, make_shot, paint_panorama, walker


@pytest.fixture(scope="module")
def panorama() -> np.ndarray:
    return paint_panorama()


def filmed(panorama: np.ndarray, shot: Shot) -> Film:
    """Somebody strolls before the panorama and the camera keeps them in view."""
    film = Film(shot, panorama, keypoints(shot, follow(shot, walker(shot))))
    film.frames = list(film)
    return film


def look(film: Film, focal: float | None = None, expected: bool = False):
    return estimate_camera_motion(film, clip_of(film), focal, lambda _: None, expected)


def errors(motion: CameraMotion, shot: Shot) -> tuple[float, float]:
    """Greatest error of the turn, degrees, and of the zoom, share."""
    u, _, vt = np.linalg.svd(np.einsum("tji,tjk->ik", motion.rotation, shot.rotation))
    to_reference = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    gap = motion.rotation @ to_reference @ shot.rotation.transpose(0, 2, 1)
    zoom = motion.zoom / shot.zoom * shot.zoom[0]
    return np.degrees(Rotation.from_matrix(gap).magnitude()).max(), np.abs(zoom - 1).max()


def drift(motion: CameraMotion, shot: Shot) -> float:
    """How far points that stand still in the scene stray in the reference camera, px, at most."""
    spread = np.random.default_rng(0).uniform(-0.3, 0.3, (60, 2))
    points = Rotation.from_euler("yx", spread).apply([0, 0, 1.0])
    pixels = shot.project(np.repeat(points[None], len(shot.zoom), 0))
    inside = ((pixels > 0) & (pixels < shot.size)).all(-1)
    moved = np.stack([to_reference_pixels(motion, f, p) for f, p in enumerate(pixels)])
    moved[~inside] = np.nan
    moved = moved[:, inside.sum(0) > 2]
    return float(np.nanmax(np.linalg.norm(moved - np.nanmedian(moved, axis=0), axis=-1)))


def test_a_pan_tells_its_turn_and_the_focal_length(panorama: np.ndarray) -> None:
    shot = make_shot(120, pan=50, focal=620.0)
    motion, notes = look(filmed(panorama, shot))
    assert motion is not None
    turn, zoom = errors(motion, shot)
    assert turn < 0.1 and zoom < 0.003
    assert motion.sure and abs(motion.focal / shot.focal - 1) < 0.01
    assert drift(motion, shot) < 0.5
    assert any("focal length" in note for note in notes)
    # The reference looks at the middle of the pan.
    assert np.degrees(np.arccos(motion.rotation[:, 2, 2])).max() < 27


def test_hands_that_shake(panorama: np.ndarray) -> None:
    shot = make_shot(60, jitter=0.5)
    motion, _ = look(filmed(panorama, shot))
    assert motion is not None and not motion.sure
    assert drift(motion, shot) < 0.3
    assert np.ptp(motion.zoom) < 1e-6


def test_a_lens_that_zooms(panorama: np.ndarray) -> None:
    shot = make_shot(80, zoom=2.0)
    motion, notes = look(filmed(panorama, shot), focal=512.0)
    assert motion is not None
    turn, zoom = errors(motion, shot)
    assert turn < 0.1 and zoom < 0.005 and drift(motion, shot) < 0.5
    assert any("zooms from 1.00 to 2.0" in note for note in notes)


def test_all_at_once(panorama: np.ndarray) -> None:
    shot = make_shot(90, pan=40, zoom=1.5, jitter=0.3)
    motion, _ = look(filmed(panorama, shot))
    assert motion is not None
    turn, zoom = errors(motion, shot)
    assert turn < 0.15 and zoom < 0.005 and drift(motion, shot) < 0.6


def test_a_camera_that_stands_moves_nothing(panorama: np.ndarray) -> None:
    film = filmed(panorama, make_shot(30))
    assert look(film) == (None, [])


def test_a_plain_wall_is_a_note_or_refused_when_motion_is_asked_for(panorama: np.ndarray) -> None:
    film = filmed(np.full_like(panorama, 150), make_shot(24, pan=20))
    motion, notes = look(film)
    assert motion is None and "too little" in notes[0]
    with pytest.raises(InputError, match="too little"):
        look(film, expected=True)


class _Split(Film):
    """Its lower half passes by faster, as what is near does before a camera that walks."""

    other: Film

    def __iter__(self) -> Iterator[np.ndarray]:
        for far, near in zip(super().__iter__(), self.other, strict=True):
            picture = far.copy()
            picture[200:] = near[200:]
            yield picture


def test_a_camera_that_walks_is_told(panorama: np.ndarray) -> None:
    film = _Split(make_shot(30, pan=8), panorama)
    film.other = Film(make_shot(30, pan=16), panorama)
    motion, notes = look(film)
    assert motion is None or motion.agreeing < 0.7
    assert any("% of the background" in note for note in notes)


def test_cancel_stops_it(panorama: np.ndarray) -> None:
    def stop(_: str) -> None:
        raise Cancelled

    film = Film(make_shot(6, pan=5), panorama)
    with pytest.raises(Cancelled):
        estimate_camera_motion(film, clip_of(film), None, stop)


def true_motion(shot: Shot) -> CameraMotion:
    count = len(shot.zoom)
    return CameraMotion(
        np.arange(count), shot.rotation, shot.zoom, shot.focal, 0.01, *shot.size, 1.0, 0
    )


def test_stabilised_points_are_those_of_the_reference_camera() -> None:
    shot = make_shot(20, pan=60, zoom=1.3, jitter=0.5)
    place = follow(shot, walker(shot))
    moving = keypoints(shot, place)
    reference = Shot(np.repeat(np.eye(3)[None], 20, 0), np.ones(20), shot.focal, shot.size)
    expected = keypoints(reference, place)
    film = Film(shot, np.zeros((8, 8, 3), np.uint8), moving)
    still, notes = stabilise(clip_of(film), true_motion(shot))
    assert notes == [] and still.focal == shot.focal
    np.testing.assert_allclose(still.points, expected, atol=0.02)
    assert (still.points[..., 0] < 0).any()  # outside of the picture, and kept
    for frame in (0, 11, 19):
        back = to_frame_pixels(true_motion(shot), frame, still.points[frame])
        np.testing.assert_allclose(back, moving[frame], atol=0.02)


def test_a_turn_too_far_is_refused() -> None:
    shot = make_shot(30, pan=230)
    film = Film(shot, np.zeros((8, 8, 3), np.uint8), keypoints(shot, follow(shot, walker(shot))))
    with pytest.raises(InputError, match="turns too far"):
        stabilise(clip_of(film), true_motion(shot))


def test_frames_have_cameras_of_their_own() -> None:
    shot = make_shot(12, pan=30, zoom=1.4)
    world = np.concatenate([np.diag([1.0, -1.0, -1.0]), [[0.1], [1.2], [4.0]]], 1)
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (12, 5, 3)) + (0, 1, 0)
    matrices, zoom = frame_camera(true_motion(shot), world, shot.focal)
    seen = np.einsum("tij,tnj->tni", matrices[..., :3], points) + matrices[:, None, :, 3]
    in_reference = points @ world[:, :3].T + world[:, 3]
    pixels = shot.focal * zoom[:, None, None] * seen[..., :2] / seen[..., 2:] + (320, 180)
    np.testing.assert_allclose(pixels, shot.project(in_reference), atol=1e-6)


def test_another_focal_length_keeps_what_the_pixels_say() -> None:
    shot = make_shot(10, pan=12, zoom=1.2)
    motion = true_motion(shot)
    rotation, zoom = frame_turns(motion, 1.1 * shot.focal)
    place = np.random.default_rng(1).uniform(-120, 120, (40, 2))
    ray = np.concatenate([place, np.ones((40, 1))], 1)

    def moved(matrices: np.ndarray) -> np.ndarray:
        there = np.einsum("tij,nj->tni", matrices, ray)
        return there[..., :2] / there[..., 2:]

    ours = moved(join_homography(rotation, zoom, 1.1 * shot.focal))
    assert np.abs(ours - moved(motion.homographies())).max() < 2.0


def test_homographies_come_apart_and_together() -> None:
    shot = make_shot(9, pan=60, zoom=1.7, jitter=1.0)
    rotation, zoom = split_homography(
        -3.0 * join_homography(shot.rotation, shot.zoom, 500.0), 500.0
    )
    np.testing.assert_allclose(rotation, shot.rotation, atol=1e-9)
    np.testing.assert_allclose(zoom, shot.zoom, atol=1e-9)


def test_derivatives_are_those_of_the_residuals() -> None:
    random = np.random.default_rng(0)
    rotation = Rotation.from_rotvec(random.normal(0, 0.2, (2, 3))).as_matrix()
    turns = Turns(rotation, np.array([0.1, -0.2]), float(np.log(500.0)))
    points = random.uniform(-200, 200, (2, 1, 7, 2))
    links = Links(np.array([0]), np.array([1]), *points, np.ones((1, 7), bool))
    _, *analytic = residuals(links, turns)
    step = 1e-6
    for frame, table in enumerate(analytic[:2]):
        for axis in range(4):
            sides = []
            for sign in (1, -1):
                moved = Turns(rotation.copy(), turns.log_zoom.copy(), turns.log_focal)
                if axis < 3:
                    turn = Rotation.from_rotvec(sign * step * np.eye(3)[axis]).as_matrix()
                    moved.rotation[frame] = turn @ rotation[frame]
                else:
                    moved.log_zoom[frame] += sign * step
                sides.append(residuals(links, moved, derivatives=False)[0])
            numeric = (sides[0] - sides[1]) / (2 * step)
            np.testing.assert_allclose(table[..., axis], numeric, rtol=1e-4, atol=1e-3)
    up, down = (
        residuals(links, Turns(rotation, turns.log_zoom, turns.log_focal + s), False)[0]
        for s in (step, -step)
    )
    np.testing.assert_allclose(analytic[2], (up - down) / (2 * step), rtol=1e-4, atol=1e-3)


def test_a_real_film_of_a_standing_camera_stands() -> None:
    film = open_footage(shared("video/dog.mp4"))
    assert isinstance(film, VideoFootage)
    clip = clip_of(Film(make_shot(40, size=(film.width, film.height)), np.zeros((8, 8, 3))))
    assert estimate_camera_motion(film, clip, None, lambda _: None) == (None, [])
