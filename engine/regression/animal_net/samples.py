"""What networks learn from: crops of pictures with what is known of the animal in each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from torch import Tensor

from ..crops import square_crop

USUAL_LENS = 1.2  # focal length by the picture's longer side, where it is not known
MARGIN = 1.2  # side of a crop by the longer side of the animal's box
STORED_MARGIN = 1.5  # of crops that are to be turned and moved
_BEYOND = 128  # grey level beyond the picture's edge: about the mean of what networks see


@dataclass
class Truth:
    """All there is to know of N animals, for pictures that were made."""

    betas: Tensor  # (N, B)
    limb_logscale: Tensor  # (N, L)
    pose: Tensor  # (N, J, 3) axis-angle, the root's from the model's axes to camera space
    transl: Tensor  # (N, 3) camera space


@dataclass
class AnimalSamples:
    """N crops of S x S pixels. Keypoints are those of the body's own table, K."""

    pixels: Tensor  # (N, S, S, 3) uint8
    masks: Tensor  # (N, S, S) bool, or coverage 0..1
    mask_confidence: Tensor  # (N,) 0 where there is no mask
    keypoints: Tensor  # (N, K, 3) x, y px of the crop, confidence (0: not known)
    lens: Tensor  # (N, 4) fx, fy, cx, cy of the picture's camera, px of the crop
    truth: Truth | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Tensor) -> AnimalSamples:
        """Some of the samples."""
        return self._map(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> AnimalSamples:
        """All of them on `device`."""
        return self._map(lambda tensor: tensor.to(device))

    def _map(self, change: Callable[[Tensor], Tensor]) -> AnimalSamples:
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "truth"}
        truth = self.truth and Truth(*(change(tensor) for tensor in vars(self.truth).values()))
        return AnimalSamples(**{name: change(own[name]) for name in own}, truth=truth)


@dataclass
class Seen:
    """One picture and what is known of the animal in it; pixels are the picture's."""

    picture: np.ndarray  # (H, W, 3) uint8
    box: np.ndarray  # (4,) left, top, width, height
    keypoints: np.ndarray  # (K, 3) x, y, confidence
    mask: np.ndarray | None = None  # (H, W) bool
    mask_confidence: float = 1.0
    focal: float | None = None  # px; None: a usual lens

    def lens(self) -> float:
        """The focal length, px."""
        return self.focal or USUAL_LENS * max(self.picture.shape[:2])


def gather_samples(every: list[Seen], size: int, margin: float = MARGIN) -> AnimalSamples:
    """Crops of `size` pixels; their sides are `margin` times the longer sides of the boxes."""
    parts = [_sample(seen, size, margin) for seen in every]
    pixels, masks, points, lens = (np.stack(column) for column in zip(*parts, strict=True))
    confidence = [0.0 if seen.mask is None else seen.mask_confidence for seen in every]
    return AnimalSamples(
        pixels=torch.from_numpy(pixels),
        masks=torch.from_numpy(masks),
        mask_confidence=torch.tensor(confidence, dtype=torch.float32),
        keypoints=torch.from_numpy(points.astype(np.float32)),
        lens=torch.from_numpy(lens.astype(np.float32)),
    )


def _sample(seen: Seen, size: int, margin: float) -> tuple[np.ndarray, ...]:
    x, y, width, height = (float(number) for number in seen.box)
    middle = (x + width / 2, y + height / 2)
    side = max(margin * max(width, height), 8.0)
    crop = square_crop(seen.picture, middle, side, size, _BEYOND)
    zoom = size / crop.extent
    points = seen.keypoints.copy()
    points[:, :2] = np.where(points[:, 2:] > 0, (points[:, :2] - crop.corner) * zoom, 0)
    rows, columns = seen.picture.shape[:2]
    lens = np.array(
        [*(seen.lens() * zoom), *((np.array([columns, rows]) / 2 - crop.corner) * zoom)]
    )
    mask = np.zeros((size, size), bool)
    if seen.mask is not None:
        grey = np.repeat(seen.mask[..., None].astype(np.uint8) * 255, 3, 2)
        mask = square_crop(grey, middle, side, size).pixels[..., 0] > 127
    return crop.pixels, mask, points, lens


def join_samples(parts: Sequence[AnimalSamples]) -> AnimalSamples:
    """All of `parts`, one after the other; all or none of them with their truth."""

    def whole(things: Sequence[AnimalSamples] | Sequence[Truth]) -> dict[str, Tensor]:
        names = [name for name in vars(things[0]) if name != "truth"]
        return {name: torch.cat([getattr(thing, name) for thing in things]) for name in names}

    truths = [part.truth for part in parts if part.truth is not None]
    return AnimalSamples(**whole(parts), truth=Truth(**whole(truths)) if truths else None)


def read_samples(path: str | os.PathLike) -> AnimalSamples:
    """Samples with truth of an npz that `write_samples` wrote."""
    with np.load(path) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    truth = {name[6:]: arrays.pop(name) for name in list(arrays) if name.startswith("truth_")}
    return AnimalSamples(**arrays, truth=Truth(**truth) if truth else None)


def write_samples(path: str | os.PathLike, samples: AnimalSamples) -> None:
    """Write `samples` as an npz."""
    arrays = {f.name: getattr(samples, f.name) for f in fields(samples) if f.name != "truth"}
    if samples.truth is not None:
        truth = samples.truth
        arrays |= {f"truth_{f.name}": getattr(truth, f.name) for f in fields(truth)}
    np.savez(path, **{name: tensor.numpy() for name, tensor in arrays.items()})


def shrink_masks(masks: Tensor, size: int) -> Tensor:
    """(N, size, size) coverage 0..1 of masks (N, S, S) bool."""
    small = [
        cv2.resize(m.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        for m in masks.numpy()
    ]
    return torch.from_numpy(np.stack(small))
