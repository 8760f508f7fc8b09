"""The job `evaluate_3dpw`: how far a network's joints and vertices lie from annotated poses."""

from __future__ import annotations

from pathlib import Path

import torch

from ..bodies.models import load_model
from ..bodies.smpl24 import smpl24_body
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from ..regression.pymaf.data.picture_set import PictureSet
from ..regression.pymaf.data.spin_npz import read_spin_npz
from ..regression.pymaf.evaluation.pose_error import (
    Joints14,
    PoseErrors,
    PoseScorer,
    h36m_joints,
    own_joints,
)
from ..regression.pymaf.joints import H36M, VERTICES, read_joint_regressor
from .evaluated import SCORES, Scores, joined, look, open_subject, people_of, table, write_scores
from .picture_params import Evaluate3dpwParams


def run_evaluate_3dpw(params: Evaluate3dpwParams, out: Path, progress: Progress) -> Path:
    """Measure a network by a data set with annotated poses; write its scores.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    with whole_folder(out, SCORES) as folder:
        _evaluate(params, folder, progress)
    return out


def _evaluate(params: Evaluate3dpwParams, folder: Path, progress: Progress) -> None:
    subject = open_subject(params)
    data = read_spin_npz(params.source, params.pictures)
    if not data.known.any():
        raise InputError(
            f"{params.source}: it has no pose and shape to compare with.", "Give 3dpw_test.npz."
        )
    bodies, joints = _true_bodies(params, subject.data, data), _joints(params, subject.data)
    scorer = PoseScorer(subject.data, bodies, joints, subject.options.device)
    people = people_of(data.only(data.known), subject)
    progress.begin(len(people), "Looking at people")
    said, errors = [], []
    for rows, sight in look(people, subject):
        said.append(subject.says(sight, progress))
        pose, betas = (torch.from_numpy(truth[rows]) for truth in (people.pose, people.betas))
        errors.append(scorer.errors(said[-1], pose, betas, people.gender[rows]))
    found = PoseErrors.join(errors)
    figures = {"mm": found.means()}
    arrays = {
        "imgname": people.pictures,
        "pred_joints": found.joints.numpy(),
        "mpjpe": found.mpjpe.numpy(),
        "pa_mpjpe": found.pa_mpjpe.numpy(),
        "pve": found.pve.numpy(),
    }
    scores = Scores("3dpw", figures, table(figures, 1), len(people))
    write_scores(folder, params, subject, scores, joined(said), arrays)


def _true_bodies(
    params: Evaluate3dpwParams, found: BodyData, data: PictureSet
) -> dict[int, BodyData]:
    """The bodies that the annotated poses are of, by gender; whose is not known has `found`'s."""
    names = (params.male, params.female)
    if all(names):
        male, female = (smpl24_body(load_model(str(name))) for name in names)
        return {0: male, 1: female, -1: found}
    if any(names) or (_is_smpl(found) and (data.gender >= 0).any()):
        raise InputError(
            f"{params.source}: its poses are of male and of female bodies.",
            "Give SMPL's files of both: --male FILE --female FILE.",
        )
    return {0: found, 1: found, -1: found}


def _joints(params: Evaluate3dpwParams, data: BodyData) -> Joints14:
    if not _is_smpl(data):
        if params.joints is not None:
            raise InputError(
                f"{params.joints}: it is for SMPL; {data.name} has joints of its own.",
                "Leave --joints out.",
            )
        return own_joints(data)
    if params.joints is None:
        raise InputError(
            "3DPW's scores of SMPL are of Human3.6M's joints, and their file is not named.",
            "Give SPIN's file: --joints J_regressor_h36m.npy.",
        )
    return h36m_joints(read_joint_regressor(params.joints, H36M))


def _is_smpl(data: BodyData) -> bool:
    return len(data.v_template) == VERTICES
