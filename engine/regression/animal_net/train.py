"""Training from the base over the parent to the test network, resumed where it was left."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ...formats.animal_clip import AnimalClip
from ...formats.animal_file import AnimalData
from ...progress import Progress
from ...training.loop import Trained, TrainOptions, train
from .clip_network import ClipNetwork
from .clip_samples import clip_samples
from .clip_stage import CLIP_WEIGHTS, WINDOW, ClipStage
from .network import AnimalNetwork
from .parent_stage import BATCH, RATE, ParentStage
from .predict import AnimalSeen, place_guess
from .presets import PRESETS
from .samples import USUAL_LENS, AnimalSamples

_HOLD_BACK, _MOST_HELD_BACK = 12, 256  # one sample of so many is held back, at most
_VALIDATIONS = 10
# Crops of a step and the rate; the second as published.
_PARENT_STEP = {"quick": (BATCH, RATE), "paper": (8, 1e-4)}
HIDDEN = {"quick": 256, "paper": 1024}  # of the test network's GRU


@dataclass
class NetworkOptions:
    """How to train."""

    preset: str = "quick"  # of PRESETS; of a network that starts from another, that one's
    steps: int = 3000
    family: str = ""  # whose shapes are the usual ones
    bfloat16: bool = False  # encode in it
    device: str = "auto"
    seed: int = 0


def train_parent(
    data: AnimalData,
    samples: AnimalSamples,
    base: AnimalNetwork | None,
    options: NetworkOptions,
    folder: Path,
    progress: Progress,
) -> tuple[AnimalNetwork, Trained]:
    """A network of single pictures, from `base` where there is one.

    One sample in twelve is held back to know which state is best. Begins a part of `progress`.
    """
    network = copy.deepcopy(base) if base is not None else PRESETS[options.preset](data)
    network.requires_grad_(True)
    held = torch.arange(0, len(samples), _HOLD_BACK)[:_MOST_HELD_BACK]
    learned = torch.ones(len(samples), dtype=torch.bool)
    if len(samples) >= 2 * _HOLD_BACK:
        learned[held] = False
    batch, rate = _PARENT_STEP[options.preset]
    stage = ParentStage(
        network,
        data,
        samples[learned],
        None if learned.all() else samples[held],
        options.steps,
        batch=batch,
        rate=rate,
        family=options.family,
        bfloat16=options.bfloat16,
        seed=options.seed,
    )
    every = max(1, options.steps // _VALIDATIONS)
    trained = train(
        stage,
        TrainOptions(
            folder,
            options.steps,
            title="Training the parent",
            device=options.device,
            val_every=0 if learned.all() else every,
            patience=_VALIDATIONS,
        ),
        progress,
    )
    return network.eval().requires_grad_(False), trained


@dataclass
class ClipAnswer:
    """A clip's animal as its own network and as the parent see it, and the network."""

    network: ClipNetwork
    test: AnimalSeen
    parent: AnimalSeen
    trained: Trained


def train_on_clip(
    parent: AnimalNetwork,
    data: AnimalData,
    clip: AnimalClip,
    pictures: Sequence[np.ndarray],
    options: NetworkOptions,
    folder: Path,
    progress: Progress,
    focal: float | None = None,
    as_published: bool = False,
) -> ClipAnswer:
    """The test network of a clip whose frames are `pictures` (H, W, 3) uint8; see ClipStage.

    `focal` px, None for a usual lens. Begins a part of `progress`. Raises InputError as
    clip_samples.
    """
    size = parent.size
    samples = clip_samples(clip, pictures, data, size, focal)
    network = ClipNetwork(copy.deepcopy(parent), HIDDEN[options.preset], as_published)
    window = 8 if as_published else WINDOW
    # Published is that points stand still between annotated frames.
    weights = replace(CLIP_WEIGHTS, speed=1.0, change=0.0) if as_published else CLIP_WEIGHTS
    stage = ClipStage(
        network,
        data,
        samples,
        options.steps,
        window=window,
        weights=weights,
        family=options.family,
        seed=options.seed,
    )
    settings = TrainOptions(
        folder, options.steps, title="Training on the clip", device=options.device
    )
    trained = train(stage, settings, progress)
    focals = np.full(len(clip), focal or USUAL_LENS * max(clip.size), np.float32)
    test, before = (
        place_guess(guess, samples, data, size, focals) for guess in (stage.answer(), stage.before)
    )
    return ClipAnswer(network.eval().requires_grad_(False), test, before, trained)
