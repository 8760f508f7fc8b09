"""The job `train_regressor`: a network that sees a body in a picture, in a training that can be
resumed, on data sets or on pictures that are made for it."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..bodies.models import SHIPPED_NAME, load_model
from ..bodies.smpl24 import smpl24_body
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from ..regression.pymaf.architecture import OFFICIAL, SMALL, Architecture
from ..regression.pymaf.data.ahead import Ahead
from ..regression.pymaf.data.dense import DensePainter, cut_by_joints, read_densepose
from ..regression.pymaf.data.downsampling import read_markers
from ..regression.pymaf.data.mixed import MixedPictures
from ..regression.pymaf.data.pictures import NONE
from ..regression.pymaf.fresh import read_mean, resting
from ..regression.pymaf.joints import EXTRA, VERTICES, read_joint_regressor
from ..regression.pymaf.made import DrawnPeople, ImaginedPeople
from ..regression.pymaf.network import PymafNetwork
from ..regression.pymaf.network_file import About, save_person_network
from ..regression.pymaf.samples import Samples
from ..regression.pymaf.stage import LossWeights, RegressorStage, Schedule, Source
from ..regression.pymaf.starting import starting_network
from ..training.loop import Trained, TrainOptions, train
from ..training.ranks import is_main, processes
from .picture_params import TrainRegressorParams
from .regressor_made import made_samples, tested
from .regressor_sets import hold_back, read_sets
from .training_folder import training_folder

NETWORK, ABOUT = "network.safetensors", "network.json"
_EPOCHS, _BATCH = 60, 64  # as published
_DRAWN_STEPS, _DRAWN_BATCH, _DRAWN_RATE = 2400, 32, 1e-3
# What is made is seen by keypoints that a detector finds, and its bodies are all known.
_DRAWN_WEIGHTS = LossWeights(joints_2d=150.0, betas=0.3, openpose=1.0)
_IMAGINED, _IMAGINED_BATCH = 0.5, 256  # share of the steps before, of people without pictures
_CAREFUL = 0.2  # of the rate, of regressors that have learned from these
_VALIDATIONS = 20


@dataclass
class _Part:
    """A part of a training: its name, how long it is and what its batches are."""

    name: str
    steps: int
    source: Source
    blind: bool = False  # without pictures


@dataclass
class _Plan:
    """What is trained on what."""

    network: PymafNetwork
    parts: list[_Part]
    weights: LossWeights
    schedule: Schedule
    held_back: Samples | None
    notes: list[str]


def run_train_regressor(params: TrainRegressorParams, out: Path, progress: Progress) -> Path:
    """Train a network and write it to the folder `out`.

    What is learned so far lies beside it, in OUT.training: the same job goes on from there. On
    several devices the first process alone writes. Returns `out`. Raises InputError for input that
    cannot be used; nothing is written then.
    """
    body = smpl24_body(load_model(params.body))
    if not params.data and params.body != SHIPPED_NAME:
        raise InputError(
            f"Pictures are made of the {SHIPPED_NAME} alone, not of {params.body}.",
            "Give data sets with --data.",
        )
    extra = read_joint_regressor(params.extra, EXTRA) if params.extra else None
    folder = out.with_name(out.name + ".training")
    shares = (0.05, 1.0) if params.data else (0.3, *((0.1,) if _told(params) else ()), 1.0)
    progress.plan(*shares)
    make = _from_sets if params.data else _from_made
    plan = make(params, body, extra, folder, progress)
    _begin(params, folder)
    trained = _train(plan, params, body, extra, folder, progress)
    if is_main():
        _write(out, plan, params, body, trained)
        shutil.rmtree(folder)
    return out


def _begin(params: TrainRegressorParams, folder: Path) -> None:
    """Make the folder of the training, if it is the same training."""
    if is_main():
        training_folder(folder, params.model_dump(mode="json", exclude={"device"}))


def _architecture(params: TrainRegressorParams) -> Architecture:
    name = params.architecture or ("official" if params.data else "small")
    chosen = {"official": OFFICIAL, "small": SMALL}[name]
    if params.inputs is not None:
        shown = ("rgb", "mask", "keypoints").index(params.inputs)
        chosen = replace(chosen, mask=shown > 0, keypoints=shown > 1)
    return replace(chosen, backbone=params.backbone) if params.backbone else chosen


def _told(params: TrainRegressorParams) -> bool:
    """Whether the network is told keypoints, and learns first from these alone."""
    return _architecture(params).keypoints and params.pretrained is None


def _network(params: TrainRegressorParams, body: BodyData) -> tuple[PymafNetwork, list[str]]:
    mean = read_mean(params.mean) if params.mean else resting()
    markers = torch.from_numpy(read_markers(params.downsampling)) if params.downsampling else None
    return starting_network(params.pretrained, body, mean, _architecture(params), markers)


def _from_sets(
    params: TrainRegressorParams,
    body: BodyData,
    extra: Tensor | None,
    folder: Path,
    progress: Progress,
) -> _Plan:
    """A training on data sets."""
    network, notes = _network(params, body)
    painter = _painter(params, body, extra)
    found = read_sets(params, progress)
    notes += found.notes
    size = network.architecture.size
    held = hold_back(found, body, size)
    if held is None:
        notes.append("Too few bodies are known to hold some back; it is measured on nothing.")
    if extra is None and len(body.v_template) == VERTICES:
        notes.append("Without --extra, SPIN's joint regressor, nine joints are not learned from.")
    count = processes(params.devices)
    share = max(1, (params.batch or _BATCH) // count)
    source = MixedPictures(
        found.sets,
        found.ratios,
        size,
        share,
        None if params.augment else NONE,
        painter,
        found.mask_of,
        count,
        params.seed,
    )
    steps = params.steps or _EPOCHS * math.ceil(source.epoch / (share * count))
    weights = LossWeights(openpose=params.openpose_weight, annotated=params.annotated_weight)
    schedule = Schedule(params.rate) if params.rate else Schedule()
    part = _Part("pictures", steps, Ahead(source, steps))
    return _Plan(network, [part], weights, schedule, held, notes)


def _painter(
    params: TrainRegressorParams, body: BodyData, extra: Tensor | None
) -> DensePainter | None:
    """Who draws the dense targets; nobody for SMPL without DensePose's file."""
    if params.uv is not None:
        if len(body.v_template) != VERTICES:
            raise InputError(f"{params.uv}: it is of SMPL's mesh, not of {body.name}'s.", "")
        return DensePainter(body, read_densepose(params.uv), extra)
    if len(body.v_template) == VERTICES:
        return None
    return DensePainter(body, cut_by_joints(body), extra)


def _from_made(
    params: TrainRegressorParams,
    body: BodyData,
    extra: Tensor | None,
    folder: Path,
    progress: Progress,
) -> _Plan:
    """A training on pictures that are made, before it of people who are keypoints alone."""
    network, notes = _network(params, body)
    size = network.architecture.size
    progress.begin(2 * params.count + tested(params.count), "Making pictures")
    _begin(params, folder)
    drawn, test = made_samples(
        *(folder, params.count, params.seed, size, body),
        lambda number: progress.tick(advance=number),
    )
    share = max(1, (params.batch or _DRAWN_BATCH) // processes(params.devices))
    steps = params.steps or _DRAWN_STEPS
    parts = [_Part("pictures", steps, DrawnPeople(drawn, share))]
    if _told(params):
        before = max(1, round(_IMAGINED * steps))
        imagined = ImaginedPeople(body, _IMAGINED_BATCH, params.seed)
        parts.insert(0, _Part("keypoints", before, imagined, blind=True))
    # What was learned of poses from keypoints alone must not be forgotten over the pictures.
    regressors = _CAREFUL if _told(params) else 1.0
    schedule = Schedule(params.rate or _DRAWN_RATE, regressors, warm=min(100, steps // 10))
    return _Plan(network, parts, _DRAWN_WEIGHTS, schedule, test, notes)


def _train(
    plan: _Plan,
    params: TrainRegressorParams,
    body: BodyData,
    extra: Tensor | None,
    folder: Path,
    progress: Progress,
) -> Trained:
    for part in plan.parts:
        cosine = 0 if params.data else part.steps
        regressors = 1.0 if part.blind else plan.schedule.regressors
        stage = RegressorStage(
            plan.network,
            body,
            part.source,
            weights=plan.weights,
            schedule=replace(plan.schedule, cosine=cosine, regressors=regressors),
            points=params.points,
            extra=extra,
            held_back=plan.held_back,
            blind=part.blind,
            bfloat16=params.bfloat16,
            seed=params.seed,
        )
        options = TrainOptions(
            folder / part.name,
            part.steps,
            title=f"Learning from {part.name}",
            device=params.device,
            devices=params.devices,
            val_every=max(1, part.steps // _VALIDATIONS) if plan.held_back else 0,
            patience=_VALIDATIONS,
        )
        plan.network.train()
        try:
            trained = train(stage, options, progress)
        except torch.OutOfMemoryError as error:
            raise InputError(
                "The device has not enough memory for such batches.", "Give a smaller --batch."
            ) from error
    return trained


def _write(
    out: Path, plan: _Plan, params: TrainRegressorParams, body: BodyData, trained: Trained
) -> None:
    told = {
        "data": [wanted.name or wanted.annotations.stem for wanted in params.data],
        "made": 0 if params.data else params.count,
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "points": params.points,
        "seed": params.seed,
    }
    name = "smpl" if len(body.v_template) == VERTICES else body.name
    about = About(plan.network.architecture, name, not params.data, told)
    notes = [*plan.notes, *([trained.note] if trained.note else [])]
    with whole_folder(out) as place:
        save_person_network(place / NETWORK, plan.network.eval(), about)
        content = {**asdict(about), "losses": trained.losses, "notes": notes}
        (place / ABOUT).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
