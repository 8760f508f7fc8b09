"""The shipped body, posed: its surface, joints and BODY_25 keypoints; random people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ...bodies.model import Body
from ...bodies.pose_prior import pose_prior
from ...bodies.registry import load_shipped
from ...formats.body_file import BodyData
from .poses import JOINTS, Sampler

_BODY_25 = 25
_BLOCK = 256  # poses are drawn so many at a time: that costs little more than one
_SHAPE, _EXTREME = 1.1, 2.6  # usual and greatest betas
_LIVELY = 0.03  # radians by which a drawn pose varies again


@dataclass
class Mannequin:
    """The body and what its keypoints lie on."""

    data: BodyData
    body: Body
    prior_mean: np.ndarray  # (55 - 22, 3) of jaw, eyes and fingers
    prior_spread: np.ndarray
    prior_limits: tuple[np.ndarray, np.ndarray]
    depth: np.ndarray  # (25,) metres that keypoints lie under the skin

    def posed(
        self, pose: np.ndarray, betas: np.ndarray, transl: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (V, 3) and joints (55, 3) of pose (55, 3), betas (20,), transl (3,)."""
        arrays = (np.asarray(x, np.float32)[None] for x in (betas, pose, transl))
        with torch.inference_mode():
            vertices, joints = self.body(*(torch.from_numpy(x) for x in arrays))
        return vertices[0].numpy(), joints[0].numpy()

    def keypoints(self, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """(25, 3) BODY_25 of a posed body."""
        data = self.data
        corners = vertices[data.keypoint_verts[:_BODY_25]]
        surface = (corners * data.keypoint_bary[:_BODY_25, :, None]).sum(1)
        joint = data.keypoint_joint[:_BODY_25]
        return np.where(joint[:, None] >= 0, joints[np.maximum(joint, 0)], surface)

    def rest_joints(self, betas: np.ndarray) -> np.ndarray:
        """(55, 3) joints of a shape at rest; the root turns about the first."""
        blend = self.body.joint_blend.numpy()[..., : len(betas)]
        return self.body.joint_rest.numpy() + blend @ betas


@lru_cache(maxsize=1)
def mannequin() -> Mannequin:
    """Loaded once."""
    data = load_shipped()
    prior = pose_prior(data.joint_names[JOINTS:])
    mean, spread, lower, upper = (
        getattr(prior, name).numpy() for name in ("mean", "spread", "lower", "upper")
    )
    made = Mannequin(data, Body(data), mean, spread, (lower, upper), np.zeros(_BODY_25))
    vertices, joints = made.posed(np.zeros((55, 3)), np.zeros(20), np.zeros(3))
    points = made.keypoints(vertices, joints)
    made.depth = np.array([np.linalg.norm(vertices - p, axis=1).min() for p in points])
    return made


@dataclass
class BodyState:
    """One person's body in the world, metres and radians."""

    pose: np.ndarray  # (55, 3) float32 axis-angle, root first
    betas: np.ndarray  # (20,) float32
    transl: np.ndarray  # (3,) float32
    vertices: np.ndarray  # (V, 3)
    joints: np.ndarray  # (55, 3)
    keypoints: np.ndarray  # (25, 3)

    def moved(self, by: np.ndarray) -> BodyState:
        """The same person elsewhere."""
        places = (a + by for a in (self.transl, self.vertices, self.joints, self.keypoints))
        return BodyState(self.pose, self.betas, *places)


def stand(pose: np.ndarray, betas: np.ndarray, transl: np.ndarray) -> BodyState:
    """A body in a pose (55, 3) with betas (20,) at transl (3,)."""
    model = mannequin()
    vertices, joints = model.posed(pose, betas, transl)
    points = model.keypoints(vertices, joints)
    pose, betas, transl = (np.asarray(x, np.float32) for x in (pose, betas, transl))
    return BodyState(pose, betas, transl, vertices, joints, points)


def random_body(number: int, rng: np.random.Generator) -> BodyState:
    """Anybody in pose `number` of the sampler, on the floor y = 0, turned any way."""
    model = mannequin()
    pose = np.zeros((55, 3))
    pose[:JOINTS] = _drawn(number // _BLOCK)[number % _BLOCK]
    pose[1:JOINTS] += _LIVELY * rng.normal(size=(JOINTS - 1, 3))
    around = Rotation.from_rotvec((0, rng.uniform(0, 2 * np.pi), 0))
    pose[0] = (around * Rotation.from_rotvec(pose[0])).as_rotvec()
    curled = model.prior_mean * rng.uniform(0, 2.5)  # a whole hand opens or closes
    fine = curled + 0.6 * model.prior_spread * rng.normal(size=curled.shape)
    pose[JOINTS:] = np.clip(fine, *model.prior_limits)
    betas = np.clip(_SHAPE * rng.normal(size=20), -_EXTREME, _EXTREME)
    body = stand(pose, betas, np.zeros(3))
    pelvis, floor = body.joints[0], body.vertices[:, 1].min()
    return body.moved(np.array([-pelvis[0], -floor, -pelvis[2]], np.float32))


@lru_cache(maxsize=1)
def _sampler() -> Sampler:
    return Sampler()


@lru_cache(maxsize=4)
def _drawn(block: int) -> np.ndarray:
    """(_BLOCK, 22, 3) poses."""
    generator = torch.Generator().manual_seed(block)
    return _sampler().draw(_BLOCK, generator).numpy()
