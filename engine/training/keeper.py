"""What watches a training: losses, validation, divergence, checkpoints, the wish to stop."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from ..formats.errors import Cancelled
from ..progress import Progress
from .losses_file import append_row, cut_back
from .module import StepModule

_FAR = 10.0  # times the lowest loss: far above it
_LONG = 200  # steps far above the lowest loss: diverged
_GOOD_EVERY = 100  # steps between the states that a diverged training goes back to

State = dict[str, Tensor]


@dataclass
class Watch:
    """All that is saved of a training besides Lightning's own: enough to go on as if never left."""

    step: int = 0  # steps done
    seconds: float = 0.0
    stopped: str = ""  # early, diverged
    kept: int = -1  # the step whose state is the result; -1: the last one
    losses: dict[str, float] = field(default_factory=dict)  # the last row
    sums: dict[str, Tensor] = field(default_factory=dict)  # of the row that is being filled
    lowest: float = math.inf  # mean loss of the best row
    far: int = 0  # steps that the loss has been far above it
    validation: float = math.nan  # the last
    best_validation: float = math.inf
    misses: int = 0  # validations since the best
    best: State = field(default_factory=dict)  # the state of the best validation


class Keeper(Callback):
    """Lightning's callback after every step; it also counts out the steps."""

    def __init__(
        self,
        folder: Path,
        progress: Progress,
        steps: int,
        title: str,
        log_every: int,
        save_every_seconds: float,
        val_every: int,
        patience: int,
        preview: Callable[[], None] | None = None,
    ) -> None:
        self.last = folder / "checkpoints" / "last.ckpt"
        self.csv = folder / "loss.csv"
        self.progress, self.steps, self.title = progress, steps, title
        self.log_every, self.save_every_seconds = log_every, save_every_seconds
        self.val_every, self.patience = val_every, patience
        self.preview = preview
        self.interrupted = False  # by Ctrl-C
        self.watch = Watch()
        self._good: tuple[int, State] = (0, {})
        self._clock = self._saved = time.monotonic()

    def __iter__(self) -> Iterator[int]:
        """The steps that are left, as the trainer's data."""
        return iter(range(self.watch.step, self.steps))

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return dict(vars(self.watch))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.watch = Watch(**state_dict)

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Rows after the checkpoint go; the state that is loaded is good."""
        self._clock = self._saved = time.monotonic()
        self.watch.sums = {k: v.to(module.device) for k, v in self.watch.sums.items()}
        if trainer.is_global_zero:
            cut_back(self.csv, self.watch.step)
        self._good = (self.watch.step, _copy(module))
        self.progress.tick(advance=self.watch.step)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: Trainer, module: StepModule, outputs: Any, step: int, batch_idx: int
    ) -> None:
        """Everything happens here, so that a checkpoint is always that of a whole step."""
        watch = self.watch
        watch.step = step + 1
        now = time.monotonic()
        watch.seconds, self._clock = watch.seconds + now - self._clock, now
        for name, value in outputs.items():
            watch.sums[name] = watch.sums.get(name, 0) + value.detach()
        ended = watch.step == self.steps
        full = watch.step % self.log_every == 0 or ended
        if self.val_every and watch.step % self.val_every == 0:
            self._validate(trainer, module)
        if full:
            self._row(trainer, module)
        late = now - self._saved > self.save_every_seconds
        try:
            self.progress.tick(self._message())
        except Cancelled:
            self.interrupted = True
        interrupted = self.interrupted
        if trainer.world_size > 1:
            # A checkpoint is of all devices, and so is the end. Asked only where a row is due.
            late, interrupted = _any(trainer, late, interrupted) if full else (False, False)
        if late or ended or watch.stopped or interrupted:
            self._save(trainer, module)
        if late and self.preview and trainer.is_global_zero:
            self.preview()
        trainer.should_stop = bool(watch.stopped)
        if interrupted:
            raise Cancelled

    def _message(self) -> str:
        loss = self.watch.losses.get("loss")
        return self.title if loss is None else f"{self.title}: loss {loss:.4g}"

    def _row(self, trainer: Trainer, module: StepModule) -> None:
        """A row of loss.csv, and the check that all is well."""
        watch = self.watch
        count = (watch.step - 1) % self.log_every + 1
        means = {name: _mean(trainer, value) / count for name, value in watch.sums.items()}
        watch.sums = {}
        if not all(map(math.isfinite, means.values())) or not _finite(module):
            self._go_back(module)
            return
        if self.val_every:
            means["validation"] = watch.validation
        watch.losses = means
        if trainer.is_global_zero:
            append_row(self.csv, watch.step, means)
        for logger in trainer.loggers:
            logger.log_metrics(means, watch.step)
        if any(watch.step - count <= change < watch.step for change in module.changes):
            watch.lowest, watch.far = math.inf, 0
        watch.lowest = min(watch.lowest, means["loss"])
        watch.far = watch.far + count if means["loss"] > _FAR * watch.lowest else 0
        if watch.far >= _LONG:
            self._go_back(module)
        elif watch.far == 0 and watch.step - self._good[0] >= _GOOD_EVERY:
            self._good = (watch.step, _copy(module))

    def _validate(self, trainer: Trainer, module: StepModule) -> None:
        module.eval()
        with torch.no_grad():
            found = module.validation_loss()
        module.train()
        if found is None:
            return
        watch = self.watch
        watch.validation = _mean(trainer, found)
        if watch.validation < watch.best_validation:
            watch.best_validation, watch.misses, watch.kept = watch.validation, 0, watch.step
            watch.best = _copy(module)
        else:
            watch.misses += 1
            if watch.misses >= self.patience:
                watch.stopped = "early"

    def _go_back(self, module: StepModule) -> None:
        self.watch.stopped = "diverged"
        step, state = self._good
        module.load_state_dict(state)
        if not self.watch.best:
            self.watch.kept = step

    def _save(self, trainer: Trainer, module: StepModule) -> None:
        """A checkpoint of a good state, whole or not at all."""
        if not self.watch.stopped and not _finite(module):
            self._go_back(module)
        temporary = self.last.with_name(f".{self.last.name}.tmp")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            os.replace(temporary, self.last)
        self._saved = time.monotonic()


def _mean(trainer: Trainer, value: Tensor) -> float:
    """Of the value on all devices."""
    return float(trainer.strategy.reduce(value.detach().float(), reduce_op="mean"))


def _any(trainer: Trainer, *flags: bool) -> tuple[bool, ...]:
    """For each of the flags whether it is set on any device."""
    strategy = trainer.strategy
    set_ = torch.tensor(flags, dtype=torch.float32, device=strategy.root_device)
    return tuple((strategy.reduce(set_, reduce_op="sum") > 0).tolist())


def _copy(module: LightningModule) -> State:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _finite(module: LightningModule) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in module.parameters())
