"""Which points of a body the names of a data set mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layfigure.engine.bodies.animal_points import find_points
from layfigure.engine.bodies.registry import load_quadruped
from layfigure.engine.bodies.smal import SURFACE_POINTS
from layfigure.engine.formats.animal_file import SMAL_JOINTS


def test_left_of_the_quadruped_is_left_and_unknown_names_are_none() -> None:
    data = load_quadruped()
    left, right, none = find_points(data, ["left_back_paw", "right_back_paw", "left_wing"])
    places = data.keypoints @ data.v_template
    assert places[left, 1] > 0 > places[right, 1] and none == -1


def test_left_of_smal_is_where_y_is_positive_whatever_its_letters_say() -> None:
    """A body with SMAL's names: its joints count L at y < 0, its eyes at y > 0."""
    names = (*SMAL_JOINTS, *SURFACE_POINTS)
    count = len(names)
    vertices = np.zeros((count, 3), np.float32)
    for row, name in enumerate(names):
        side = {"L": -1.0, "R": 1.0}.get(name[0], 0.0)
        vertices[row, 1] = -side if name.endswith("Eye") else side
    data = replace(
        load_quadruped(),
        v_template=vertices,
        keypoint_names=names,
        keypoints=np.eye(count, dtype=np.float32),
        kind="smal",
    )
    wanted = ("left_front_paw", "right_front_paw", "left_eye", "nose", "LFoot", "withers")
    found = [names[row] for row in find_points(data, wanted)]
    assert found == ["RFoot", "LFoot", "LEye", "Nose", "LFoot", "Neck"]
