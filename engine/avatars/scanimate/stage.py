"""What the stages of the paper's training share: networks, the body, the frames learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from ...training.module import StepModule
from .body import CanonicalBody
from .checkpoints import Networks
from .config import PaperConfig
from .data import Frame
from .networks import Conditions, SdfNet, SkinNet, TextureNet
from .pose_map import build_pose_map, pose_feature
from .skinning import unpose


@dataclass
class Setting:
    """What all stages work on. `config` is the one that the networks were made by."""

    nets: Networks
    body: CanonicalBody
    frames: list[Frame]
    config: PaperConfig
    seed: int = 0


class PaperStage(StepModule):
    """What the stages share: networks, the body, the frames that are learnt from."""

    bones: Tensor  # (S, J, 4, 4)
    poses: Tensor  # (S, J, 3)
    boxes: Tensor  # (S, 2, 3)

    def __init__(self, setting: Setting, steps: int) -> None:
        super().__init__(setting.seed)
        self.nets, self.body = setting.nets, setting.body
        self.frames, self.config = setting.frames, setting.config
        self.steps = steps
        poses = torch.stack([frame.pose for frame in self.frames])
        boxes = torch.stack([torch.stack(frame.box) for frame in self.frames])
        bones = self.body.bones(poses)
        for name, value in (("poses", poses), ("bones", bones), ("boxes", boxes)):
            self.register_buffer(name, value, persistent=False)

    @property
    def fwd(self) -> SkinNet:
        """The skinning network of canonical space."""
        return self.nets.fwd_skin_net

    @property
    def inv(self) -> SkinNet:
        """The skinning network of posed space."""
        assert self.nets.inv_skin_net is not None
        return self.nets.inv_skin_net

    @property
    def sdf(self) -> SdfNet:
        """The signed distance."""
        assert self.nets.igr_net is not None
        return self.nets.igr_net

    @property
    def subject(self) -> Parameter:
        """The code (1, Z) of the subject."""
        assert self.nets.lat_vecs_igr is not None
        return self.nets.lat_vecs_igr

    @property
    def all_codes(self) -> Parameter:
        """The codes (S, Z) of the frames."""
        assert self.nets.lat_vecs_inv_skin is not None
        return self.nets.lat_vecs_inv_skin

    def codes(self, rows: Sequence[int]) -> Tensor:
        """The codes (B, Z) of frames `rows`."""
        return self.all_codes[list(rows)]

    def box_of(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The boxes of frames `rows`, each (B, 3)."""
        return self.boxes[list(rows), 0], self.boxes[list(rows), 1]

    @torch.no_grad()
    def to_canonical(
        self, rows: Sequence[int], points: Tensor, normals: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Points (B, N, 3) and normals of frames `rows` in canonical space."""
        weights = self.inv(points, self.codes(rows), self.box_of(rows))
        return unpose(points, weights, self.bones[list(rows)], normals)

    def conditions(self, rows: Sequence[int]) -> Conditions:
        """The code of the subject and the poses of frames `rows`."""
        return Conditions(self.subject[0], pose_feature(self.poses[list(rows)]))


def new_networks(body: CanonicalBody, frames: int, config: PaperConfig, seed: int) -> Networks:
    """Networks as they are before any training."""
    model, joints = config.model, len(body.joints)
    codes = model.inv_skin_net.g_dim

    def skin_net(section, code: int) -> SkinNet:
        return SkinNet(body.box, joints, code, section.mlp.ch_dim[1:-1], section.mlp.res_layers)

    parents = body.chain.parents
    pose_map = build_pose_map(
        parents, model.posemap_type, model.n_traverse, model.normalize_posemap
    )
    mlp = model.igr_net.mlp
    with _seeded(seed):
        return Networks(
            skin_net(model.fwd_skin_net, 0),
            skin_net(model.inv_skin_net, codes),
            SdfNet(body.box, pose_map, model.igr_net.g_dim, mlp.ch_dim[1:-1], mlp.res_layers),
            subject=torch.zeros(1, model.igr_net.g_dim),
            frames=torch.randn(frames, codes) / codes**0.5,
            spread=config.data.vitruvian_angle,
        )


def add_texture(nets: Networks, config: PaperConfig, seed: int) -> None:
    """A texture network of the signed distance's shape."""
    assert nets.igr_net is not None
    mlp = config.model.igr_net.mlp
    inputs = nets.igr_net.inputs + nets.igr_net.features
    with _seeded(seed):
        nets.texture_net = TextureNet(inputs, mlp.ch_dim[1:-1], mlp.res_layers)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Layers are made with torch's own random numbers; afterwards it is as if nobody had asked."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
