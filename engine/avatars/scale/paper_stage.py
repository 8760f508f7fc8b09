"""A step of the paper's training: what it draws and what it costs; and how good frames have got."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...formats.points import normal_colors
from ...training.module import Losses, Optimisation, StepModule, by_step
from ..scanimate.data import steps_per_epoch
from .config import ScaleTraining
from .losses import scale_losses, weighted
from .packed import PackedFrame
from .paper import PaperElements

_APART = 0.7  # of the side of each point's share of the body's area: repulsion's reach
_PICTURE = 256  # pixels a side, of each of two views
_SEEN = 1.1  # of the points' extent


class ElementsStage(StepModule):
    """All frames once an epoch, in a new order; weights by the epoch."""

    def __init__(
        self,
        elements: PaperElements,
        frames: Sequence[PackedFrame],
        training: ScaleTraining,
        held_back: Sequence[PackedFrame] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.elements, self.training_options = elements, training
        self.frames, self.held_back = frames, held_back
        self.epoch = steps_per_epoch(training.batch_size, len(frames))
        self.changes = (training.rise_start * self.epoch,)
        self.spacing = _spacing(elements) if training.repulsion else None

    def losses(self, step: int) -> Losses:
        options, random = self.training_options, self.generator(step)
        epoch, part = divmod(step, self.epoch)
        order = torch.randperm(len(self.frames), generator=self.generator(-1 - epoch))
        batch = [self.frames[row] for row in order.split(options.batch_size)[part]]
        points, normals = self._drawn(batch, random)
        vertices = np.stack([frame.body_verts for frame in batch])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random.initial_seed())  # for dropout
            found = self.elements(torch.from_numpy(vertices).to(self.device), self._places(random))
        terms = scale_losses(found, points, normals, self.spacing)
        return {"loss": weighted(terms, options, epoch), **terms}

    def configure_optimizers(self) -> Optimisation:
        parts = self.elements.network, self.elements.code
        groups = [{"params": list(part.parameters())} for part in parts]
        optimizer = torch.optim.Adam(groups, lr=self.training_options.lr)
        return by_step(optimizer, lambda step: 1.0)

    def validation_loss(self) -> Tensor | None:
        """What a frame that is not learnt from costs, by weights that do not change.

        TensorBoard gets the terms, and a picture of the first of these frames.
        """
        if not self.held_back:
            return None
        every = [frame_errors(self.elements, frame) for frame in self.held_back]
        terms = {name: torch.stack([x[name] for x in every]).mean() for name in every[0]}
        for logger in self.loggers:
            values = {f"held back/{name}": x.item() for name, x in terms.items()}
            logger.log_metrics(values, self.global_step)
            picture = self._picture(self.held_back[0])
            logger.experiment.add_image(  # type: ignore[attr-defined]
                "held back", picture, self.global_step, dataformats="HWC"
            )
        options = self.training_options
        distances = options.w_s2m * terms["s2m"] + options.w_m2s * terms["m2s"]
        return distances + options.w_normal * terms["normal"]

    def _places(self, random: torch.Generator) -> Tensor | None:
        """The original's grid; a single point may be anywhere, so that all of a patch is learnt."""
        one = self.elements.network.config.npoints == 1
        return torch.rand((1, 2), generator=random) if one else None

    def _drawn(self, batch: list[PackedFrame], random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points and normals (B, N, 3) of scans; of each as many as the smallest has at most."""
        count = min(len(frame.scan_pc) for frame in batch)
        if self.training_options.scan_npoints > 0:
            count = min(count, self.training_options.scan_npoints)
        points, normals = [], []
        for frame in batch:
            rows = torch.randperm(len(frame.scan_pc), generator=random)[:count]
            points.append(torch.from_numpy(frame.scan_pc)[rows])
            normals.append(torch.from_numpy(frame.scan_n)[rows])
        return torch.stack(points).to(self.device), torch.stack(normals).to(self.device)

    def _picture(self, frame: PackedFrame) -> np.ndarray:
        found = self.elements(torch.from_numpy(frame.body_verts)[None].to(self.device))
        return draw(found.points[0].cpu().numpy(), found.normals[0].cpu().numpy())


def frame_errors(elements: PaperElements, frame: PackedFrame) -> Losses:
    """s2m and m2s, m², and normal of a frame, as the original's test tells them."""
    arrays = (frame.body_verts, frame.scan_pc, frame.scan_n)
    vertices, points, normals = (torch.from_numpy(x)[None].to(elements.uv) for x in arrays)
    with torch.no_grad():
        terms = scale_losses(elements(vertices), points, normals)
    return {name: terms[name] for name in ("s2m", "m2s", "normal")}


def draw(points: np.ndarray, normals: np.ndarray, size: int = _PICTURE) -> np.ndarray:
    """A picture (size, 2 size, 3) uint8 of points (N, 3), metres: from the front and the back.

    Each is as bright as its unit normal (N, 3) says, in the original's colours.
    """
    colors = normal_colors(normals)
    centre = (points.max(0) + points.min(0)) / 2
    scale = size / (_SEEN * np.ptp(points[:, :2], axis=0).max())
    views = []
    for side in (1.0, -1.0):
        place = (points - centre) * (side, 1.0, side)
        nearest_last = np.argsort(place[:, 2])
        column, row = ((place[nearest_last, :2] * (1, -1)) * scale + size / 2).astype(int).T
        view = np.full((size, size, 3), 255, np.uint8)
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            view[row - down, column - right] = colors[nearest_last]
        views.append(view)
    return np.concatenate(views, 1)


def _spacing(elements: PaperElements) -> float:
    """Metres that the points of the body lie apart when they are spread evenly."""
    corners = elements.body.rest[elements.body.faces]
    edges = corners[:, 1:] - corners[:, :1]
    area = torch.linalg.cross(edges[:, 0], edges[:, 1]).norm(dim=-1).sum() / 2
    points = len(elements.grid().element)
    return _APART * float(area / points) ** 0.5
