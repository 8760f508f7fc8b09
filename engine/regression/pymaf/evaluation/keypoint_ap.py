"""COCO's average precision of keypoints, by pycocotools, and a score of one's own doubt."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ....formats.errors import InputError
from ..joints import MIRRORED_OPENPOSE
from ..sight import Sight

# COCO's 17 keypoints among the 24 annotated joints, see joints.py.
COCO_17 = (19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0)
# How far off annotators are at each of them, in roots of a person's area.
SIGMAS = np.array(
    [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89], np.float64
)
SIGMAS /= 1000
_MIRRORED_17 = (0, *(row + 1 if row % 2 else row - 1 for row in range(1, 17)))
STATS = ("AP", "AP50", "AP75", "AP M", "AP L", "AR", "AR50", "AR75", "AR M", "AR L")
_HINT = "Give COCO's person_keypoints_val2014.json."


@dataclass
class PersonKeypoints:
    """COCO's annotations of people."""

    path: Path
    content: dict[str, Any]
    category: int
    pictures: dict[str, int]  # the number of a picture by its file name


def read_person_keypoints(path: str | os.PathLike) -> PersonKeypoints:
    """Read person_keypoints_*.json.

    Raises InputError: no such file, not JSON, no people with COCO's 17 keypoints, or annotations
    without the numbers that scores need.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.", "Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not JSON ({error}).", _HINT) from error
    try:
        (category,) = (c["id"] for c in content["categories"] if len(c.get("keypoints", ())) == 17)
        pictures = {Path(image["file_name"]).name: int(image["id"]) for image in content["images"]}
        known = {*pictures.values()}
        for row, person in enumerate(content["annotations"]):
            complete = (
                len(person["keypoints"]) == 51
                and len(person["bbox"]) == 4
                and person["area"] >= 0
                and person["image_id"] in known
                and {"id", "category_id", "iscrowd", "num_keypoints"} <= {*person}
            )
            if not complete:
                raise InputError(f"{path}: annotation {row} is not one of COCO's people.", _HINT)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{path}: it has no people with COCO's 17 keypoints ({type(error).__name__}: {error}).",
            _HINT,
        ) from error
    return PersonKeypoints(path, content, category, pictures)


def keypoint_scores(
    people: PersonKeypoints,
    pictures: Sequence[int],
    numbers: Sequence[int],
    keypoints: np.ndarray,
    scores: np.ndarray,
) -> dict[str, float | None]:
    """COCO's ten figures, 0..1 (None: of nobody), of N found people.

    keypoints (N, 17, 2) px in the pictures `numbers`; scores (N,) rank them. Everybody annotated in
    `pictures` counts. Raises InputError without pycocotools.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise InputError(
            "COCO's scores need pycocotools, which is not installed.",
            "Install it: pip install pycocotools.",
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):  # it prints as it goes
        truth = COCO()
        truth.dataset = people.content
        truth.createIndex()
        found = truth.loadRes(_detections(people.category, numbers, keypoints, scores))
        judge = COCOeval(truth, found, "keypoints")
        judge.params.imgIds = sorted({*pictures})
        judge.params.catIds = [people.category]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    figures = (float(value) for value in judge.stats)
    return {n: None if v < 0 else v for n, v in zip(STATS, figures, strict=True)}


def mirrored_sight(sight: Sight) -> Sight:
    """The same people as seen in a mirror."""
    keypoints = sight.keypoints[:, MIRRORED_OPENPOSE]
    turned = torch.cat([-keypoints[..., :1], keypoints[..., 1:]], dim=-1)
    return Sight(sight.pictures.flip(-1), sight.masks.flip(-1), turned)


def mirrored_keypoints(points: np.ndarray) -> np.ndarray:
    """Keypoints (N, 17, 2) of crops, x and y from -1 to 1, as seen in a mirror."""
    return points[:, _MIRRORED_17] * np.array([-1, 1])


def similarity(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """COCO's similarity of keypoints (N,), 0..1, of `others` to `points`, both (N, 17, 2).

    The area of a person is taken from the box about `points`.
    """
    area = np.maximum(np.prod(np.ptp(points, axis=1), axis=1), 1e-12)
    squared = ((points - others) ** 2).sum(-1)
    return np.exp(-squared / (8 * SIGMAS**2 * area[:, None])).mean(1)


def _detections(
    category: int, numbers: Sequence[int], keypoints: np.ndarray, scores: np.ndarray
) -> list[dict[str, Any]]:
    """As COCO's result files have them; every keypoint counts as seen."""
    seen = np.ones((*keypoints.shape[:-1], 1))
    flat = np.concatenate([keypoints, seen], axis=-1).reshape(len(keypoints), -1)
    rows = zip(numbers, flat.tolist(), scores.tolist(), strict=True)
    return [
        {"image_id": number, "category_id": category, "keypoints": points, "score": score}
        for number, points, score in rows
    ]
