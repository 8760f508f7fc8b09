"""The job `evaluate_coco`: how well a network's keypoints agree with COCO's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from ..regression.crops import crop_bounds
from ..regression.pymaf.body_joints import SeenBody
from ..regression.pymaf.camera import project
from ..regression.pymaf.data.picture_set import MOST_LISTED, PictureSet, blank_set
from ..regression.pymaf.data.spin_npz import read_spin_npz
from ..regression.pymaf.estimate import Estimate
from ..regression.pymaf.evaluation.keypoint_ap import (
    COCO_17,
    PersonKeypoints,
    keypoint_scores,
    mirrored_keypoints,
    mirrored_sight,
    read_person_keypoints,
    similarity,
)
from ..regression.pymaf.joints import EXTRA, OPENPOSE, read_joint_regressor
from .evaluated import (
    ROOM,
    SCORES,
    Scores,
    joined,
    look,
    open_subject,
    people_of,
    table,
    write_scores,
)
from .picture_params import EvaluateCocoParams


def run_evaluate_coco(params: EvaluateCocoParams, out: Path, progress: Progress) -> Path:
    """Measure a network by COCO's keypoints, twice: all answers alike, and ranked by doubt.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    with whole_folder(out, SCORES) as folder:
        _evaluate(params, folder, progress)
    return out


def _evaluate(params: EvaluateCocoParams, folder: Path, progress: Progress) -> None:
    subject = open_subject(params)
    body = _seen_body(params, subject.data)
    truth = read_person_keypoints(params.source)
    asked = _people(params, truth)
    people = people_of(asked, subject)
    progress.begin(2 * len(people), "Looking at people")
    said, joints, keypoints, likeness = [], [], [], []
    for rows, sight in look(people, subject):
        said.append(subject.says(sight, progress))
        twin = subject.says(mirrored_sight(sight), progress)
        found, points = _points(body, said[-1])
        likeness.append(similarity(points, mirrored_keypoints(_points(body, twin)[1])))
        joints.append(found)
        keypoints.append(_in_picture(points, people, rows, subject.size))
    places, ranks = np.concatenate(keypoints), np.concatenate(likeness)
    numbers = _numbers(people.pictures, truth)
    gone = {*_numbers(asked.pictures, truth)} - {*numbers}
    pictures = [number for number in truth.pictures.values() if number not in gone]
    figures = {
        title: keypoint_scores(truth, pictures, numbers, places, scores)
        for title, scores in (("all alike", np.ones(len(ranks))), ("by doubt", ranks))
    }
    arrays = {
        "imgname": people.pictures,
        "pred_joints": np.concatenate(joints),
        "keypoints": places.astype(np.float32),
        "score": ranks.astype(np.float32),
    }
    scores = Scores("coco", figures, table(figures, 3), len(people))
    write_scores(folder, params, subject, scores, joined(said), arrays)


def _seen_body(params: EvaluateCocoParams, data: BodyData) -> SeenBody:
    """The joints of a body. Raises InputError where COCO's are not among them."""
    extra = None if params.joints is None else read_joint_regressor(params.joints, EXTRA)
    body = SeenBody(data, extra=extra)
    if not body.joints.known[OPENPOSE:][list(COCO_17)].all():
        raise InputError(
            "COCO's keypoints of SMPL need SPIN's regressor of joints, which is not named.",
            "Give it: --joints J_regressor_extra.npy.",
        )
    return body


def _people(params: EvaluateCocoParams, truth: PersonKeypoints) -> PictureSet:
    """Whom to look at: those of the npz of boxes, else everybody with annotated keypoints."""
    if params.boxes is not None:
        people = read_spin_npz(params.boxes, params.pictures)
        strange = [n for n in people.pictures if Path(n).name not in truth.pictures]
        if strange:
            raise InputError(
                f"{params.boxes}: {len(strange)} of its pictures are not in {params.source}: "
                f"{', '.join(strange[:MOST_LISTED])}.",
                "Give both of the same pictures, for example val2014.",
            )
    else:
        people = _annotated(params, truth)
    people.pictures = np.array([_place(name, params.pictures) for name in people.pictures])
    return people


def _place(name: str, folder: Path) -> str:
    """A picture in `folder`: val2014, or the one that val2014 lies in and some names begin with."""
    plain = Path(name).name
    return plain if (folder / plain).is_file() else name


def _annotated(params: EvaluateCocoParams, truth: PersonKeypoints) -> PictureSet:
    """Everybody with keypoints, in the squares that SPIN's files have around annotated boxes."""
    names = {number: name for name, number in truth.pictures.items()}
    people = [
        person
        for person in truth.content["annotations"]
        if person["num_keypoints"] > 0 and not person["iscrowd"] and max(person["bbox"][2:]) > 0
    ]
    if not people:
        raise InputError(f"{params.source}: nobody in it has keypoints.", "Give val2014's.")
    boxes = np.array([person["bbox"] for person in people], np.float32)
    pictures = np.array([names[person["image_id"]] for person in people])
    centre, side = boxes[:, :2] + boxes[:, 2:] / 2, ROOM * boxes[:, 2:].max(1)
    return blank_set(params.source.stem, params.pictures, pictures, centre, side)


def _numbers(pictures: np.ndarray, truth: PersonKeypoints) -> list[int]:
    return [truth.pictures[Path(name).name] for name in pictures]


@torch.inference_mode()
def _points(body: SeenBody, said: Estimate) -> tuple[np.ndarray, np.ndarray]:
    """The 24 annotated joints (N, 24, 3), metres, and COCO's (N, 17, 2) in the crops, -1 to 1."""
    joints = body(said)[1][:, OPENPOSE:]
    points = project(joints[:, COCO_17], said.camera)
    return joints.numpy(), points.double().numpy()


def _in_picture(points: np.ndarray, people: PictureSet, rows: slice, size: int) -> np.ndarray:
    """Keypoints (N, 17, 2) of crops, in px of their pictures."""
    centres, sides = people.centre[rows].tolist(), people.side[rows].tolist()
    placed = []
    for one, centre, side in zip(points, centres, sides, strict=True):
        start, stop = crop_bounds(centre, side, size)
        placed.append(start + (one + 1) / 2 * (stop - start))
    return np.stack(placed)
