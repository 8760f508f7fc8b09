"""The training of the paper: points of the network against points of scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from ...formats.errors import InputError
from ...progress import Progress
from ...training.loop import Trained, TrainOptions, train
from ..canonical_mesh import CanonicalMesh
from ..scanimate.data import steps_per_epoch
from ..scans import Scans
from .config import ScaleConfig, ScaleTraining
from .data import samples_of_scans
from .packed import PackedFrame
from .packed_scans import PackedScans
from .paper import PaperElements
from .paper_mesh import elements_mesh
from .paper_stage import ElementsStage

PARTS = (0.03, 0.92, 0.05)  # parts of a job's progress and their shares of the work
_HOLD_BACK = 8  # one scan of so many is held back
_ASTRAY = 0.02  # metres between a frame's map and the body's: it is of other UVs


@dataclass
class PaperElementsOptions:
    """How to train. `steps`: None takes the epochs of `training`."""

    config: ScaleConfig = field(default_factory=ScaleConfig)
    training: ScaleTraining = field(default_factory=ScaleTraining)
    steps: int | None = None
    colour: bool = True
    device: str = "auto"
    seed: int = 0


@dataclass
class PaperElementsResult:
    """The elements with their mesh and texture, how the training went, what the user should know.

    The texture is (size, size, 3) uint8.
    """

    elements: PaperElements
    mesh: CanonicalMesh
    texture: np.ndarray
    trained: Trained
    notes: list[str]


def train_paper_elements(
    source: Scans | PackedScans, options: PaperElementsOptions, folder: Path, progress: Progress
) -> PaperElementsResult:
    """Train on scans in `folder`, going on where an earlier run was ended.

    Begins as many parts of `progress` as PARTS has. Raises Cancelled, and InputError for a body
    without UVs.
    """
    seed, training = options.seed, options.training
    elements = PaperElements.untrained(source.body, options.config, training.query_size, seed)
    if isinstance(source, PackedScans):
        progress.begin(1, "Looking at the packed frames")
        frames, held_back = source.frames, source.held_back
    else:
        every = samples_of_scans(source, elements.map, progress, seed=seed)
        frames, held_back = _held_back(every[:: training.data_spacing])
    if options.steps is not None:
        training = in_steps(training, options.steps, len(frames))
    trained = train_elements(
        elements,
        frames,
        training,
        folder,
        progress,
        held_back=held_back,
        device=options.device,
        seed=seed,
    )
    progress.begin(1, "Making the mesh and its texture")
    if options.colour and isinstance(source, Scans):
        elements.paint(source)
    mesh, texture = elements_mesh(elements)
    progress.tick()
    notes = [trained.note] if trained.note else []
    if held_back:
        names = ", ".join(frame.scan_name for frame in held_back)
        notes.append(f"Held back to know which state is best: {names}.")
    if options.colour and elements.colors is None:
        notes.append("The scans have no colours, so the avatar has none.")
    return PaperElementsResult(elements, mesh, texture, trained, notes)


def _held_back(every: list[PackedFrame]) -> tuple[list[PackedFrame], list[PackedFrame]]:
    """What is learned from, and one frame of so many that is not."""
    if len(every) < _HOLD_BACK:
        return every, []
    first = _HOLD_BACK // 2
    learned = [frame for row, frame in enumerate(every) if row % _HOLD_BACK != first]
    return learned, every[first::_HOLD_BACK]


def train_elements(
    elements: PaperElements,
    frames: Sequence[PackedFrame],
    training: ScaleTraining,
    folder: Path,
    progress: Progress,
    *,
    held_back: Sequence[PackedFrame] = (),
    device: str = "auto",
    seed: int = 0,
) -> Trained:
    """Train `elements` in place, going on where an earlier run in `folder` was ended.

    Ends with the state that is best on the frames `held_back`, else with the last. Begins a part of
    `progress`. Raises Cancelled, and InputError for frames of another body.
    """
    for frame in (*frames, *held_back):
        _check_body(elements, frame)
    stage = ElementsStage(elements, frames, training, held_back, seed)
    steps = training.epochs * stage.epoch
    options = TrainOptions(
        folder,
        steps,
        title="Training the elements",
        device=device,
        val_every=training.val_every * stage.epoch if held_back else 0,
        patience=steps,  # the original never stops early
    )
    trained = train(stage, options, progress)
    elements.eval().requires_grad_(False)
    return trained


def in_steps(training: ScaleTraining, steps: int, frames: int) -> ScaleTraining:
    """The same training in about so many steps: every part of its schedule shrinks or grows."""
    epochs = max(1, round(steps / steps_per_epoch(training.batch_size, frames)))
    times = ("decay_start", "rise_start", "decay_every", "rise_every")
    scaled = {name: round(getattr(training, name) * epochs / training.epochs) for name in times}
    val_every = training.val_every and max(1, round(training.val_every * epochs / training.epochs))
    return replace(training, epochs=epochs, val_every=val_every, **scaled)


def _check_body(elements: PaperElements, frame: PackedFrame) -> None:
    """Raise InputError for a frame of another body or another UV map."""
    hint = "Train with the body that the frames were packed with."
    count = len(elements.body.vertices)
    if len(frame.body_verts) != count:
        raise InputError(
            f"{frame.scan_name}: its body has {len(frame.body_verts)} vertices and "
            f"{elements.body.data.name} {count}.",
            hint,
        )
    own = elements.map.points(torch.from_numpy(frame.body_verts)).numpy()
    given = frame.posmap.reshape(-1, 3)
    shown = elements.map.valid.numpy()
    if len(given) != len(own) or np.median(np.abs(own - given)[shown]) > _ASTRAY:
        raise InputError(f"{frame.scan_name}: its map is not of this body's UVs.", hint)
