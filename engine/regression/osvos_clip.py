"""OSVOS taught a clip's animal from the few frames whose masks are known, and its other masks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..progress import Progress
from ..training.loop import Trained, TrainOptions, train
from ..training.module import Losses, Optimisation, StepModule, by_step
from .osvos import OsvosNetwork, balanced_loss, to_input

_RATE, _MOMENTUM, _DECAY = 1e-8, 0.9, 2e-4
_FUSE_RATE = 0.01  # of the last layer, by that of the others
_USUAL_PIXELS = 854 * 480  # of the pictures that the rate was found for: the loss is a sum
_TURN, _SCALE = math.pi / 6, 0.25  # at most, of a picture that is learned
_NEAR = 5  # px from the outline that tell how sure it is


@dataclass(frozen=True)
class Preset:
    """How long a clip is learned, and at what size."""

    steps: int
    pictures: int  # whose mean is a step
    longest: int | None  # px: the longer side of the pictures; None: as they are


PRESETS = {"quick": Preset(200, 1, 480), "paper": Preset(2000, 5, None)}


class OsvosStage(StepModule):
    """`pictures` (N, H, W, 3) uint8 RGB and their masks (N, H, W) bool, turned, scaled, mirrored.

    `rate` is for pictures of 854 x 480; smaller ones are learned as if they had as many pixels.
    """

    known: Tensor  # (N, 3, H, W)
    masks: Tensor  # (N, 1, H, W)

    def __init__(
        self,
        network: OsvosNetwork,
        pictures: np.ndarray,
        masks: np.ndarray,
        count: int,
        *,
        rate: float = _RATE,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.network, self.count, self.rate = network, count, rate
        known = torch.stack([to_input(picture) for picture in pictures])
        self.register_buffer("known", known, persistent=False)
        self.register_buffer("masks", torch.from_numpy(masks)[:, None].float(), persistent=False)
        self.by_size = max(1.0, _USUAL_PIXELS / masks[0].size)

    def configure_optimizers(self) -> Optimisation:
        """Steepest descent, with the published rates and decays of weights and biases."""
        net, groups = self.network, []
        for part, share in ((net.stages, 1.0), (net.side_prep, 1.0), (net.fuse, _FUSE_RATE)):
            named = list(part.named_parameters())
            weights = [value for name, value in named if name.endswith("weight")]
            biases = [value for name, value in named if name.endswith("bias")]
            groups += [
                {"params": weights, "lr": share * self.rate, "weight_decay": _DECAY},
                {"params": biases, "lr": 2 * share * self.rate},
            ]
        return by_step(torch.optim.SGD(groups, lr=self.rate, momentum=_MOMENTUM), lambda _step: 1.0)

    def losses(self, step: int) -> Losses:
        """Of what all stages say together."""
        pictures, masks = self.batch(step)
        return {"loss": self.by_size * balanced_loss(self.network(pictures)[-1], masks)}

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Changed pictures (count, 3, H, W), of the mean colour beyond their edges, and masks."""
        random = self.generator(step)
        rows = torch.randint(len(self.known), (self.count,), generator=random).to(self.device)
        size = [self.count, 1, *self.known.shape[-2:]]
        places = functional.affine_grid(_changes(size, random), size, align_corners=False)
        places = places.to(self.device)
        return (
            functional.grid_sample(self.known[rows], places, "bicubic", align_corners=False),
            functional.grid_sample(self.masks[rows], places, "nearest", align_corners=False),
        )


def teach(
    network: OsvosNetwork,
    known: Mapping[int, tuple[np.ndarray, np.ndarray]],
    preset: Preset,
    folder: Path,
    progress: Progress,
    *,
    device: str = "auto",
    seed: int = 0,
) -> Trained:
    """Teach the network, in place, a clip's pictures (H, W, 3) uint8 RGB and masks (H, W) bool.

    What is learned lies in `folder`, where a training goes on that was ended. Begins a part of
    `progress`. Raises Cancelled and InputError as `train`.
    """
    pairs = [known[number] for number in sorted(known)]
    pictures = np.stack([_shrunk(picture, preset.longest) for picture, _ in pairs])
    shares = [_shrunk(mask.astype(np.float32), preset.longest) for _, mask in pairs]
    stage = OsvosStage(network, pictures, np.stack(shares) > 0.5, preset.pictures, seed=seed)
    options = TrainOptions(folder, preset.steps, title="Teaching OSVOS the animal", device=device)
    return train(stage, options, progress)


@torch.inference_mode()
def probabilities(
    network: OsvosNetwork, frames: Iterable[np.ndarray], longest: int | None, device: str = "cpu"
) -> Iterator[np.ndarray]:
    """(h, w) float32 for each frame (H, W, 3) uint8 RGB: how likely a pixel is the animal.

    h and w are those at which the frame is looked at: `longest` px the longer side, at most.
    """
    network.eval().to(device)
    for frame in frames:
        picture = to_input(_shrunk(frame, longest))[None].to(device)
        yield network(picture)[-1][0, 0].sigmoid().cpu().numpy()


def outline_certainty(probability: np.ndarray) -> float:
    """How sure the outline is, 0 to 1: how far from undecided the pixels on its two sides are.

    0 where there is no outline.
    """
    inside = (probability > 0.5).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _NEAR + 1,) * 2)
    near = cv2.dilate(inside, disc) > cv2.erode(inside, disc)
    return float(np.abs(2 * probability[near] - 1).mean()) if near.any() else 0.0


def _changes(size: list[int], random: torch.Generator) -> Tensor:
    """(N, 2, 3): where in pictures (N, C, H, W) their changed copies are from, for affine_grid."""
    count, _, height, width = size
    draws = torch.rand((3, count), generator=random)
    turn, scale = _TURN * (2 * draws[0] - 1), 1 + _SCALE * (2 * draws[1] - 1)
    mirror = torch.where(draws[2] < 0.5, -1.0, 1.0)
    cos, sin, none = turn.cos() / scale, turn.sin() / scale, torch.zeros(count)
    # Both axes of the grid go from -1 to 1, though the picture is not square.
    across = torch.stack([mirror * cos, mirror * sin * height / width, none], -1)
    down = torch.stack([-sin * width / height, cos, none], -1)
    return torch.stack([across, down], 1)


def _shrunk(picture: np.ndarray, longest: int | None) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = min(1.0, (longest or math.inf) / max(height, width))
    if scale == 1:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
