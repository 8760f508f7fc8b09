"""The avatar of the quick preset."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ..offsets import Offsets
from ..rest_skinning import skin
from ..scanimate.body import CanonicalBody
from ..surface import Surface
from ..weight_field import WeightField
from .colors import ColorCloud
from .influence import Influence, influence_of, pose_code
from .network import NetworkConfig, QuickNetwork, grid_size
from .profile import RayOffsets
from .samples import Samples

SPREAD = 20.0  # degrees of each leg outward: trousers come apart, a skirt still hangs
_BODY_VOXEL = 0.02  # m
_NET = "network."


class QuickSurface(Surface):
    """A quick network around a body (J joints), its colours, and the diffused weights."""

    def __init__(
        self,
        body: CanonicalBody,
        network: QuickNetwork,
        colors: ColorCloud | None,
        hanging: float,
    ) -> None:
        super().__init__()
        self.hanging = hanging
        self.body, self.network, self.colors = body, network, colors
        self.has_color = colors is not None
        self.register_buffer("box_min", network.low.clone(), persistent=False)
        self.register_buffer("box_max", network.high.clone(), persistent=False)

    @cached_property
    def field(self) -> WeightField:
        """The weights; they follow from the body and take some seconds."""
        return weight_field(self.body, self.hanging)

    @cached_property
    def influence(self) -> Influence:
        """Of the joints on places."""
        return Influence(self.body.data, self.field)

    def pose_code(self, pose: Tensor) -> Tensor:
        """(J, 4): the root's tilt and the other joints' quaternions."""
        return pose_code(pose)

    def weights(self, points: Tensor) -> Tensor:
        """Of the diffused field."""
        return torch.from_numpy(self.field(points.cpu().numpy())).to(points)

    def distance(self, points: Tensor, code: Tensor) -> Tensor:
        """Of the network."""
        influence = self.influence(points.cpu().numpy()).to(points)
        return self.network(points, influence, code)

    def color(self, points: Tensor, code: Tensor) -> Tensor:
        """Of the scans' colours around the points, in whatever pose; grey without any."""
        if self.colors is None:
            return torch.full_like(points, 0.5)
        return torch.from_numpy(self.colors(points.cpu().numpy())).to(points)

    def skin(self, points: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
        """By way of the T-pose."""
        return skin(self.body, points, weights, pose)

    def offsets(self, vertices: Tensor, normals: Tensor, weights: Tensor) -> Offsets:
        """From shapes sampled once along the normals: a frame then costs next to nothing."""
        influence = influence_of(self.body.data, weights.numpy())
        return RayOffsets(self.network, vertices, normals, influence)

    def tensors(self) -> dict[str, Tensor]:
        """All that is to be kept besides the body."""
        found = {_NET + name: value for name, value in self.network.state_dict().items()}
        if self.colors is not None:
            found["colors.points"] = self.colors.points
            found["colors.values"] = (self.colors.colors * 255).round().byte()
        return found

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        config: NetworkConfig,
        spread: float,
        hanging: float,
        data: BodyData,
        path: str | os.PathLike = "",
    ) -> QuickSurface:
        """What `tensors` gave; InputError, naming `path`, for those of another network."""
        body = CanonicalBody(data, spread)
        state = {k.removeprefix(_NET): v for k, v in tensors.items() if k.startswith(_NET)}
        try:
            if state["middle"].shape != (len(data.parents), 4):
                raise RuntimeError("it is of another skeleton")
            low, high = state["low"].numpy(), state["high"].numpy()
            network = QuickNetwork(config, low, high, state["body_distance"], state["middle"])
            network.load_state_dict(state)
        except (KeyError, RuntimeError) as error:
            raise InputError(
                f"{path}: it does not hold the network that avatar.json tells of.",
                "Copy the whole avatar folder again, or train it again.",
            ) from error
        colors = None
        if "colors.points" in tensors:
            values = tensors["colors.values"].float() / 255
            colors = ColorCloud(tensors["colors.points"], values)
        return cls(body, network, colors, hanging).eval().requires_grad_(False)


def weight_field(body: CanonicalBody, hanging: float) -> WeightField:
    """The diffused weights around a canonical body."""
    low, high = (corner.double().numpy() for corner in body.box)
    return WeightField(body.data, body.vertices.double().numpy(), low, high, hanging)


def new_network(
    config: NetworkConfig, body: CanonicalBody, samples: Samples, seed: int
) -> QuickNetwork:
    """An untrained network around all that the scans show, in the middle of their poses."""
    low, high = samples.box
    nodes = grid_size(low, high, _BODY_VOXEL)
    axes = [np.linspace(low[k], high[k], nodes[k]) for k in range(3)]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    distance = body_distance(body, places.reshape(-1, 3)).reshape(nodes)
    grid = torch.from_numpy(distance.transpose(2, 1, 0).astype(np.float32))[None, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return QuickNetwork(config, low, high, grid, samples.middle)


def body_distance(body: CanonicalBody, points: np.ndarray) -> np.ndarray:
    """Signed distance (N,), metres, of points (N, 3) from the bare canonical body, about right."""
    vertices, normals = body.vertices.double().numpy(), body.normals.double().numpy()
    distance, near = cKDTree(vertices).query(points, k=8)
    along = ((points[:, None] - vertices[near]) * normals[near]).sum(2)
    share = 1 / (distance + 1e-4) ** 2
    plane = (along * share).sum(1) / share.sum(1)
    return np.where(distance[:, 0] < 0.01, plane, np.sign(plane) * distance[:, 0])
