"""What a network's guess is held against: keypoints, masks, truths, priors, and calm over time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...bodies.animal_posing import AnimalPosing, Rest
from ...formats.animal_file import AnimalData
from ...geometry.rotations import axis_angle_to_matrix
from ...geometry.silhouette import overlap_loss, silhouette
from ...geometry.silhouette_outline import Edges
from .few_vertices import few_vertices
from .guess import Guess, body_size, guess_from, project, stand
from .samples import AnimalSamples, Truth, shrink_masks

MASK_SIZE = 64  # pixels of a side, at which outlines are compared
_FAR = 2.0  # half crops: a keypoint does not count as further away


@dataclass(frozen=True)
class Weights:
    """Of the parts of the loss.

    Lengths in pictures count in half crops, those of the body in its own size (see `body_size`).
    """

    keypoints: float = 4.0
    looked: float = 4.0  # where an encoder looks for keypoints
    mask: float = 1.0  # 1 - intersection over union
    pose: float = 0.01  # squares of the joints' turns
    shape: float = 0.01  # squares of betas, in their usual sizes from the family's, and of limbs
    root: float = 2.0  # where the truth is known: the root's rotation matrix
    joints: float = 4.0  # and the others'
    points: float = 4.0  # and keypoints about the root
    place: float = 2.0
    numbers: float = 0.2  # and betas and limb scales
    speed: float = 0.0  # of a clip: points, and the joints' turns, from frame to frame
    change: float = 6.0  # of a clip: how these change, which steady motion does not


class AnimalLosses(nn.Module):
    """Losses of guesses about animals of one body.

    Where samples come with their truth, it counts, and the mask and the priors need not.
    """

    middle: Tensor  # (B,) betas of the family
    usual: Tensor  # (B,)

    def __init__(
        self, data: AnimalData, size: int, weights: Weights | None = None, family: str = ""
    ) -> None:
        super().__init__()
        self.weights, self.size = weights or Weights(), size
        self.few = AnimalPosing(few_vertices(data))
        self.whole = AnimalPosing(data)
        self.edges = Edges.of(torch.from_numpy(data.faces).long())
        middle, usual = _shapes(data, family)
        self.register_buffer("middle", torch.as_tensor(middle), persistent=False)
        self.register_buffer("usual", torch.as_tensor(usual), persistent=False)

    def picture(self, guess: Guess, samples: AnimalSamples, masks: bool) -> dict[str, Tensor]:
        """The parts of the loss of N guesses about `samples`, without their weights."""
        truth = samples.truth
        rest = self.few.rest(guess.betas, guess.limb_logscale)
        pose, transl = stand(guess, rest, samples.lens, self.size)
        points = self.points(rest, pose, transl)
        parts = {"keypoints": self._misses(project(points, samples.lens), samples)}
        if masks:
            parts["mask"] = self._mask(guess, samples)
        if truth is not None:
            parts |= self._truth(guess, rest, points, samples.lens, truth)
        else:
            count, limbs = guess.betas.shape[1], guess.limb_logscale
            off = (guess.betas - self.middle[:count]) / self.usual[:count]
            parts["pose"] = guess.pose[:, 1:].square().mean()
            parts["shape"] = off.square().mean() + limbs.square().sum() / max(limbs.numel(), 1)
        return parts

    def sum(self, parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parts with their weighted sum as "loss", which stands first."""
        loss = sum((getattr(self.weights, name) * part for name, part in parts.items()), 0)
        return {"loss": torch.as_tensor(loss), **parts}

    def points(self, rest: Rest, pose: Tensor, transl: Tensor) -> Tensor:
        """Keypoints (N, K, 3) in camera space of bodies with few vertices."""
        return self.few.body.keypoints(self.few(rest, pose, transl))

    def motion(self, guess: Guess, lens: Tensor) -> dict[str, Tensor]:
        """How little calm T successive frames are: `speed` and `change`.

        SMAL4V holds the keypoints of unannotated frames near those of the frame before, which
        stops every stride. What a body does not do is change its speed at once: second differences
        of keypoints, by the body's size, and of rotation matrices, in all frames.
        """
        rest = self.few.rest(guess.betas, guess.limb_logscale)
        pose, transl = stand(guess, rest, lens, self.size)
        points = self.points(rest, pose, transl) / body_size(rest).mean()
        turns = axis_angle_to_matrix(pose)
        parts = {}
        for name, order in (("speed", 1), ("change", 2)):
            if getattr(self.weights, name) and len(points) > order:
                moved, turned = torch.diff(points, order, 0), torch.diff(turns, order, 0)
                parts[name] = moved.square().sum(-1).mean() + turned.square().sum((-1, -2)).mean()
        return parts

    def looked(self, maps: Tensor, samples: AnimalSamples) -> Tensor:
        """Cross entropy of maps (N, K, H, W) and where the keypoints are, as a share of chance's.

        A keypoint between the middles of cells is in all four, the more in the nearer.
        """
        height, width = maps.shape[2:]
        place = samples.keypoints[..., :2] / self.size * torch.tensor([width, height]).to(maps)
        axes = []
        for k, count in enumerate((width, height)):
            middles = torch.arange(count, device=maps.device) + 0.5
            axes.append((1 - (place[..., k, None] - middles).abs()).clamp(min=0))
        there = axes[1][..., :, None] * axes[0][..., None, :]
        inside = there.sum((2, 3))
        logs = maps.flatten(2).log_softmax(-1).unflatten(2, (height, width))
        sure = samples.keypoints[..., 2] * (inside > 0.99)
        missed = -(there * logs).sum((2, 3)) / math.log(height * width)
        return (missed * sure).sum() / sure.sum().clamp(min=1)

    def _misses(self, pixels: Tensor, samples: AnimalSamples) -> Tensor:
        off = (pixels - samples.keypoints[..., :2]) / (self.size / 2)
        off = off.norm(dim=-1).clamp(max=_FAR) + 0.01 * off.norm(dim=-1).clamp(max=50)
        sure = samples.keypoints[..., 2]
        return (off * sure).sum() / sure.sum().clamp(min=1)

    def _mask(self, guess: Guess, samples: AnimalSamples) -> Tensor:
        sure = samples.mask_confidence
        if not (sure > 0).any():
            return guess.place.sum() * 0
        rest = self.whole.rest(guess.betas, guess.limb_logscale)
        pose, transl = stand(guess, rest, samples.lens, self.size)
        vertices = self.whole(rest, pose, transl)
        lens = samples.lens * (MASK_SIZE / self.size)
        soft = silhouette(vertices, self.edges, lens, (MASK_SIZE, MASK_SIZE))
        masks = samples.masks
        if masks.shape[-1] != MASK_SIZE:
            masks = shrink_masks(masks.cpu(), MASK_SIZE).to(soft)
        return (overlap_loss(soft, masks) * sure).sum() / sure.sum()

    def _truth(
        self, guess: Guess, rest: Rest, points: Tensor, lens: Tensor, truth: Truth
    ) -> dict[str, Tensor]:
        own = self.few.rest(truth.betas, truth.limb_logscale)
        true = guess_from(
            *(truth.pose, truth.transl, truth.betas, truth.limb_logscale, own, lens, self.size)
        )
        turns = [axis_angle_to_matrix(pose) for pose in (guess.pose, true.pose)]
        off = (turns[0] - turns[1]).square().sum((-1, -2))
        shapes = []
        for some, posed, place in (
            (rest, points, stand(guess, rest, lens, self.size)[1]),
            (own, self.points(own, truth.pose, truth.transl), truth.transl),
        ):
            root = some.joints[:, :1] + place[:, None]
            shapes.append((posed - root) / body_size(some)[:, None, None])
        betas = truth.betas[:, : guess.betas.shape[1]]
        limbs = (guess.limb_logscale - truth.limb_logscale).abs().sum() / max(
            guess.limb_logscale.numel(), 1
        )
        return {
            "root": off[:, 0].mean(),
            "joints": off[:, 1:].mean(),
            "points": (shapes[0] - shapes[1]).norm(dim=-1).mean(),
            "place": (guess.place - true.place).abs().mean(),
            "numbers": (guess.betas - betas).abs().mean() + limbs,
        }


def _shapes(data: AnimalData, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Middle and usual size (B,) of the betas of a family; of all of them where none is named."""
    if family:
        return data.family_betas[data.families.index(family)], data.shape_std
    if not len(data.families):
        return 0 * data.shape_std, data.shape_std
    spread = np.sqrt(data.shape_std**2 + data.family_betas.var(0))
    return data.family_betas.mean(0), spread.astype(np.float32)
