"""How far joints usually turn, and where the shape usually lies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ...bodies.animal_priors import GaussianPrior
from ...formats.animal_file import AnimalData
from ...formats.errors import InputError

# Radians about x (roll), y (what bends a leg) and z (sideways), by the starts of joint names.
_TURNS = (
    (("LLeg1", "RLeg1", "LLegBack1", "RLegBack1"), (0.15, 0.45, 0.12)),
    (("LLeg", "RLeg"), (0.05, 0.5, 0.05)),
    (("LFoot", "RFoot"), (0.06, 0.45, 0.06)),
    (("root", "pelvis", "spine"), (0.08, 0.12, 0.12)),
    (("Neck", "Head"), (0.25, 0.4, 0.35)),
    (("Tail",), (0.1, 0.3, 0.25)),
    (("Mouth",), (0.02, 0.15, 0.02)),
    (("LEar", "REar"), (0.25, 0.25, 0.25)),
)
_ANY = (0.35, 0.35, 0.35)  # joints of other bodies
_LIMB = 0.15  # usual deviation of the logs of limb scales


def turn_deviations(data: AnimalData) -> np.ndarray:
    """(J, 3) radians that joints usually turn from rest about x, y, z."""
    table = np.tile(np.array(_ANY, np.float32), (len(data.parents), 1))
    if data.kind == "rig":  # its bones have other axes and names
        return table
    for row, name in enumerate(data.joint_names):
        for starts, turns in _TURNS:
            if name.startswith(starts):
                table[row] = turns
                break
    return table


class Priors:
    """Energies of shapes and poses: half the squares of deviations, in their usual sizes.

    Raises InputError for a pose prior of another skeleton.
    """

    def __init__(
        self, data: AnimalData, family: str, pose: GaussianPrior | None, device: torch.device
    ) -> None:
        family_betas, size = np.zeros(data.shapedirs.shape[-1], np.float32), 1.0
        if family:
            family_betas = data.family_betas[data.families.index(family)]
            lengths = [np.ptp(v[:, 0]) for v in (data.v_template, _shaped(data, family_betas))]
            size = float(lengths[1] / lengths[0])  # the space is linear: small animals vary less
        self.mean = torch.as_tensor(family_betas, device=device)
        self.std = torch.as_tensor(data.shape_std * size, device=device)
        self.turns = torch.as_tensor(turn_deviations(data), device=device)
        self.gauss = None
        if pose is not None:
            joints = len(data.parents)
            if pose.mean.size not in (3 * joints, 3 * joints - 3):
                raise InputError(
                    f"The pose prior is over {pose.mean.size} numbers, but {data.name} has "
                    f"{joints} joints.",
                    "Give the prior that belongs to this animal's skeleton.",
                )
            parts = (pose.mean, pose.factor)
            self.gauss = [torch.as_tensor(part).float().to(device) for part in parts]

    def betas(self, latent: Tensor) -> Tensor:
        """(1, B) of the shape's deviations (B,) from the family, in its usual sizes."""
        return (self.mean + self.std * latent)[None]

    def shape(self, latent: Tensor, limbs: Tensor) -> Tensor:
        """Energy of the shape's deviations (B,) and the logs of limb scales (L,)."""
        return 0.5 * (latent.square().sum() + (limbs / _LIMB).square().sum())

    def pose(self, angles: Tensor) -> Tensor:
        """(T,) energy of joint angles (T, J - 1, 3); the root is free."""
        if self.gauss is None:
            return 0.5 * (angles / self.turns[1:]).square().sum((1, 2))
        mean, factor = self.gauss
        root = len(mean) - angles[0].numel()  # 3 where the prior knows the root, which is free
        residual = (pad(angles.flatten(1), (root, 0)) - mean) @ factor
        return 0.5 * residual[:, root:].square().sum(1)


def _shaped(data: AnimalData, betas: np.ndarray) -> np.ndarray:
    return data.v_template + data.shapedirs @ betas
