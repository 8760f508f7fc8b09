"""Crops turned, scaled, moved, mirrored, recoloured and partly hidden, and what is known with them.

A turn of the crop is a roll of the camera, and a mirrored crop shows an animal whose left and right
have changed places: what is known of the animal stays exactly right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from ...bodies.animal_posing import AnimalPosing
from ...formats.animal_file import AnimalData
from ...geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from .few_vertices import few_vertices
from .samples import MARGIN, STORED_MARGIN, AnimalSamples, Truth
from .twins import mirror, twin_joints, twin_keypoints

_PICTURE_MIRROR = (-1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Augmentation:
    """How far crops are changed at random."""

    turn: float = 0.15  # rad, usual
    scale: float = 0.12  # of the logarithm, usual
    shift: float = 0.06  # of the crop's side, usual
    colour: float = 0.25  # of each channel's gain, at most
    light: float = 0.2  # of the whole, at most
    noise: float = 0.03  # of the levels
    hidden: float = 0.3  # share of the crops with a part of them hidden
    mirrored: float = 0.5  # share of the crops that are mirrored


NONE = Augmentation(turn=0, scale=0, shift=0, colour=0, light=0, noise=0, hidden=0, mirrored=0)


class Augmenter:
    """Draws changes and makes them; `data` is the animal in the samples."""

    def __init__(self, data: AnimalData, options: Augmentation) -> None:
        self.options = options
        self.posing = AnimalPosing(few_vertices(data))
        self.joints = torch.as_tensor(twin_joints(data))
        self.points = torch.as_tensor(twin_keypoints(data))

    def __call__(
        self, samples: AnimalSamples, size: int, random: torch.Generator
    ) -> tuple[Tensor, AnimalSamples]:
        """Pictures (N, 3, size, size), levels 0..1, and what is known of them, without pixels.

        The samples were gathered with STORED_MARGIN; all on the CPU. Masks become coverages, 0 or
        1, of size x size.
        """
        count = len(samples)
        which = torch.rand(count, generator=random) < self.options.mirrored
        samples = self._mirrored(samples, which)
        pick = torch.randn(count, 4, generator=random)
        turn = pick[:, 0] * self.options.turn
        usual = size / samples.pixels.shape[1] * STORED_MARGIN / MARGIN
        zoom = (pick[:, 1] * self.options.scale).exp() * usual
        shift = pick[:, 2:] * self.options.shift * size
        pictures, masks = _warped(samples, turn, zoom, shift, size)
        cosine, sine = turn.cos(), turn.sin()
        roll = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)
        old = samples.pixels.shape[1] / 2
        moved = zoom[:, None, None] * roll

        def there(points: Tensor) -> Tensor:
            return (points - old) @ moved.mT + size / 2 + shift[:, None]

        points = torch.cat([there(samples.keypoints[..., :2]), samples.keypoints[..., 2:]], 2)
        centre = there(samples.lens[:, None, 2:])[:, 0]
        lens = torch.cat([samples.lens[:, :2] * zoom[:, None], centre], 1)
        truth = samples.truth and self._rolled(samples.truth, roll)
        known = replace(samples, masks=masks, keypoints=points, lens=lens, truth=truth)
        return self._recoloured(pictures, random), known

    def _mirrored(self, samples: AnimalSamples, which: Tensor) -> AnimalSamples:
        """The samples with those of `which` (N,) as seen in a mirror."""
        side = samples.pixels.shape[1]
        points = samples.keypoints[:, self.points].clone()
        points[..., 0] = side - points[..., 0]
        lens = samples.lens.clone()
        lens[:, 2] = side - lens[:, 2]
        truth = samples.truth
        if truth is not None:
            root = self.posing.rest(truth.betas, truth.limb_logscale).joints[:, 0]
            turned = axis_angle_to_matrix(truth.pose[:, 0])
            flip = torch.tensor(_PICTURE_MIRROR)
            pose, turned = mirror(truth.pose, turned, self.joints, flip)
            pose = torch.cat([matrix_to_axis_angle(turned)[:, None], pose[:, 1:]], 1)
            mirrored = replace(truth, pose=pose, transl=flip * (root + truth.transl) - root)
            pairs = zip(vars(mirrored).values(), vars(truth).values(), strict=True)
            truth = Truth(*(_where(which, *pair) for pair in pairs))
        return replace(
            samples,
            pixels=_where(which, samples.pixels.flip(2), samples.pixels),
            masks=_where(which, samples.masks.flip(2), samples.masks),
            keypoints=_where(which, points, samples.keypoints),
            lens=_where(which, lens, samples.lens),
            truth=truth,
        )

    def _rolled(self, truth: Truth, roll: Tensor) -> Truth:
        """The camera rolled: it turns everything about its axis."""
        turn = torch.eye(3).repeat(len(roll), 1, 1)
        turn[:, :2, :2] = roll
        root = self.posing.rest(truth.betas, truth.limb_logscale).joints[:, 0]
        place = (turn @ (root + truth.transl)[..., None])[..., 0]
        first = matrix_to_axis_angle(turn @ axis_angle_to_matrix(truth.pose[:, 0]))
        pose = torch.cat([first[:, None], truth.pose[:, 1:]], 1)
        return replace(truth, pose=pose, transl=place - root)

    def _recoloured(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        options, count, size = self.options, len(pictures), pictures.shape[-1]
        pick = torch.rand(count, 8, generator=random)
        gain = 1 + options.colour * (2 * pick[:, :3, None, None] - 1)
        light = 1 + options.light * (2 * pick[:, 3, None, None, None] - 1)
        noise = (
            torch.randn(pictures.shape, generator=random) * options.noise * pick[:, 4:5, None, None]
        )
        pictures = (pictures * gain * light + noise).clamp(0, 1)
        for row in (pick[:, 5] < options.hidden).nonzero()[:, 0].tolist():
            width = int(size * (0.1 + 0.25 * float(pick[row, 6])))
            left, top = (torch.rand(2, generator=random) * (size - width)).int().tolist()
            hole = pictures[row, :, top : top + width, left : left + width]
            hole[:] = torch.rand(3, 1, 1, generator=random) * (1 - 0.2 * float(pick[row, 7]))
        return pictures


def _warped(
    samples: AnimalSamples, turn: Tensor, zoom: Tensor, shift: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, size, size) 0..1 and masks (N, size, size) after the similarity."""
    side = samples.pixels.shape[1]
    cosine, sine = turn.cos() / zoom, turn.sin() / zoom  # the way back
    back = torch.stack([torch.stack([cosine, sine], 1), torch.stack([-sine, cosine], 1)], 1)
    back = back * size / side  # in grid_sample's units: half crops of the one and the other
    offset = back @ (-shift / (size / 2))[..., None]
    grid = functional.affine_grid(
        torch.cat([back, offset], 2), [len(turn), 3, size, size], align_corners=False
    )
    levels = samples.pixels.permute(0, 3, 1, 2).float() / 255
    masks = samples.masks[:, None].float()
    both = torch.cat([levels, masks], 1)
    seen = functional.grid_sample(both, grid, padding_mode="border", align_corners=False)
    return seen[:, :3], (seen[:, 3] > 0.5).float()


def _where(which: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(which.view(-1, *[1] * (one.ndim - 1)), one, other)
