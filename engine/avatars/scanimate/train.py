"""An avatar by the paper: scans with poses to networks, in three trainings that can be resumed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...formats.errors import InputError
from ...formats.ply import PlyMesh, write_ply
from ...geometry.isosurface import extract
from ...progress import Progress
from ...training.loop import Trained, TrainOptions, train
from ...training.module import StepModule
from ..scans import Scans
from .config import PaperConfig
from .data import prepare, steps_per_epoch
from .skin_stage import SkinStage
from .stage import Setting, add_texture, new_networks
from .surface import OfficialSurface
from .surface_stage import ColorStage, SurfaceStage

PARTS = (0.1, 0.75, 0.15)  # parts of a job's progress and their shares of the work
_EPOCHS = 1000  # the original's authors for a few scans, instead of 20000
_BALANCED = 500  # frames from which on epochs get fewer
_HOLD_BACK = 8  # one scan of so many is held back
_VALIDATIONS = 50  # of the signed distance
_COLOR_STEPS = 4  # times fewer than those of the signed distance
_PREVIEW = 64  # nodes an axis
_CPU_SHARE = 0.1  # of the points: a step of the signed distance takes 2 CPU seconds, not 20


@dataclass
class PaperOptions:
    """How to train. `steps`: of the signed distance; None: 1000 times through all scans."""

    config: PaperConfig = field(default_factory=PaperConfig)
    steps: int | None = None
    colour: bool = True
    device: str = "auto"
    seed: int = 0
    share: float | None = None  # of the published numbers of points; None: less without a GPU
    save_every_seconds: float = 60.0
    patience: int = 10


@dataclass
class PaperResult:
    """The avatar, how each stage ended, and what the user should know."""

    surface: OfficialSurface
    stages: dict[str, Trained]
    notes: list[str]


def train_paper(
    scans: Scans, options: PaperOptions, folder: Path, progress: Progress
) -> PaperResult:
    """Train all stages in `folder`, going on where an earlier run was ended.

    The stages have folders of their own below it (skinning, surface, colour); preview.ply shows the
    surface as it is. Begins as many parts of `progress` as PARTS has. Raises Cancelled, and
    InputError for scans that do not lie where their poses say.
    """
    share = _share(options)
    config = options.config.sampled(share)
    body, frames = prepare(scans, config.data.vitruvian_angle)
    frames = [frames[row] for row in _kept(len(frames), config.data.frame_ratio)]
    nets = new_networks(body, len(frames), config, options.seed)
    training = _Training(
        Setting(nets, body, frames, config, options.seed), options, folder, progress
    )
    training.skinning()
    held_back = training.surface()
    painted = options.colour and all(frame.colors is not None for frame in frames)
    if painted:
        training.colour()
    notes = [f"{name}: {done.note}" for name, done in training.stages.items() if done.note]
    if share < 1:
        notes.append(f"Trained with {share:.0%} of the published numbers of points.")
    if options.colour and not painted:
        notes.append("The scans have no colours, so the avatar has none.")
    if held_back:
        notes.append(f"Held back to know when to stop: {', '.join(held_back)}.")
    avatar = OfficialSurface(nets, scans.body).eval().requires_grad_(False)
    return PaperResult(avatar, training.stages, [*config.notes, *notes])


class _Training:
    """The stages, one after the other, on the same networks."""

    def __init__(
        self, setting: Setting, options: PaperOptions, folder: Path, progress: Progress
    ) -> None:
        self.setting, self.options = setting, options
        self.folder, self.progress = folder, progress
        self.stages: dict[str, Trained] = {}
        self.count = len(setting.frames)
        self.epoch = steps_per_epoch(setting.config.training.batch_size, self.count)
        self.steps = options.steps or _sdf_epochs(options.config, self.count) * self.epoch

    def skinning(self) -> None:
        """Stages 1 and 2, then which faces are of use."""
        training = self.setting.config.training
        most = self.options.steps or sys.maxsize
        first = min(training.num_epoch_pt1 * self.epoch, most)
        second = min(training.num_epoch_pt2 * self.epoch, most)
        stage = SkinStage(self.setting, first, second)
        self._run("skinning", stage, first + second)
        stage.mark_valid()

    def surface(self) -> list[str]:
        """Stage 3. The names of the scans that are held back."""
        held_back = list(range(_HOLD_BACK // 2, self.count, _HOLD_BACK))
        held_back = held_back if self.count >= _HOLD_BACK else []
        stage = SurfaceStage(self.setting, self.steps, held_back)
        self._run(
            "surface",
            stage,
            self.steps,
            val_every=max(1, self.steps // _VALIDATIONS),
            patience=self.options.patience,
            preview=lambda: _preview(stage, self.folder / "preview.ply"),
        )
        return [self.setting.frames[row].name for row in held_back]

    def colour(self) -> None:
        """The texture network."""
        steps = max(1, self.steps // _COLOR_STEPS)
        add_texture(self.setting.nets, self.setting.config, self.setting.seed)
        self._run("colour", ColorStage(self.setting, steps), steps)

    def _run(self, name: str, stage: StepModule, steps: int, **more: Any) -> None:
        options = TrainOptions(
            self.folder / name,
            steps,
            title=f"Training ({name})",
            device=self.options.device,
            save_every_seconds=self.options.save_every_seconds,
            **more,
        )
        self.stages[name] = train(stage, options, self.progress)


def _share(options: PaperOptions) -> float:
    if options.share is not None:
        return options.share
    return 1.0 if options.device != "cpu" and torch.cuda.is_available() else _CPU_SHARE


def _sdf_epochs(config: PaperConfig, frames: int) -> int:
    """1000, unless the user's configuration says how many."""
    if "num_epoch_sdf" not in config.training.model_fields_set:
        return _EPOCHS
    most = config.training.num_epoch_sdf
    return max(1, min(most, most * _BALANCED // frames))


def _kept(count: int, ratio: float) -> list[int]:
    """The scans that are used, spread evenly."""
    return np.unique(np.linspace(0, count - 1, max(1, round(count * ratio))).astype(int)).tolist()


def _preview(stage: SurfaceStage, path: str | os.PathLike) -> None:
    """The surface at rest; nothing as long as there is none."""
    net, rest = stage.sdf, stage.conditions([0])
    given = rest._replace(pose=torch.zeros_like(rest.pose[0]))
    try:
        vertices, faces = extract(
            lambda points: net(points, stage.fwd(points), given)[0],
            net.bbox_min,
            net.bbox_max,
            _PREVIEW,
        )
    except InputError:
        return  # too early for a surface
    write_ply(path, PlyMesh(vertices, faces, None, None))
