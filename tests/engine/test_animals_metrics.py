"""Measures of animals by hand-made numbers, and against a plain way of counting."""

from __future__ import annotations

import numpy as np
import pytest

from layfigure.engine.capture.animals.layouts import LAYOUTS
from layfigure.engine.capture.animals.metrics import (
    THRESHOLDS,
    iou,
    overlap,
    own_sizes,
    pck,
    score,
    size_of_box,
    size_of_mask,
    size_of_picture,
    white_border,
)

PICTURES, POINTS = 5, 24


@pytest.fixture
def points() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    truth = np.dstack(
        [draw.uniform(0, 224, (PICTURES, POINTS, 2)), draw.random((PICTURES, POINTS)) > 0.4]
    )
    return truth[..., :2] + draw.normal(0, 12, (PICTURES, POINTS, 2)), truth


def test_pck_counts_each_point_once(points: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = points
    truth[3, :, 2] = 0
    sizes = np.array([100.0, 224.0, 50.0, 80.0, 140.0])
    found = pck(predicted, truth, sizes)
    for n in range(PICTURES):
        for j, threshold in enumerate(THRESHOLDS):
            seen = [k for k in range(POINTS) if truth[n, k, 2]]
            near = [
                k for k in seen if np.hypot(*(predicted[n, k] - truth[n, k, :2]))
                < threshold * sizes[n]
            ]  # fmt: skip
            wanted = len(near) / len(seen) if seen else np.nan
            assert found[n, j] == pytest.approx(wanted, nan_ok=True)


def test_a_point_at_the_threshold_does_not_count() -> None:
    truth = np.array([[[10.0, 10, 1], [20, 20, 1]]])
    predicted = truth[..., :2] + np.array([[10.0, 0], [9.99, 0]])
    assert pck(predicted, truth, np.array([100.0]), (0.1,)).tolist() == [[0.5]]


def test_normalisations() -> None:
    masks = np.zeros((2, 30, 40), bool)
    masks[0, :9, :4] = True
    assert size_of_mask(masks).tolist() == [6, 0]
    assert size_of_box(np.array([[5, 5, 30, 20], [0, 0, 3, 8]])).tolist() == [30, 8]
    assert size_of_picture(256, 2).tolist() == [256, 256]
    assert own_sizes("stanfordextra", masks).tolist() == [6, 0]
    assert own_sizes("animalkey", masks).tolist() == [40, 40]


def test_a_picture_with_an_empty_mask_has_no_pck(points: tuple[np.ndarray, np.ndarray]) -> None:
    predicted, truth = points
    assert np.isnan(pck(predicted, truth, np.array([0.0, 9, 9, 9, 9]))[0]).all()


def test_iou_and_overlap_of_squares() -> None:
    truth, predicted = np.zeros((3, 20, 20), bool), np.zeros((3, 20, 20), bool)
    truth[0, :10, :10] = predicted[0, :10, 5:15] = True
    truth[1, :4, :4] = predicted[1, :4, :4] = True
    assert iou(predicted, truth)[:2].tolist() == [pytest.approx(1 / 3), 1]
    assert overlap(predicted, truth)[:2].tolist() == [0.25, 0.5]
    assert np.isnan(iou(predicted, truth)[2]) and np.isnan(overlap(predicted, truth)[2])


def test_in_the_white_border_every_prediction_is_right() -> None:
    crops = np.full((1, 20, 20, 3), 0.5)
    crops[:, :, 12:] = 1.0
    crops[0, 0, 0] = (1, 1, 0.99)  # nearly white is no border
    truth, predicted = np.zeros((1, 20, 20), bool), np.zeros((1, 20, 20), bool)
    truth[0, 5:15, 4:12] = True
    predicted[0, 5:15, 4:20] = True
    border = white_border(crops)
    assert border.sum() == 20 * 8
    assert iou(predicted, truth, border).tolist() == [1]
    assert iou(predicted, truth)[0] == 0.5


def test_means_are_over_pictures_and_not_over_points() -> None:
    truth = np.zeros((3, POINTS, 3))
    truth[0, :2, 2] = 1  # two points, one of them found
    truth[1, :10, 2] = 1  # ten points, all found
    predicted = np.zeros((3, POINTS, 2))
    predicted[0, 0] = 1000
    found = score(predicted, truth, size_of_picture(224, 3), LAYOUTS["stanfordextra"].parts)
    assert found.pck.tolist() == [0.75] * len(THRESHOLDS)
    assert found.parts["legs"][0] == 0.75
    assert np.isnan(found.parts["tail"]).all()
    assert "legs" in found.table() and found.table().count("75.0") == 2 * len(THRESHOLDS)


def test_the_score_of_masks() -> None:
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :4] = True
    found = score(
        np.zeros((2, POINTS, 2)),
        np.ones((2, POINTS, 3)),
        size_of_mask(masks),
        masks=(masks, masks),
    )
    assert (found.iou, found.overlap, found.pictures) == (1, 0.5, 2)
