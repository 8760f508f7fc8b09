"""The overlay shows the fit where the camera sees it, with footage and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capture_inputs import write_film
from layfigure.engine.bodies import data as shipped
from layfigure.engine.capture.overlay import BodyPainter, write_overlay
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.body_file import BodyData, load_body
from layfigure.engine.formats.camera import Camera
from layfigure.engine.formats.errors import Cancelled
from layfigure.engine.formats.keypoints import KeypointClip, empty_points

GROUND = np.full((121, 161, 3), (30, 120, 40), np.uint8)


@pytest.fixture(scope="module")
def body() -> BodyData:
    return load_body(Path(shipped.__path__[0]) / "layfigure.npz")


@pytest.fixture
def camera() -> Camera:
    place = np.tile(np.eye(3, 4), (4, 1, 1))
    return Camera(160.0, 160.0, 80.5, 60.5, 161, 121, 10.0, place, np.arange(4))


def standing(body: BodyData, at: tuple[float, float, float] = (0, 0, 3.5)) -> np.ndarray:
    """The rest pose, facing the camera."""
    turned = body.v_template * (1, -1, -1)
    return turned - turned.mean(0) + at


def test_paint_covers_the_projected_body(body: BodyData, camera: Camera) -> None:
    vertices = standing(body)
    picture = BodyPainter(body.faces, camera).paint(GROUND, [vertices])
    changed = (picture != GROUND).any(-1)
    places = camera.project(vertices)
    rows, columns = np.nonzero(changed)
    assert (
        np.abs(
            np.array([columns.min(), columns.max() + 1])
            - np.array([places[:, 0].min(), places[:, 0].max()])
        ).max()
        < 1.5
    )
    assert abs(rows.min() - places[:, 1].min()) < 1.5
    assert changed.sum() > 800
    assert (GROUND == (30, 120, 40)).all(), "the picture that came in is untouched"


def test_the_nearer_person_is_in_front(body: BodyData, camera: Camera) -> None:
    painter = BodyPainter(body.faces, camera)
    near, far = standing(body, (0, 0, 3)), standing(body, (0, 0, 5))
    chest = (60, 80)
    alone = painter.paint(GROUND, [near])[chest]
    assert np.array_equal(painter.paint(GROUND, [near, far])[chest], alone)
    assert not np.array_equal(painter.paint(GROUND, [far, near])[chest], alone), "own colours"
    absent = np.full_like(near, np.nan)
    assert np.array_equal(painter.paint(GROUND, [near, absent]), painter.paint(GROUND, [near]))
    assert np.array_equal(painter.paint(GROUND, []), GROUND)


def test_film_over_footage(tmp_path: Path, body: BodyData, camera: Camera) -> None:
    footage = open_footage(
        write_film(tmp_path / "in.mov", [GROUND] * 4, codec="qtrle", pix_fmt="rgb24", rate=10)
    )
    steps: list[tuple[int, int, str]] = []
    made = write_overlay(
        tmp_path / "overlay.mp4",
        footage,
        lambda frame: [standing(body, (0.2 * frame, 0, 3.5))],
        body.faces,
        camera,
        progress=lambda *step: steps.append(step),
    )
    film = open_footage(tmp_path / "overlay.mp4")
    frames = list(film)
    assert made == len(frames) == 4 and (film.width, film.height) == (162, 122)
    assert steps[-1][:2] == (4, 4)
    middles = [
        np.nonzero(np.abs(f.astype(int) - GROUND[0, 0]).sum(-1) > 90)[1].mean() for f in frames
    ]
    assert np.allclose(np.diff(middles), 0.2 * 160 / 3.5, atol=1.5), "it moves with the body"


def test_film_without_footage(tmp_path: Path, body: BodyData, camera: Camera) -> None:
    points = empty_points(3, 1)
    points[:, 0, :25] = np.random.default_rng(0).uniform(10, 100, (25, 3))
    points[:, 0, :25, 2] = 0.9
    clip = KeypointClip(points, 161, 121, 10.0, None, ("a", "b", "c"), "points")
    write_overlay(tmp_path / "o.mp4", None, lambda _: [], body.faces, camera, clip)
    frames = list(open_footage(tmp_path / "o.mp4"))
    assert len(frames) == 3
    assert frames[0].max() > 150 and np.median(frames[0]) < 60


def test_cancel_leaves_no_film(tmp_path: Path, body: BodyData, camera: Camera) -> None:
    with pytest.raises(Cancelled):
        write_overlay(
            tmp_path / "o.mp4",
            None,
            lambda _: [standing(body)],
            body.faces,
            camera,
            should_cancel=lambda: True,
            frame_count=5,
        )
    assert not list(tmp_path.iterdir())
