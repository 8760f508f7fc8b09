"""An avatar in motion: each frame moves the vertices of the one canonical mesh."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..formats.body_file import BodyData
from ..motion.filters import PoseRange, clamp, scanimate_filter, training_range
from .avatar import Avatar
from .rig import rig_body
from .scale.elements import Elements, Places

FILTERS = ("auto", "none", "scanimate")


class Poser:
    """Poses `avatar`. `pose_filter`: what keeps clothes sane in poses that were never learned.

    auto: the joints that shape the clothes are held near the range of the learned poses, the
    skeleton moves freely; none; scanimate: the original's, which also holds hands and feet.
    """

    def __init__(self, avatar: Avatar, pose_filter: str = "auto") -> None:
        self.avatar, self.pose_filter = avatar, pose_filter
        self.limits: PoseRange | None = None
        if pose_filter == "auto" and len(avatar.poses):
            self.limits = training_range(avatar.poses)
        self.mesh = avatar.surface.moving(avatar.mesh)

    @torch.no_grad()
    def __call__(self, pose: np.ndarray, transl: np.ndarray) -> np.ndarray:
        """World vertices (V, 3) float32, metres, in `pose` (J, 3) and place `transl` (3,)."""
        return _placed(self.mesh(*self._filtered(pose)), transl)

    @torch.no_grad()
    def remeshed(
        self, pose: np.ndarray, transl: np.ndarray, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A mesh of its own for one pose: vertices (V, 3), faces (F, 3), colours (V, 3) uint8."""
        vertices, *others = self.avatar.surface.remeshed(*self._filtered(pose), resolution)
        return (vertices + transl).astype(np.float32), *others

    @torch.no_grad()
    def points(
        self, pose: np.ndarray, transl: np.ndarray, places: Places
    ) -> tuple[np.ndarray, np.ndarray]:
        """World points and unit normals (M, 3) float32 of an avatar of surface elements."""
        assert isinstance(self.avatar.surface, Elements)
        points, normals = self.avatar.surface.posed(*self._filtered(pose), places)
        return _placed(points, transl), normals.numpy()

    def _filtered(self, pose: np.ndarray) -> tuple[Tensor, Tensor]:
        """The pose (J, 3) that is shown, and the one that shapes the clothes."""
        shown = known = pose
        if self.pose_filter == "scanimate":
            shown = known = scanimate_filter(pose[None], self.avatar.person.joint_names)[0]
        elif self.limits is not None:
            known = clamp(pose[None], self.limits)[0]
        return torch.from_numpy(shown).float(), torch.from_numpy(known).float()


def _placed(points: Tensor, transl: np.ndarray) -> np.ndarray:
    return (points.numpy() + transl).astype(np.float32)


def rig_of(avatar: Avatar) -> BodyData:
    """The avatar as a body of its own: the canonical mesh brought to the T-pose."""
    mesh, joints = avatar.mesh, len(avatar.person.parents)
    with torch.no_grad():
        rest = avatar.surface.skin(
            torch.from_numpy(mesh.vertices).float(),
            torch.from_numpy(mesh.weights).float(),
            torch.zeros(joints, 3),
        ).numpy()
    return rig_body(avatar.person, rest, mesh.faces, mesh.vt, mesh.ft, mesh.weights)
