"""An avatar of SCANimate's networks: of official checkpoints, or trained here by the paper."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...bodies.smpl24 import smpl24_body
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ..surface import Surface
from .body import CanonicalBody
from .checkpoints import Networks, build_networks, load_networks
from .networks import Conditions
from .pose_map import pose_feature
from .skinning import pose_points

_ANGLE = "vitruvian_angle"
_OUTSIDE = 0.01  # share of the body's vertices that may lie outside the networks' box


class OfficialSurface(Surface):
    """Networks and the body without clothes that they were trained on, reduced to 24 joints."""

    box_min: Tensor
    box_max: Tensor

    def __init__(self, nets: Networks, body: BodyData) -> None:
        super().__init__()
        if nets.igr_net is None or nets.lat_vecs_igr is None:
            raise ValueError("an avatar needs a signed distance and the code of its subject")
        self.nets, self.body = nets, CanonicalBody(smpl24_body(body), nets.spread)
        self.joints = len(self.body.joints)
        self.has_color = nets.texture_net is not None
        self.register_buffer("box_min", nets.igr_net.bbox_min.clone(), persistent=False)
        self.register_buffer("box_max", nets.igr_net.bbox_max.clone(), persistent=False)

    @classmethod
    def from_files(cls, paths: list[str | os.PathLike], body: BodyData) -> OfficialSurface:
        """Of checkpoint files that the original wrote; `body` is the subject's minimal body.

        Raises InputError for files that hold no avatar and for a body that is not the subject's.
        """
        nets = load_networks(*paths, need=("fwd_skin_net", "igr_net", "lat_vecs_igr"))
        if nets.fwd_skin_net.joints != 24:
            raise InputError(
                f"{paths[0]}: its skeleton has {nets.fwd_skin_net.joints} joints, not SMPL's 24.",
                "Give a checkpoint that was trained on SMPL.",
            )
        surface = cls(nets, body)
        vertices = surface.body.vertices
        outside = ((vertices < surface.box_min) | (vertices > surface.box_max)).any(-1)
        if outside.float().mean() > _OUTSIDE:
            raise InputError(
                f"{paths[0]}: the minimal body does not fit into the box of this checkpoint.",
                "Give the minimal body of the person that it was trained on, in metres.",
            )
        return surface.eval().requires_grad_(False)

    def tensors(self) -> dict[str, Tensor]:
        """All that is to be kept besides the body, for one safetensors file."""
        found = {name: value.contiguous() for name, value in self.nets.state_dict().items()}
        return {**found, _ANGLE: torch.tensor([self.nets.spread])}

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], body: BodyData, path: str | os.PathLike = ""
    ) -> OfficialSurface:
        """What `tensors` gave, and the body; InputError, naming `path`, for other tensors."""
        path = Path(path)
        parts: dict[str, tuple[Path, dict[str, Tensor]]] = {}
        for name, value in tensors.items():
            if name == _ANGLE:
                continue
            part, _, key = name.partition(".")
            parts.setdefault(part, (path, {}))[1][key or "weight"] = value
        if not {"fwd_skin_net", "igr_net", "lat_vecs_igr"} <= parts.keys():
            raise InputError(f"{path}: it holds no avatar of SCANimate.", "Train it again.")
        nets = build_networks(parts)
        if _ANGLE in tensors:
            nets.spread = float(tensors[_ANGLE])
        return cls(nets, body).eval().requires_grad_(False)

    def pose_code(self, pose: Tensor) -> Tensor:
        """Quaternions (J - 1, 4) of the joints after the root."""
        return pose_feature(pose)

    def weights(self, points: Tensor) -> Tensor:
        """The forward skinning network."""
        return self.nets.fwd_skin_net(points)

    def distance(self, points: Tensor, code: Tensor) -> Tensor:
        """The signed distance network; the pose as seen by a point does not add to its slope."""
        return self._answer(points, code)[0]

    def color(self, points: Tensor, code: Tensor) -> Tensor:
        """The texture network, cut to 0..1; grey without one."""
        if self.nets.texture_net is None:
            return torch.full_like(points, 0.5)
        _, hidden, x = self._answer(points, code)
        return self.nets.texture_net(x, hidden).clamp(0, 1)

    def skin(self, points: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
        """Linear blend skinning with the bones that lead from canonical space."""
        return pose_points(points, weights, self.body.bones(pose))

    def _answer(self, points: Tensor, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        assert self.nets.igr_net is not None and self.nets.lat_vecs_igr is not None
        with torch.no_grad():
            weights = self.nets.fwd_skin_net(points)
        return self.nets.igr_net(points, weights, Conditions(self.nets.lat_vecs_igr[0], code))
