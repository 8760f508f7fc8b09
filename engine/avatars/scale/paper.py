"""Surface elements of the paper: patches of points around the bare body, for any pose of it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...geometry.rotations import axis_angle_to_matrix
from ..canonical_mesh import CanonicalMesh
from ..clothes import MovingMesh
from ..scanimate.body import CanonicalBody
from ..scans import Scans
from .checkpoints import load_scale
from .config import ScaleConfig
from .data import at_pelvis
from .elements import Elements, Places
from .frames import local_frames, to_global
from .losses import Prediction
from .networks import ScaleNetwork, latent_code, pq_grid, uv_grid
from .paper_mesh import CarriedMesh
from .position_map import position_map

_NETWORK = "network."
_CELLS = 3  # a side, in which the area of an element is measured
_PAINTERS = 12  # scans that give colours, at most


class PaperElements(Elements):
    """The networks, the outfit's code and the body without clothes (J joints, V vertices).

    Each of E valid pixels of the body's UV map is an element. With a `query_size` there are more of
    them than the network's map has pixels: features are interpolated between these (as in POP, Ma
    et al. 2021), so that one point of each covers the body evenly.
    """

    uv: Tensor  # (E, 2)
    colors: Tensor | None  # (E, G, G, 3) uint8, of the cells of each element

    def __init__(
        self,
        network: ScaleNetwork,
        body: BodyData,
        query_size: int | None = None,
        mask: np.ndarray | None = None,
    ) -> None:
        """`mask` (R * R,) bool: the pixels that are patches, where not all of the body's are.

        Raises InputError for a body without UVs and a mask that is not of it.
        """
        super().__init__()
        self.network, self.code = network, latent_code(network.config)
        self.body = CanonicalBody(body)
        self.map = position_map(body, network.config.img_size)
        query = position_map(body, query_size) if query_size else self.map
        self.query = query if mask is None else query.restrict(mask)
        self.patch = torch.arange(len(self.query.valid))
        uv = uv_grid(self.query.size)[self.query.valid]
        self.register_buffer("uv", uv, persistent=False)
        self.register_buffer("colors", None, persistent=False)

    @classmethod
    def untrained(
        cls, body: BodyData, config: ScaleConfig, query_size: int | None = None, seed: int = 0
    ) -> PaperElements:
        """With networks as they are before any training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(ScaleNetwork(config), body, query_size)

    @classmethod
    def from_files(
        cls,
        model: str | os.PathLike,
        latent: str | os.PathLike,
        body: BodyData,
        config: ScaleConfig | None = None,
        mask: np.ndarray | None = None,
    ) -> PaperElements:
        """Of the two checkpoint files of the original; `body` is the subject's minimal body.

        Raises InputError as `load_scale` does.
        """
        network, code = load_scale(model, latent, config)
        elements = cls(network, body, mask=mask)
        elements.code.load_state_dict({"weight": code})
        return elements.eval().requires_grad_(False)

    def grid(self, count: int | None = None) -> Places:
        """The same `count` places on every element, a square number; None: those of training."""
        config = self.network.config
        pq = pq_grid(replace(config, npoints=count or config.npoints)).to(self.uv)
        return Places(self.patch.repeat_interleave(len(pq)), pq.repeat(len(self.patch), 1))

    @torch.no_grad()
    def posed(self, pose: Tensor, known: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """The network sees the body in `known`; its residuals go onto the body in `pose`."""
        element = places.element
        features = self._features(at_pelvis(self.body, known)[None])[0, element]
        frames, base = (x[0, element] for x in self._on_body(at_pelvis(self.body, pose)[None]))
        found = self.network.decode_points(features, self.uv[element], places.pq)
        residual, normal = to_global(frames[None], *(x[None, :, None] for x in found))
        turn = axis_angle_to_matrix(pose[0]).T
        return (base + residual[0, :, 0]) @ turn + self.body.joints[0], normal[0, :, 0] @ turn

    def areas(self, pose: Tensor) -> Tensor:
        """Of some cells on each."""
        line = torch.linspace(0, 1, _CELLS + 1)
        pq = torch.cartesian_prod(line, line).repeat(len(self.patch), 1)
        element = self.patch.repeat_interleave((_CELLS + 1) ** 2)
        points, _ = self.posed(pose, pose, Places(element, pq))
        corners = points.view(-1, _CELLS + 1, _CELLS + 1, 3)
        across = corners[:, 1:, 1:] - corners[:, :-1, :-1]
        other = corners[:, 1:, :-1] - corners[:, :-1, 1:]
        return torch.linalg.cross(across, other).norm(dim=-1).sum((1, 2)) / 2

    def color(self, places: Places) -> Tensor:
        """Of the cells."""
        if self.colors is None:
            return torch.full((len(places.element), 3), 0.5)
        side = self.colors.shape[1]
        p, q = (places.pq * side).long().clamp(0, side - 1).unbind(1)
        return self.colors[places.element, p, q] / 255

    def paint(self, scans: Scans) -> None:
        """Give each cell the colour that most scans have where the cell lies in their pose."""
        side = math.isqrt(self.network.config.npoints)
        line = (torch.arange(side) + 0.5) / side
        pq = torch.cartesian_prod(line, line).repeat(len(self.patch), 1)
        places = Places(self.patch.repeat_interleave(side**2), pq)
        found = []
        for row in range(0, len(scans.names), -(-len(scans.names) // _PAINTERS)):
            colors = scans.meshes[row].colors
            if colors is None:
                continue
            pose = torch.as_tensor(scans.poses[row], dtype=torch.float32)
            points, _ = self.posed(pose, pose, places)
            found.append(colors[cKDTree(scans.centred(row)).query(points.numpy())[1]])
        if found:
            middle = torch.from_numpy(np.median(found, axis=0).astype(np.uint8))
            self.colors = middle.view(len(self.patch), side, side, 3)

    def skin_weights(self) -> Tensor:
        """Of the bare body where each element sits, (E, J)."""
        return self.query.points(self.body.weights)[self.query.valid]

    def moving(self, mesh: CanonicalMesh) -> MovingMesh:
        """Carried by the elements near it."""
        return CarriedMesh(self, mesh)

    def forward(self, vertices: Tensor, pq: Tensor | None = None) -> Prediction:
        """The points of bodies (B, V, 3) whose pelvis lies at the origin, as they are trained.

        `pq` (N, 2): places on every element; None: the original's grid. Valid pixels alone are
        computed; in the original the background counts too, in the normalisation of a batch and
        among the residuals.
        """
        features = self._features(vertices)
        frames, base = self._on_body(vertices)
        uv = self.uv.repeat(len(vertices), 1)
        pq = pq_grid(self.network.config) if pq is None else pq
        found = self.network.decode(features.flatten(0, 1), uv, pq.to(uv))
        residual, normal = to_global(frames, *(x.unflatten(0, base.shape[:2]) for x in found))
        points = (base[:, :, None] + residual).flatten(1, 2)
        code = self._code().expand(len(vertices), -1)
        return Prediction(points, normal.flatten(1, 2), residual, code)

    def _features(self, vertices: Tensor) -> Tensor:
        """What the U-Net makes of the body, (B, E, C)."""
        size = self.map.size
        posmap = self.map.points(vertices).transpose(1, 2).unflatten(2, (size, size))
        features = self.network.features(posmap, self._code())
        if self.query.size != size:
            features = functional.interpolate(
                features, size=self.query.size, mode="bilinear", align_corners=False
            )
        return features.flatten(2)[..., self.query.valid].transpose(1, 2)

    def _on_body(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Axes (B, E, 3, 3) and places (B, E, 3) of the elements on the bare body."""
        valid = self.query.valid
        frames = local_frames(vertices, self.query.corners)
        return frames[:, valid], self.query.points(vertices)[:, valid]

    def _code(self) -> Tensor:
        """(1, Z)."""
        return self.code(torch.zeros(1, dtype=torch.long, device=self.uv.device))

    def tensors(self) -> dict[str, Tensor]:
        """All that is to be kept besides configuration and body, for one safetensors file."""
        found = {_NETWORK + name: x.contiguous() for name, x in self.network.state_dict().items()}
        mask = torch.zeros(self.query.size**2, dtype=torch.bool)
        mask[self.query.valid] = True
        found |= {"code": self.code.weight.detach(), "elements": mask}
        return found if self.colors is None else found | {"colors": self.colors}

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        config: ScaleConfig,
        body: BodyData,
        path: str | os.PathLike = "",
    ) -> PaperElements:
        """What `tensors` gave; InputError, naming `path`, for those of other networks."""
        state = {k.removeprefix(_NETWORK): x for k, x in tensors.items() if k.startswith(_NETWORK)}
        try:
            mask = tensors["elements"].numpy()
            elements = cls(ScaleNetwork(config), body, round(len(mask) ** 0.5), mask)
            elements.network.load_state_dict(state)
            elements.code.load_state_dict({"weight": tensors["code"]})
            elements.colors = tensors.get("colors")
        except (KeyError, RuntimeError) as error:
            raise InputError(
                f"{path}: it does not hold the networks that avatar.json tells of.",
                "Copy the whole avatar folder again, or train it again.",
            ) from error
        return elements.eval().requires_grad_(False)
