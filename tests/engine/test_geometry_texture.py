"""Textures from pictures whose truth is known: a painted body is filmed and unwrapped again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.capture.video import Footage, open_footage
from layfigure.engine.fitting.output import posed_keypoints
from layfigure.engine.fitting.tracks import ClipFit, Track
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import KeypointClip, empty_points
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.geometry.texture import Lens, TextureMaker
from layfigure.engine.geometry.uv_fill import mirror_partners, spread
from layfigure.engine.geometry.uv_map import UvMap, bilinear, pad, sample_vertices, uv_map
from layfigure.engine.jobs.texture import choose_views, limb_axes, make_textures

SIZE, WIDTH, HEIGHT, FOCAL = 256, 320, 400, 420.0
LENS = Lens(FOCAL, WIDTH / 2, HEIGHT / 2)
LEAK = (255, 0, 255)  # the background; nothing on the body is like it
BODY = load_shipped()


@pytest.fixture(scope="module")
def texels() -> UvMap:
    assert BODY.vt is not None and BODY.ft is not None
    return uv_map(BODY.vt, BODY.ft, SIZE)


def paint(rest: np.ndarray) -> np.ndarray:
    """(N, 3) grey levels of points of the rest body: smooth, no two sides alike."""
    x, y, z = rest.T
    waves = np.stack([np.sin(4 * x + 1), np.cos(5 * y), np.sin(6 * z + 2 * x)], 1)
    return 60 + 60 * (waves + 1) * (0.7, 1.0, 0.5)


def turned(yaw: float, at: tuple[float, float, float] = (0, 0, 2.6)) -> np.ndarray:
    """(V, 3) the rest body in camera space, upright, its side `yaw` (rad) to the camera."""
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    centred = BODY.v_template - BODY.v_template.mean(0)
    return (centred @ turn.T) * (1, -1, -1) + at


def film(*people: tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 of bodies (V, 3) and how each is painted."""
    count = len(BODY.v_template)
    faces = np.concatenate([BODY.faces + i * count for i in range(len(people))])
    vertices = np.concatenate([v for v, _ in people])
    raster = rasterise(vertices, faces, FOCAL, FOCAL, LENS.cx, LENS.cy, WIDTH, HEIGHT, True)
    there = raster.face_index >= 0
    corners = faces[raster.face_index[there]]
    rest = np.tile(BODY.v_template, (len(people), 1))[corners]
    places = np.einsum("nk,nki->ni", raster.barycentric[there], rest)
    person = corners[:, 0] // count
    picture = np.full((HEIGHT, WIDTH, 3), LEAK, np.uint8)
    colours = np.stack([painted(places) for _, painted in people])
    picture[there] = np.clip(colours[person, np.arange(len(places))], 0, 255)
    return picture


def pixels(points: np.ndarray) -> np.ndarray:
    return points[:, :2] / points[:, 2:] * FOCAL + (LENS.cx, LENS.cy)


@dataclass
class Compared:
    """A texture beside the truth, at the texels of the map."""

    seen: np.ndarray
    error: np.ndarray  # grey levels, mean over the channels
    rest: np.ndarray
    rgb: np.ndarray


def compare(texture: np.ndarray, texels: UvMap) -> Compared:
    rgba = texture.reshape(-1, 4)[texels.pixel].astype(float)
    rest = sample_vertices(texels, BODY.faces, BODY.v_template)
    error = np.abs(rgba[:, :3] - paint(rest)).mean(1)
    return Compared(rgba[:, 3] > 0, error, rest, rgba[:, :3])


def maker(texels: UvMap) -> TextureMaker:
    return TextureMaker(BODY.v_template, BODY.faces, texels, limb_axes(BODY, BODY.v_template))


def test_uv_map_points_at_its_texels(texels: UvMap) -> None:
    assert BODY.vt is not None and BODY.ft is not None
    uv = np.einsum("nk,nki->ni", texels.barycentric, BODY.vt[BODY.ft[texels.face]])
    row, column = np.divmod(texels.pixel, SIZE)
    np.testing.assert_allclose(uv[:, 0] * SIZE, column + 0.5, atol=1e-3)
    np.testing.assert_allclose((1 - uv[:, 1]) * SIZE, row + 0.5, atol=1e-3)
    assert texels.covered().sum() == len(texels.pixel) > 0.55 * SIZE**2


def test_bilinear_is_exact_on_a_slope() -> None:
    line, column = np.mgrid[:20, :30] + 0.5
    picture = np.dstack([column, 2 * line]).astype(np.float32)
    places = np.random.default_rng(0).uniform(1, 19, (40_000, 2))
    np.testing.assert_allclose(bilinear(picture, places), places * (1, 2), atol=0.1)


def test_pad_repeats_the_nearest() -> None:
    covered = np.zeros((8, 9), bool)
    covered[2, 2] = covered[6, 7] = True
    picture = np.zeros((8, 9, 1), np.uint8)
    picture[2, 2], picture[6, 7] = 10, 20
    padded = pad(picture, covered)[..., 0]
    assert padded[0, 0] == 10 and padded[7, 8] == 20 and padded[6, 7] == 20
    assert set(np.unique(padded)) == {10, 20}
    np.testing.assert_array_equal(pad(picture, np.zeros_like(covered)), picture)


def test_all_round_the_colours_are_right(texels: UvMap) -> None:
    making = maker(texels)
    for yaw in np.linspace(0, 2 * np.pi, 8, endpoint=False):
        vertices = turned(yaw)
        assert making.add(film((vertices, paint)), vertices, [], LENS, pixels) > 1000
    found = compare(making.finish(), texels)
    assert found.seen.mean() > 0.6
    assert found.error[found.seen].mean() < 4
    assert np.quantile(found.error[found.seen], 0.98) < 16
    assert found.error[~found.seen].mean() < 25  # filled from its surroundings


def test_what_was_not_seen_is_filled_and_marked(texels: UvMap) -> None:
    making, vertices = maker(texels), turned(0.0)
    making.add(film((vertices, paint)), vertices, [], LENS, pixels)
    texture = making.finish()
    found = compare(texture, texels)
    assert set(np.unique(texture[..., 3])) == {0, 255}
    normals = np.cross(
        *(BODY.v_template[BODY.faces[:, i]] - BODY.v_template[BODY.faces[:, 0]] for i in (1, 2))
    )
    front = (normals[:, 2] / np.linalg.norm(normals, axis=1))[texels.face]
    assert not found.seen[front < -0.2].any()
    assert found.seen[front > 0.6].mean() > 0.6
    assert found.rgb.min() > 30 and np.abs(found.rgb - LEAK).sum(1).min() > 100


def test_nothing_of_the_background_leaks_in_when_the_fit_is_off(texels: UvMap) -> None:
    """A body 1 % of its size aside: near its outline the picture shows the background."""
    making = maker(texels)
    for yaw in np.linspace(0, 2 * np.pi, 6, endpoint=False):
        making.add(film((turned(yaw), paint)), turned(yaw, (0.017, 0.01, 2.6)), [], LENS, pixels)
    found = compare(making.finish(), texels)
    leaked = (found.rgb[:, 0] > 190) & (found.rgb[:, 1] < 40)
    assert found.seen.mean() > 0.5 and leaked[found.seen].mean() < 0.001


def test_another_person_in_front_is_not_painted_on(texels: UvMap) -> None:
    def white(rest: np.ndarray) -> np.ndarray:
        return np.full((len(rest), 3), 255.0)

    making, vertices = maker(texels), turned(0.0)
    before = turned(0.0, (0.25, 0.0, 2.0))
    picture = film((vertices, paint), (before, white))
    making.add(picture, vertices, [before, np.full((1, 3), np.nan)], LENS, pixels)
    found = compare(making.finish(), texels)
    assert 0.05 < found.seen.mean() < 0.35
    assert found.error[found.seen].mean() < 5 and found.rgb[found.seen].min(1).max() < 200
    careless = maker(texels)
    careless.add(picture, vertices, [], LENS, pixels)
    assert compare(careless.finish(), texels).error.max() > 100  # the test sees a difference


def test_one_wrong_view_among_good_ones_does_not_count(texels: UvMap) -> None:
    """A ball before the person, and a view out of place."""
    making = maker(texels)
    for yaw in (-0.3, -0.15, 0.0, 0.15, 0.3):
        picture = film((turned(yaw), paint))
        if yaw == 0.0:
            picture[120:200, 120:200] = 255
        making.add(picture, turned(yaw), [], LENS, pixels)
    making.add(film((turned(0.05), paint)), turned(0.05, (0.06, 0.08, 2.6)), [], LENS, pixels)
    found = compare(making.finish(), texels)
    assert found.error[found.seen].mean() < 4
    assert (found.rgb[found.seen].min(1) > 225).mean() < 0.005


def test_nothing_seen_at_all(texels: UvMap) -> None:
    behind = turned(0.0, (0, 0, -3.0))
    making = maker(texels)
    assert making.add(film((turned(0.0), paint)), behind, [], LENS, pixels) == 0
    outside = turned(0.0, (9.0, 0, 2.6))
    assert making.add(film((turned(0.0), paint)), outside, [], LENS, pixels) == 0
    texture = making.finish()
    assert texture.shape == (SIZE, SIZE, 4) and not texture[..., 3].any()


def test_unseen_takes_after_the_other_side() -> None:
    rest = BODY.v_template
    partner = mirror_partners(rest)
    assert (partner >= 0).mean() > 0.98
    np.testing.assert_array_equal(partner[partner[partner >= 0]] >= 0, True)
    left = rest[:, 0] > 0.02
    arm = left & (rest[:, 0] > 0.3)
    colours = np.where(rest[:, :1] < -0.3, (200.0, 20.0, 20.0), (20.0, 20.0, 200.0))
    filled = spread(rest, BODY.faces, limb_axes(BODY, rest), colours, (~left).astype(float))
    assert filled[arm, 0].mean() > 170 and filled[left & ~arm, 2].mean() > 150
    assert np.abs(filled[~left] - colours[~left]).mean() < 3


# ---- the whole: a fit and its footage


def walk_round(frames: int, keypoints: bool = True) -> tuple[ClipFit, KeypointClip]:
    """Somebody who turns once on the spot."""
    yaws = np.linspace(0, 2 * np.pi, frames, endpoint=False)
    root = [np.diag((1.0, -1.0, -1.0)) @ _yaw(yaw) for yaw in yaws]
    pelvis = BODY.joints(BODY.v_template)[0]
    shift = [r @ (pelvis - BODY.v_template.mean(0)) - pelvis + (0, 0, 2.6) for r in root]
    track = Track(
        frame_ids=np.arange(frames),
        observed=np.ones(frames, bool),
        root=np.stack(root),
        transl=np.stack(shift),
        pose=np.zeros((frames, 55, 3)),
        betas=np.zeros(20),
        expression=np.zeros((frames, BODY.exprdirs.shape[-1])),
        size=np.full(frames, 300.0),
        points=np.zeros((frames, 137, 3)),
        swaps=np.zeros(frames, int),
    )
    index, points = posed_keypoints(BODY, track)
    track.points[:, index, :2] = points[..., :2] / points[..., 2:] * FOCAL + (LENS.cx, LENS.cy)
    track.points[:, index, 2] = keypoints
    fit = ClipFit([track], np.array([FOCAL]), np.array([np.nan]), [])
    names = tuple(str(i) for i in range(frames))
    clip = KeypointClip(empty_points(frames, 1), WIDTH, HEIGHT, 30.0, None, names, "film")
    return fit, clip


def _yaw(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def footage_of(folder: Path, frames: int, pan: float = 0.0, zoom: float = 0.0) -> Footage:
    """The film of walk_round by a camera that pans (rad a frame) and zooms (share a frame)."""
    folder.mkdir()
    for i in range(frames):
        vertices = turned(2 * np.pi * i / frames) @ _yaw(pan * i).T
        picture = film((vertices * (1 + zoom * i, 1 + zoom * i, 1), paint))
        Image.fromarray(picture).save(folder / f"{i:03d}.png")
    return open_footage(folder)


def test_a_texture_from_a_fit_and_its_footage(texels: UvMap, tmp_path: Path) -> None:
    fit, clip = walk_round(8)
    ticks = []
    footage = footage_of(tmp_path / "film", 8)
    (texture,) = make_textures(fit, clip, BODY, footage, lambda: ticks.append(1), size=SIZE)
    found = compare(texture, texels)
    assert len(ticks) == 8
    assert found.seen.mean() > 0.55 and found.error[found.seen].mean() < 5


def test_a_camera_that_moves(texels: UvMap, tmp_path: Path) -> None:
    """What it was told about the frames decides where colours are taken from."""
    fit, clip = walk_round(6)
    footage = footage_of(tmp_path / "film", 6, pan=0.02, zoom=-0.03)
    (texture,) = make_textures(
        *(fit, clip, BODY, footage), view=lambda i: (_yaw(0.02 * i), 1 - 0.03 * i), size=SIZE
    )
    found = compare(texture, texels)
    assert found.seen.mean() > 0.5 and found.error[found.seen].mean() < 5
    (wrong,) = make_textures(fit, clip, BODY, footage, size=SIZE)
    assert compare(wrong, texels).error.mean() > 2 * found.error.mean()


def test_views_are_from_all_sides_and_good_ones() -> None:
    fit, clip = walk_round(80)
    track = fit.tracks[0]
    track.observed[10:20] = False
    track.points[40:50, :, :2] += 40  # badly fitted
    rows, trust = choose_views(BODY, track, FOCAL, clip, 12)
    assert len(rows) == len(trust) == 12 and (np.diff(rows) > 0).all()
    assert not set(rows) & {*range(10, 20), *range(41, 49)}
    assert np.diff([*rows, rows[0] + 80]).max() <= 24  # the bad stretches are about 10 long
    still, _ = walk_round(1)
    assert choose_views(BODY, still.tracks[0], FOCAL, clip, 12)[0].tolist() == [0]
    unseen, _ = walk_round(5, keypoints=False)
    assert len(choose_views(BODY, unseen.tracks[0], FOCAL, clip, 12)[0]) == 0


def test_what_cannot_have_a_texture(tmp_path: Path) -> None:
    fit, clip = walk_round(1)
    with pytest.raises(InputError, match="A texture needs the footage"):
        make_textures(fit, clip, BODY, None)
    plain = BodyData(**{**vars(BODY), "vt": None, "ft": None, "name": "SMPL_NEUTRAL"})
    with pytest.raises(InputError, match="SMPL_NEUTRAL: this body file has no UV map"):
        make_textures(fit, clip, plain, footage_of(tmp_path / "film", 1))
