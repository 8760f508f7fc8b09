"""Keypoint orders against the tables that were published with them."""

from __future__ import annotations

import numpy as np
import pytest

from layfigure.engine.capture.animals.layouts import (
    LAYOUTS,
    SMALIFY_POINTS,
    WLDO_POINTS,
    convert,
    mirrored,
    model_points,
    rows_of,
)

COUNTS = {
    **{"stanfordextra": 24, "smalify": 25, "badja": 37},
    **{"tigdog": 19, "grevyzebra": 28, "animalkey": 30},
}
# Permutations as WLDO, TigDog's users and SMALST mirror their data.
MIRRORS = {
    "stanfordextra": [*range(6, 12), *range(6), 12, 13, 15, 14, 16, 17, 19, 18, 21, 20, 22, 23],
    "tigdog": [1, 0, 2, 4, 3, 6, 5, 7, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16, 18],
    "grevyzebra": [
        *(1, 0, 2, 4, 3, 6, 5, 7, 9, 8, 11, 10, 13, 12, 15, 14, 17, 16, 18, 19),
        *(21, 20, 23, 22, 25, 24, 27, 26),
    ],
}
# BADJA's joint for each of SMALify's points; its chin (34) is left out by SMALify.
BADJA_TO_SMALIFY = [
    *(14, 13, 12, 24, 23, 22, 10, 9, 8, 20, 19, 18, 25, 31, -1, -1, 33),
    *(-1, 36, 35, -1, -1, -1, 15, 28),
]


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_order_is_whole(name: str) -> None:
    layout = LAYOUTS[name]
    assert len(layout) == COUNTS[name] == len(set(layout.names))
    assert (layout.mirror[layout.mirror] == np.arange(len(layout))).all()
    assert (layout.mirror >= 0).all()
    assert sorted(np.concatenate(list(layout.parts.values()))) == list(range(len(layout)))


@pytest.mark.parametrize("name", MIRRORS)
def test_mirror_permutations_are_the_published_ones(name: str) -> None:
    assert LAYOUTS[name].mirror.tolist() == MIRRORS[name]


def test_badja_becomes_smalifys_points() -> None:
    rows = rows_of(LAYOUTS["smalify"].names, LAYOUTS["badja"].names)
    chin = LAYOUTS["smalify"].names.index("chin")
    assert rows[chin] == 34
    rows[chin] = -1
    assert rows.tolist() == BADJA_TO_SMALIFY


def test_parts_are_those_of_wldo() -> None:
    parts = {name: rows.tolist() for name, rows in LAYOUTS["stanfordextra"].parts.items()}
    assert parts["legs"] == list(range(12)) and parts["tail"] == [12, 13]
    assert parts["ears"] == [14, 15, 18, 19] and parts["face"] == [16, 17]


def test_model_points_of_both_systems() -> None:
    dog = LAYOUTS["stanfordextra"]
    wldo, smalify = model_points(dog, WLDO_POINTS), model_points(dog, SMALIFY_POINTS)
    assert wldo[:3].tolist() == [14, 13, 12] and wldo[20:].tolist() == [-1] * 4
    assert smalify[:3].tolist() == [10, 9, 8] and smalify[20:].tolist() == [39, 40, 15, 15]
    # But for left and right both see the same points.
    assert (wldo[dog.mirror][:20] == smalify[:20]).all()
    cow = model_points(LAYOUTS["animalkey"], SMALIFY_POINTS)
    assert cow[LAYOUTS["animalkey"].names.index("right_back_hock")] == 23


def test_converting_keeps_what_both_know() -> None:
    source, target = LAYOUTS["smalify"], LAYOUTS["animalkey"]
    points = np.random.default_rng(0).random((4, len(source), 3)).astype(np.float32)
    there = convert(points, source, target)
    back = convert(there, target, source)
    shared = np.isin(source.names, target.names)
    assert there.shape == (4, 30, 3) and shared.sum() == 17
    assert (back[:, shared] == points[:, shared]).all() and not back[:, ~shared].any()


def test_a_mirrored_picture_twice_is_the_picture() -> None:
    layout = LAYOUTS["stanfordextra"]
    points = np.ones((24, 3), np.float32) * np.array([10, 20, 1], np.float32)
    points[0] = 0  # the left front paw is not seen
    once = mirrored(points, layout, 100)
    assert once[6].tolist() == [0, 0, 0] and once[0].tolist() == [89, 20, 1]
    assert (mirrored(once, layout, 100) == points).all()
