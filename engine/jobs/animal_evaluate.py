"""The job `animal_evaluate`: how well a network or a fit agrees with an annotated data set."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ..bodies.model import Body
from ..bodies.models import load_animal_model
from ..capture.animals.frames import AnimalFrame
from ..capture.animals.metrics import AnimalScore
from ..capture.video import open_footage
from ..formats.animal_file import AnimalData
from ..formats.body_file import load_body
from ..formats.camera import load_camera
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..formats.motion import load_motion
from ..formats.result import read_result
from ..progress import Progress
from ..regression.animal_net.network import AnimalNetwork
from ..regression.animal_net.predict import guess_samples, place_guess
from ..regression.animal_net.samples import Seen, gather_samples
from .animal_networks import parent_network
from .animal_params import AnimalEvaluateParams
from .animal_scores import bodies_of, score_bodies
from .animal_sets import read_animal_set, seen_in_set

_CROP = 224  # px in which a fit is measured, as WLDO's and SMAL4V's networks are
_READING = 0.4  # share of the work


def run_animal_evaluate(params: AnimalEvaluateParams, out: Path, progress: Progress) -> Path:
    """Measure a network, the shipped one by default, or a fit; write scores.json and scores.txt.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    data = load_animal_model(params.animal)
    progress.plan(_READING, 1 - _READING)
    frames, every = seen_in_set(read_animal_set(params.source, params.pictures), data, progress)
    progress.begin(1, "Measuring")
    if params.result is not None:
        what, found = str(params.result), _score_fit(data, params.result, frames, every)
    else:
        network, what = parent_network(params.network, data)
        found = _score_network(data, network, frames, every)
    progress.tick()
    with whole_folder(out) as folder:
        scores = {"what": what, "on": str(params.source), "animal": data.name, **_figures(found)}
        (folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", "utf-8")
        (folder / "scores.txt").write_text(f"{what} on {params.source}\n{found.table()}\n", "utf-8")
    return out


def _score_network(
    data: AnimalData, network: AnimalNetwork, frames: list[AnimalFrame], every: list[Seen]
) -> AnimalScore:
    samples = gather_samples(every, network.size)
    focal = np.array([seen.lens() for seen in every], np.float32)
    seen = place_guess(guess_samples(network, samples), samples, data, network.size, focal)
    return score_bodies(bodies_of(data, seen), data, samples, frames[0].layout)


def _score_fit(
    data: AnimalData, folder: Path, frames: list[AnimalFrame], every: list[Seen]
) -> AnimalScore:
    """Of the frames that both the fit and the data set have."""
    result = read_result(folder)
    body = load_body(result.body)
    if result.kind != "animal" or result.camera is None or body.name != data.name:
        raise InputError(
            f"{folder}: this is no fit of {data.name} ({body.name}).", "Name its --animal."
        )
    motion, camera = load_motion(result.people[0].motion), load_camera(result.camera)
    row_of = {int(number): row for row, number in enumerate(motion.frame_ids)}
    footage = Path(result.footage)
    files = open_footage(footage).files if footage.is_dir() else []
    number_of = {file.name: number for number, file in enumerate(files)}
    pairs = []
    for frame, seen in zip(frames, every, strict=True):
        row = row_of.get(number_of.get(frame.image.name, frame.number))
        if row is not None:
            pairs.append((row, frame, seen))
    if not pairs:
        raise InputError(
            f"{folder}: none of its frames is annotated here.", "Give the clip's own annotations."
        )
    rows = [row for row, _, _ in pairs]
    for _, frame, seen in pairs:
        seen.focal = camera.fx * frame.size[0] / camera.width
    samples = gather_samples([seen for _, _, seen in pairs], _CROP)
    model = Body(body)
    betas = torch.as_tensor(motion.betas, dtype=torch.float32)[None]
    poses = torch.as_tensor(motion.poses[rows]).float().unflatten(1, (-1, 3))
    with torch.inference_mode():
        world, _ = model(betas, poses, torch.as_tensor(motion.trans[rows]).float())
    camera = replace(camera, world_to_camera=camera.world_to_camera[rows])
    vertices = camera.to_camera(world.numpy()).astype(np.float32)
    return score_bodies(vertices, data, samples, frames[0].layout)


def _figures(found: AnimalScore) -> dict[str, object]:
    def row(values: np.ndarray) -> dict[str, float | None]:
        pairs = zip(found.thresholds, values, strict=True)
        return {f"{t:g}": _number(value) for t, value in pairs}

    return {
        "pictures": found.pictures,
        "pck": {"all": row(found.pck), **{name: row(v) for name, v in found.parts.items()}},
        "iou": _number(found.iou),
        "overlap": _number(found.overlap),
    }


def _number(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
