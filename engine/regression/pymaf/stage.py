"""The training of PyMAF: all losses of all stages, on batches from any source."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ...training.module import Losses, Optimisation, StepModule, by_step
from . import losses
from .body_joints import SeenBody
from .camera import project
from .dense_maps import dense_maps
from .estimate import Estimate
from .joints import OPENPOSE
from .metrics import aligned, joint_error
from .network import PymafNetwork
from .predict import first_points
from .samples import Samples, Targets

Source = Callable[[int, torch.Generator], Samples]  # the batch of a step
_STEEPEST = 10.0  # norm of the gradient, at most


@dataclass(frozen=True)
class LossWeights:
    """As published."""

    joints_2d: float = 300.0
    joints_3d: float = 300.0
    pose: float = 60.0
    betas: float = 0.06
    camera: float = 1.0
    uv: float = 0.5
    index: float = 1.0
    part: float = 1.0
    openpose: float = 0.0  # of the first 25 joints among joints_2d
    annotated: float = 1.0  # of the others


@dataclass(frozen=True)
class Schedule:
    """How fast it learns; by default as published."""

    rate: float = 5e-5
    regressors: float = 1.0  # their rate, as a share of the others'
    warm: int = 0  # steps in which the rate rises
    falls: tuple[int, ...] = ()  # steps after which the rate is a tenth
    cosine: int = 0  # steps after which the rate has fallen to a hundredth along a cosine; 0: never

    def factor(self, step: int) -> float:
        """Of the rate in a step."""
        fall = 0.1 ** sum(step >= at for at in self.falls)
        if self.cosine:
            fall *= 0.01 + 0.495 * (1 + math.cos(math.pi * min(step / self.cosine, 1)))
        return fall * min(1.0, (step + 1) / (self.warm + 1))


class RegressorStage(StepModule):
    """A network that learns from what is known of each sample.

    points: "mask" or "grid", where the first stage looks. extra: SPIN's joint regressor, for SMPL.
    held_back: samples that are measured on and not learned from. blind: no picture is looked at,
    only the keypoints. bfloat16: pictures are looked at in it, which is faster where the processor
    has it.
    """

    def __init__(
        self,
        network: PymafNetwork,
        data: BodyData,
        source: Source,
        *,
        weights: LossWeights | None = None,
        schedule: Schedule | None = None,
        points: str = "grid",
        extra: Tensor | None = None,
        held_back: Samples | None = None,
        blind: bool = False,
        bfloat16: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.network, self.source = network, source
        self.weights, self.schedule = weights or LossWeights(), schedule or Schedule()
        self.points, self.held_back = points, held_back
        self.blind, self.in_bfloat16 = blind, bfloat16
        self.looked_at = network.seen_body(data)
        self.measured = SeenBody(data, extra=extra)

    def configure_optimizers(self) -> Optimisation:
        """Adam, as published."""
        parts = dict(self.network.named_parameters())
        last = [parts.pop(name) for name in [*parts] if name.startswith("regressor.")]
        rate = self.schedule.rate
        groups: list[dict[str, Any]] = [
            {"params": [*parts.values()]},
            {"params": last, "lr": rate * self.schedule.regressors},
        ]
        optimizer = torch.optim.Adam(groups, lr=rate)
        return by_step(optimizer, self.schedule.factor)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """A body that is guessed to be at the camera must not undo what is learned."""
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _STEEPEST)

    def losses(self, step: int) -> Losses:
        """Of the batch of this step."""
        random = self.generator(step)
        return self._losses(self.source(step, random).to(self.device), step)

    def validation_loss(self) -> Tensor | None:
        """PA-MPJPE of the annotated joints of what is held back, metres."""
        if self.held_back is None:
            return None
        errors = []
        for start in range(0, len(self.held_back), 64):
            samples = self.held_back[slice(start, start + 64)].to(self.device)
            estimate = self._look(samples, 0)[0][-1]
            truth = samples.targets.joints_3d[..., :3]
            errors.append(joint_error(aligned(self._joints(estimate), truth), truth))
        return torch.cat(errors).mean()

    def _joints(self, estimate: Estimate) -> Tensor:
        """The annotated joints (N, 24, 3)."""
        return self.measured(estimate)[1][:, OPENPOSE:]

    def _look(self, samples: Samples, seed: int) -> tuple[list[Estimate], list[Tensor]]:
        """The estimates of all stages, and the pyramid, if pictures are looked at."""
        sight = samples.sight
        if self.blind:
            return self.network.from_keypoints(sight.keypoints, self.measured), []
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            found = self.network.pyramid(sight.channels(self.network.architecture.mask))
        pyramid = [level.float() for level in found]
        points = first_points(sight.masks, seed) if self.points == "mask" else None
        return self.network.regress(pyramid, self.looked_at, points, sight.keypoints), pyramid

    def _losses(self, samples: Samples, step: int) -> Losses:
        estimates, pyramid = self._look(samples, self.seed + step)
        targets, weights = samples.targets, self.weights
        names = ("joints_2d", "joints_3d", "pose", "betas", "camera")
        parts = {name: targets.betas.new_zeros(()) for name in names}
        for estimate in estimates[1:]:
            for name, value in self._of_stage(estimate, targets).items():
                parts[name] = parts[name] + getattr(weights, name) * value
        if pyramid and targets.dense_known.any():
            said = self.network.dp_head(pyramid[-1])
            maps = dense_maps(_resized(targets.dense, said.u.shape[-1]))
            u, v, index, part = losses.dense_losses(said, maps, targets.dense_known)
            parts["dense"] = weights.uv * (u + v) + weights.index * index + weights.part * part
        else:
            parts["dense"] = targets.betas.new_zeros(())
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}

    def _of_stage(self, estimate: Estimate, targets: Targets) -> Losses:
        rotations = estimate.rotations
        _, joints, _ = self.measured.all(estimate.betas, rotations)
        seen = project(joints, estimate.camera)
        known = self.measured.joints.known
        wanted_2d, wanted_3d = targets.joints_2d, targets.joints_3d
        told = torch.cat([wanted_2d[..., :2], wanted_2d[..., 2:] * known[:, None]], -1)
        there = torch.cat([wanted_3d[..., :3], wanted_3d[..., 3:] * known[OPENPOSE:, None]], -1)
        weights = self.weights
        pose, betas = losses.body_losses(
            rotations, estimate.betas, targets.pose, targets.betas, targets.known
        )
        annotated = (wanted_3d[..., 3] > 0).any(dim=1)
        return {
            "joints_2d": losses.joints_2d_loss(seen, told, weights.openpose, weights.annotated),
            "joints_3d": losses.joints_3d_loss(joints, there, annotated),
            "pose": pose,
            "betas": betas,
            "camera": losses.camera_loss(estimate.camera),
        }


def _resized(dense: Tensor, size: int) -> Tensor:
    """Pictures (N, 3, size, size) of parts and places, 0..1, of (N, 3, 56, 56) uint8."""
    levels = dense.float() / 255
    levels[:, 0] = dense[:, 0] / 24
    return torch.nn.functional.interpolate(levels, size=(size, size), mode="nearest")
