"""Networks at work: pictures of animals to bodies before the pictures' cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...bodies.animal_posing import AnimalPosing
from ...formats.animal_file import AnimalData
from ..crops import normalised_levels
from .few_vertices import few_vertices
from .guess import Guess, join, project, stand
from .network import AnimalNetwork
from .samples import AnimalSamples, Seen, gather_samples

_BATCH = 32


@dataclass
class AnimalSeen:
    """N animals, each before the camera of its picture; arrays are float32."""

    betas: np.ndarray  # (N, B), metres come of them
    limb_logscale: np.ndarray  # (N, L)
    pose: np.ndarray  # (N, J, 3) axis-angle; the root's from the model's axes to camera space
    transl: np.ndarray  # (N, 3) camera space
    focal: np.ndarray  # (N,) px, that of the picture


def predict_animals(
    network: AnimalNetwork,
    data: AnimalData,
    pictures: Sequence[np.ndarray],
    boxes: np.ndarray,
    focal: float | None = None,
) -> AnimalSeen:
    """The animal in each of N pictures (H, W, 3) uint8, red-green-blue.

    boxes (N, 4): left, top, width, height px. `focal`: px; None for a usual lens, by which alone
    the distance is known. Cameras look through the middles of their pictures. Runs where the
    network is.
    """
    none = np.zeros((len(data.keypoint_names), 3), np.float32)
    every = [
        Seen(picture, box, none, focal=focal) for picture, box in zip(pictures, boxes, strict=True)
    ]
    samples = gather_samples(every, network.size)
    guess = guess_samples(network, samples)
    focals = [seen.lens() for seen in every]
    return place_guess(guess, samples, data, network.size, np.array(focals, np.float32))


@torch.no_grad()
def guess_samples(network: AnimalNetwork, samples: AnimalSamples) -> Guess:
    """Guesses about crops of the network's size, on the CPU."""
    network.eval()
    device = next(network.parameters()).device
    parts = []
    for part in samples.pixels.split(_BATCH):
        levels = part.permute(0, 3, 1, 2).float() / 255
        guess = network(normalised_levels(levels.to(device)))
        parts.append(guess.map(lambda tensor: tensor.cpu()))
    return join(parts)


def place_guess(
    guess: Guess, samples: AnimalSamples, data: AnimalData, size: int, focal: np.ndarray
) -> AnimalSeen:
    """The bodies of guesses about crops of `size` px; focal (N,) of their pictures, px."""
    rest = AnimalPosing(few_vertices(data)).rest(guess.betas, guess.limb_logscale)
    pose, transl = stand(guess, rest, samples.lens, size)
    betas = torch.nn.functional.pad(
        guess.betas, (0, data.shapedirs.shape[-1] - guess.betas.shape[1])
    )
    own = (betas.numpy(), guess.limb_logscale.numpy(), pose.numpy(), transl.numpy())
    return AnimalSeen(*own, focal)


@torch.no_grad()
def points_of(guess: Guess, samples: AnimalSamples, data: AnimalData, size: int) -> Tensor:
    """(N, K, 2) px of the crops: where guesses put the body's keypoints."""
    few = AnimalPosing(few_vertices(data))
    rest = few.rest(guess.betas, guess.limb_logscale)
    pose, transl = stand(guess, rest, samples.lens, size)
    return project(few.body.keypoints(few(rest, pose, transl)), samples.lens)
