"""The one training loop: by steps, resumed exactly after a kill, stopped when it has gone wrong.

The folder of a training holds `checkpoints/last.ckpt`, `loss.csv` and TensorBoard's `logs`. On
several devices each has a process of its own, which all run the whole program; the first one alone
writes and reports.
"""

from __future__ import annotations

import logging
import pickle
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from ..formats.errors import InputError
from ..progress import Progress
from .keeper import Keeper
from .module import StepModule
from .ranks import devices_and_machines, environment_kept, is_main, processes

DEVICES = ("auto", "cuda", "cpu", "mps")


@dataclass
class TrainOptions:
    """How long to train, on what, and what to write down."""

    folder: Path
    steps: int
    title: str = "Training"  # what the progress bar says
    device: str = "auto"  # auto, cuda, cpu, mps
    devices: int = 1  # of this machine, each with a process; under torchrun as it says
    save_every_seconds: float = 60.0
    log_every: int = 10  # steps between rows of loss.csv, which are means
    val_every: int = 0  # steps between validations; 0: none
    patience: int = 5  # validations without a better one before it stops
    preview: Callable[[], None] | None = None  # called now and then, between two steps


@dataclass
class Trained:
    """How a training ended. The module holds the best state of validation, else the last.

    stopped: "finished", "early" (validation got no better) or "diverged" (the module went back to
    a good state). losses: the last row of loss.csv.
    """

    steps: int  # of the state that the module holds
    seconds: float
    stopped: str
    losses: dict[str, float]

    @property
    def note(self) -> str:
        """A sentence for the user; empty when there is nothing to say."""
        if self.stopped == "diverged":
            return f"The training diverged; the last good state, of step {self.steps}, was kept."
        if self.stopped == "early":
            return f"Stopped early: step {self.steps} was best on what was held back."
        return ""


def train(module: StepModule, options: TrainOptions, progress: Progress) -> Trained:
    """Train `module` in place, going on where an earlier run in the same folder was ended.

    Afterwards the module is on the CPU. Raises Cancelled, with a checkpoint saved, when the user
    asks for a stop or presses Ctrl-C, and InputError for an unknown device, more of them than there
    are, or a checkpoint of another training.
    """
    if not is_main():
        progress = Progress(lambda *_: None)
    keeper = Keeper(
        options.folder,
        progress,
        steps=options.steps,
        title=options.title,
        log_every=options.log_every,
        save_every_seconds=options.save_every_seconds,
        val_every=options.val_every,
        patience=options.patience,
        preview=options.preview,
    )
    progress.begin(options.steps, options.title)
    keeper.last.parent.mkdir(parents=True, exist_ok=True)
    saved = _saved(keeper.last, module)
    if saved:
        keeper.load_state_dict(saved["callbacks"][keeper.state_key])
    if saved and (keeper.watch.stopped or keeper.watch.step >= options.steps):
        module.load_state_dict(saved["state_dict"])
        progress.tick(advance=options.steps)
    else:
        with _quiet(), _interrupts(keeper), environment_kept():
            trainer = _trainer(options, keeper)
            trainer.fit(module, keeper, ckpt_path=str(keeper.last) if saved else None)
    watch = keeper.watch
    if watch.best:
        module.load_state_dict(watch.best)
    kept = watch.step if watch.kept < 0 else watch.kept
    return Trained(kept, watch.seconds, watch.stopped or "finished", watch.losses)


def _saved(path: Path, module: StepModule) -> dict[str, Any] | None:
    """The checkpoint of an earlier run, checked to be one of this training."""
    if not path.is_file():
        return None
    hint = f"Delete {path.parents[1]} to begin again."
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        shapes = {name: value.shape for name, value in saved["state_dict"].items()}
    except (RuntimeError, EOFError, OSError, KeyError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: the checkpoint of the earlier run is damaged.", hint) from error
    if shapes != {name: value.shape for name, value in module.state_dict().items()}:
        raise InputError(f"{path}: this is the checkpoint of another training.", hint)
    return saved


def _trainer(options: TrainOptions, keeper: Keeper) -> Trainer:
    if options.device not in DEVICES:
        raise InputError(f"There is no device {options.device}.", "Use auto, cuda, cpu or mps.")
    logs = TensorBoardLogger(
        options.folder, name="logs", version="", purge_step=keeper.watch.step or None
    )
    devices, machines = devices_and_machines(options.devices)
    # A batch may have nothing for a part of a network to learn from, on one device or on all.
    several = "ddp_find_unused_parameters_true"
    try:
        return Trainer(
            accelerator=options.device,
            devices=devices,
            num_nodes=machines,
            strategy=several if processes(devices) > 1 else "auto",
            max_epochs=1,
            callbacks=[keeper],
            logger=logs,
            default_root_dir=options.folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
    except MisconfigurationException as error:
        count = f"{devices} devices" if devices > 1 else "device"
        raise InputError(
            f"This machine has no {count} {options.device}.",
            "Use auto and fewer of them.",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning says nothing; what it would say is in the progress bar or of no use here."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _interrupts(keeper: Keeper) -> Iterator[None]:
    """Ctrl-C ends the training after the step that is being made; pressed again, at once.

    Lightning would leave the whole program without a word.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        keeper.interrupted = True
        signal.signal(signal.SIGINT, earlier)

    earlier = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)
