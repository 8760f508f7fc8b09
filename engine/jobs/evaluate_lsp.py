"""The job `evaluate_lsp`: how well a network's bodies cover the people of LSP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..bodies.model import Body
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from ..regression.crops import crop_bounds
from ..regression.pymaf.data.picture_set import MOST_LISTED, PictureSet, read_mask, read_picture
from ..regression.pymaf.data.spin_npz import read_spin_npz
from ..regression.pymaf.evaluation.outlines import PartTable, Tally, draw_body, read_part_table
from .evaluated import SCORES, Scores, joined, look, open_subject, people_of, table, write_scores
from .picture_params import EvaluateLspParams


def run_evaluate_lsp(params: EvaluateLspParams, out: Path, progress: Progress) -> Path:
    """Measure a network by UP-3D's masks, and by its parts of the body where these are given.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    with whole_folder(out, SCORES) as folder:
        _evaluate(params, folder, progress)
    return out


def _evaluate(params: EvaluateLspParams, folder: Path, progress: Progress) -> None:
    subject = open_subject(params)
    data = read_spin_npz(params.source, params.pictures)
    home = params.masks or params.pictures
    parts = None
    if params.parts is not None:
        parts = read_part_table(params.parts, len(subject.data.faces))
    _check_truth(data, home, params.source, parts is not None)
    people = people_of(data, subject)
    body, judge = Body(subject.data), _Judge(people, home, subject.data.faces, parts)
    progress.begin(len(people), "Looking at people")
    said, joints = [], []
    for rows, sight in look(people, subject):
        said.append(subject.says(sight, progress))
        with torch.inference_mode():
            vertices, found = body.turned(said[-1].betas, said[-1].rotations)
        joints.append(found.numpy())
        for row, mesh, camera in zip(
            range(rows.start, rows.stop), vertices.numpy(), said[-1].camera, strict=True
        ):
            judge.compare(row, mesh, camera, subject.size)
    figures = judge.figures()
    scores = Scores("lsp", figures, table(figures, 4), len(people))
    arrays = {"imgname": people.pictures, "pred_joints": np.concatenate(joints)}
    write_scores(folder, params, subject, scores, joined(said), arrays)


class _Judge:
    """Draws bodies into the pictures and counts which pixels agree."""

    def __init__(
        self, people: PictureSet, home: Path, faces: np.ndarray, parts: PartTable | None
    ) -> None:
        self.people, self.home, self.faces, self.parts = people, home, faces, parts
        self.mask, self.limbs = Tally(2), Tally(parts.classes if parts else 0)

    def compare(self, row: int, vertices: np.ndarray, camera: Tensor, size: int) -> None:
        """One body, vertices (V, 3), metres, before the camera (3,) of its crop of `size` px."""
        people = self.people
        start, stop = crop_bounds(people.centre[row].tolist(), float(people.side[row]), size)
        truth = read_mask(self.home / people.masks[row])
        height, width = truth.shape
        drawn = draw_body(vertices, self.faces, camera, start, stop - start, (width, height))
        self.mask.add(drawn.face_index >= 0, truth)
        if self.parts is not None:
            path = self.home / people.parts[row]
            levels = read_picture(path)[..., 0]
            if levels.shape != truth.shape:
                raise InputError(
                    f"{path}: it is not of the size of {people.masks[row]}.",
                    "Give UP-3D's files as they are published.",
                )
            self.limbs.add(self.parts.parts(drawn), levels)

    def figures(self) -> dict[str, dict[str, float | None]]:
        """Of the masks, and of the parts where they are asked for."""
        tallies = {"mask": self.mask} | ({"parts": self.limbs} if self.parts else {})
        return {name: {"accuracy": t.accuracy, "F1": t.f1} for name, t in tallies.items()}


def _check_truth(data: PictureSet, home: Path, source: Path, with_parts: bool) -> None:
    """Raises InputError where masks or parts are not named, or their files are not there."""
    wanted = {"maskname": data.masks, "partname": data.parts}
    for key, names in wanted.items():
        if key == "partname" and not with_parts:
            continue
        if (names == "").any():
            raise InputError(f"{source}: it has no {key}.", "Give lsp_dataset_test.npz.")
        gone = [name for name in names if not (home / name).is_file()]
        if gone:
            more = ", …" if len(gone) > MOST_LISTED else ""
            raise InputError(
                f"{home}: {len(gone)} of {len(names)} files of {key} are not there: "
                f"{', '.join(gone[:MOST_LISTED])}{more}.",
                "Name UP-3D's folder: --masks FOLDER.",
            )
