"""The job `animal_train`: networks that see animals, in a training that can be resumed.

The stage "parent" learns single pictures, made ones or those of a data set; the stage "test" learns
one clip with few annotations and writes how the animal moves in it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np

from ..bodies.models import QUADRUPED_NAME, load_animal_model
from ..capture.animals.clip import read_animal_clip
from ..capture.video import Excerpt, Footage, open_footage
from ..fitting.animal.options import AnimalFit
from ..formats.animal_clip import AnimalClip
from ..formats.animal_file import AnimalData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from ..regression.animal_net.made import kept_samples
from ..regression.animal_net.network_file import about, save_network
from ..regression.animal_net.predict import AnimalSeen
from ..regression.animal_net.samples import STORED_MARGIN, AnimalSamples, gather_samples
from ..regression.animal_net.train import HIDDEN, NetworkOptions, train_on_clip, train_parent
from ..training.loop import Trained
from .animal_fitted import FittedAnimal
from .animal_networks import parent_network, preset_of
from .animal_params import AnimalFitParams, AnimalTrainParams
from .animal_sets import read_animal_set, seen_in_set
from .animal_write import shares, write_animal
from .training_folder import training_folder

NETWORK, ABOUT = "network.safetensors", "network.json"
_STORED = {"quick": 160, "paper": 280}  # px of the crops that are kept: the network's and a margin
_STEPS = {"parent": 3000, "test": 600}
_READING, _TRAINING = 0.25, 0.6  # shares of the work


def run_animal_train(params: AnimalTrainParams, out: Path, progress: Progress) -> Path:
    """Train a network and write it to the folder `out`; the stage "test" also writes a result.

    What is learned so far lies beside it, in OUT.training: the same job goes on from there. Returns
    `out`. Raises InputError for input that cannot be used; nothing is written then.
    """
    data = load_animal_model(params.animal)
    if params.family and params.family not in data.families:
        known = ", ".join(data.families) or "none"
        raise InputError(f"{data.name} has no family {params.family}.", f"Its families: {known}.")
    run = _parent if params.stage == "parent" else _test
    return run(params, data, out, progress)


def _parent(params: AnimalTrainParams, data: AnimalData, out: Path, progress: Progress) -> Path:
    options = _options(params)
    base = None
    if params.network is not None:
        base, _ = parent_network(params.network, data)
        options = replace(options, preset=preset_of(params.network))
    progress.plan(_READING, _TRAINING)
    folder = _training(params, out)
    samples = _samples(params, data, options.preset, folder, progress)
    network, trained = train_parent(data, samples, base, options, folder, progress)
    with whole_folder(out) as place:
        what = about(network, data, options.preset)
        what.training = {"pictures": len(samples), **_told(params, trained)}
        save_network(place / NETWORK, network, what)
        _write_about(place, asdict(what), trained)
    shutil.rmtree(folder)
    return out


def _samples(
    params: AnimalTrainParams, data: AnimalData, preset: str, folder: Path, progress: Progress
) -> AnimalSamples:
    """Made pictures, or those of the data set."""
    if params.source is not None:
        frames = read_animal_set(params.source, params.pictures)
        _, every = seen_in_set(frames, data, progress)
        return gather_samples(every, _STORED[preset], STORED_MARGIN)
    if params.animal != QUADRUPED_NAME:
        raise InputError(
            f"Pictures are made of the {QUADRUPED_NAME} alone, not of {data.name}.",
            "Give a data set of annotated pictures.",
        )
    return kept_samples(folder / "pictures", 0, params.count, progress)


def _test(params: AnimalTrainParams, data: AnimalData, out: Path, progress: Progress) -> Path:
    if params.source is None or params.annotations is None:
        raise InputError(
            "The test network learns one clip with annotations.",
            "Name the footage, and the annotations with --annotations.",
        )
    parent, _ = parent_network(params.network, data)
    options = replace(_options(params), preset=preset_of(params.network))
    footage = open_footage(params.source)
    written = AnimalFitParams(
        **params.model_dump(include={"source", "annotations", "animal", "overlay", "focal"})
    )
    progress.plan(0.05, 0.15, 0.05, _TRAINING, *shares(written))
    clip = read_animal_clip(footage, params.annotations, None, progress.begin, progress.tick)
    pictures = _pictures(footage, clip)
    folder = _training(params, out)
    answer = train_on_clip(
        *(parent, data, clip, pictures, options, folder, progress),
        focal=params.focal,
        as_published=params.as_published,
    )
    with whole_folder(out) as place:
        fitted = FittedAnimal(data, _as_fit(answer.test, clip.size, clip.frame_ids), clip, footage)
        write_animal(place, fitted, written, progress)
        what = about(parent, data, options.preset)
        what = replace(
            what,
            stage="test",
            hidden=HIDDEN[options.preset],
            as_published=params.as_published,
            training=_told(params, answer.trained),
        )
        save_network(place / NETWORK, answer.network, what)
        before = FittedAnimal(
            data, _as_fit(answer.parent, clip.size, clip.frame_ids), clip, footage
        )
        figures = {"parent": before.figures(), "test": fitted.figures()}
        _write_about(place, asdict(what) | {"agreement": figures}, answer.trained)
    shutil.rmtree(folder)
    return out


def _pictures(footage: Footage, clip: AnimalClip) -> list[np.ndarray]:
    """The clip's frames at its size."""
    first, last = int(clip.frame_ids[0]), int(clip.frame_ids[-1])
    frames = Excerpt(footage, first, last)
    return [cv2.resize(frame, clip.size, interpolation=cv2.INTER_AREA) for frame in frames]


def _as_fit(seen: AnimalSeen, size: tuple[int, int], frame_ids: np.ndarray) -> AnimalFit:
    """A clip's animal as the fit of it; its shape is the mean of all frames'."""
    return AnimalFit(
        betas=seen.betas.mean(0),
        limb_logscale=seen.limb_logscale.mean(0),
        pose=seen.pose,
        transl=seen.transl,
        focal=float(seen.focal[0]),
        center=(size[0] / 2, size[1] / 2),
        family="",
        frame_ids=frame_ids,
    )


def _options(params: AnimalTrainParams) -> NetworkOptions:
    return NetworkOptions(
        preset=params.preset,
        steps=params.steps or _STEPS[params.stage],
        family=params.family or "",
        bfloat16=params.bfloat16,
        device=params.device,
        seed=params.seed,
    )


def _training(params: AnimalTrainParams, out: Path) -> Path:
    """The folder beside `out` in which the training goes on, if it is the same training."""
    settings = params.model_dump(mode="json", exclude={"device", "overlay"})
    return training_folder(out.with_name(out.name + ".training"), settings)


def _told(params: AnimalTrainParams, trained: Trained) -> dict[str, object]:
    return {
        "source": None if params.source is None else str(params.source),
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "seed": params.seed,
    }


def _write_about(place: Path, what: dict, trained: Trained) -> None:
    notes = [trained.note] if trained.note else []
    content = what | {"losses": trained.losses, "notes": notes}
    (place / ABOUT).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
