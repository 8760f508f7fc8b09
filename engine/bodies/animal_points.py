"""Which points of an animal's body the names of a data set mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..formats.animal_file import AnimalData

# What our vocabulary calls SMAL's joints and surface points, those of one side of the body.
_SIDE = {
    **{"front_paw": "LFoot", "front_knee": "LLeg3", "front_elbow": "LLeg2"},
    **{"back_paw": "LFootBack", "back_hock": "LLegBack3", "back_stifle": "LLegBack2"},
    **{"front_shoulder": "LLeg1", "back_hip": "LLegBack1"},
    **{"ear_base": "LEar", "ear_tip": "LEarTip", "eye": "LEye"},
}
_MIDDLE = {
    **{"tail_start": "Tail1", "tail_middle": "Tail4", "tail_end": "Tail7"},
    **{"nose": "Nose", "chin": "Chin", "withers": "Neck", "throat": "Neck"},
}


def find_points(data: AnimalData, names: Sequence[str]) -> np.ndarray:
    """(K,) int row of `data.keypoints` for each name, -1 for one that the body lacks.

    A SMAL model is asked by our names as well as by its own. Left is what lies at y > 0, as on a
    living animal that looks along x with z up: the letters L and R of SMAL's own names do not say,
    since its joints and its eyes count them from different sides.
    """
    rows = {name: row for row, name in enumerate(data.keypoint_names)}
    if data.kind == "smal":
        rows |= _smal_rows(data, rows)
    return np.array([rows.get(name, -1) for name in names], int)


def _smal_rows(data: AnimalData, rows: dict[str, int]) -> dict[str, int]:
    found = {name: rows[own] for name, own in _MIDDLE.items() if own in rows}
    places = data.keypoints @ data.v_template
    for name, own in _SIDE.items():
        other = "R" + own[1:]
        if own in rows and other in rows:
            left, right = sorted((rows[own], rows[other]), key=lambda row: -places[row, 1])
            found |= {f"left_{name}": left, f"right_{name}": right}
    return found
