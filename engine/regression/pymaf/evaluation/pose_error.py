"""3DPW's scores: how far joints and vertices lie from those of annotated poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ....bodies.model import Body
from ....formats.body_file import BodyData
from ....formats.errors import InputError
from ....geometry.rotations import axis_angle_to_matrix
from ..body_joints import BodyJoints
from ..estimate import BETAS, JOINTS, Estimate
from ..joints import OPENPOSE, joints_14
from ..metrics import aligned, joint_error

# Posed vertices (N, V, 3) and joints (N, 24, 3) to the 14 joints (N, 14, 3), from the pelvis.
Joints14 = Callable[[Tensor, Tensor], Tensor]
_COUNT, _PELVIS = 14, 14  # of the annotated joints, see joints.py
_MM = 1000.0


@dataclass
class PoseErrors:
    """Of N people, in millimetres."""

    mpjpe: Tensor  # (N,) mean distance of the 14 joints, pelvis on pelvis
    pa_mpjpe: Tensor  # (N,) the same once position, turn and size do not count
    pve: Tensor  # (N,) mean distance of all vertices, the bodies at their own origins
    joints: Tensor  # (N, 14, 3) what was found, metres from the pelvis

    @staticmethod
    def join(parts: list[PoseErrors]) -> PoseErrors:
        """One after the other."""
        names = ("mpjpe", "pa_mpjpe", "pve", "joints")
        return PoseErrors(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def means(self) -> dict[str, float | None]:
        """The published figures, mm."""
        figures = {"MPJPE": self.mpjpe, "PA-MPJPE": self.pa_mpjpe, "PVE": self.pve}
        return {name: float(values.mean()) for name, values in figures.items()}


class PoseScorer:
    """Compares estimates of the body `found` with annotated poses of other or the same bodies.

    `truth`: the body of each gender's poses, 0 male, 1 female, -1 unknown. Raises InputError where
    these are not of the same mesh and 24 joints.
    """

    def __init__(
        self, found: BodyData, truth: Mapping[int, BodyData], joints: Joints14, device: str = "cpu"
    ) -> None:
        for data in (found, *truth.values()):
            _check_twin(data, found)
        self.found = Body(found).to(device)
        # One body is posed once, whoever it stands for.
        made = {id(found): self.found}
        self.truth = {
            kind: made[id(data)] if id(data) in made else Body(data).to(device)
            for kind, data in truth.items()
        }
        self.joints = joints

    @torch.inference_mode()
    def errors(
        self, estimate: Estimate, pose: Tensor, betas: Tensor, gender: np.ndarray
    ) -> PoseErrors:
        """Of N estimates; true poses (N, 72), axis-angle, radians, betas (N, 10), genders (N,)."""
        device = self.found.rest.device
        turns, shapes = estimate.rotations.to(device), estimate.betas.to(device)
        vertices, joints = self.found.turned(shapes, turns)
        true_vertices, true_joints = torch.empty_like(vertices), torch.empty_like(joints)
        turned = axis_angle_to_matrix(pose.to(device).unflatten(1, (JOINTS, 3)))
        for kind in {*gender.tolist()}:
            rows = torch.from_numpy(gender == kind).to(device)
            true_vertices[rows], true_joints[rows] = self.truth[kind].turned(
                betas.to(device)[rows], turned[rows]
            )
        seen, known = self.joints(vertices, joints), self.joints(true_vertices, true_joints)
        return PoseErrors(
            _MM * joint_error(seen, known).cpu(),
            _MM * joint_error(aligned(seen, known), known).cpu(),
            _MM * joint_error(vertices, true_vertices).cpu(),
            seen.cpu(),
        )


def h36m_joints(regressor: Tensor) -> Joints14:
    """The 14 of publications, by Human3.6M's regressor (17, 6890) of SMPL's vertices."""
    return lambda vertices, _: joints_14(vertices, regressor.to(vertices))


def own_joints(data: BodyData) -> Joints14:
    """The same 14 by a body's own landmarks. Raises InputError for a body that lacks them."""
    measured = BodyJoints(data)

    def joints(vertices: Tensor, places: Tensor) -> Tensor:
        found = measured.to(vertices.device)(vertices[:, measured.rows], places)[:, OPENPOSE:]
        return found[:, :_COUNT] - found[:, _PELVIS, None]

    return joints


def _check_twin(data: BodyData, found: BodyData) -> None:
    same = len(data.v_template) == len(found.v_template)
    if not same or len(data.parents) != JOINTS or data.shapedirs.shape[-1] < BETAS:
        raise InputError(
            f"{data.name} has {len(data.v_template)} vertices and {len(data.parents)} joints; "
            f"it cannot be compared with {found.name} of {len(found.v_template)} and {JOINTS}.",
            "Give the male and female file of the same SMPL.",
        )
