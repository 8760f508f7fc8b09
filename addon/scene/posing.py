"""Linear blend skinning in numpy: Blender's Python has no torch. Engine axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...engine.formats.body_file import BodyData


def rotations(vectors: np.ndarray) -> np.ndarray:
    """(..., 3, 3) rotation matrices of (..., 3) axis-angle vectors, radians."""
    vectors = np.asarray(vectors, np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    # np.sinc is sin(pi x)/(pi x): smooth through the zero angle
    first, second = np.sinc(angle / np.pi), np.sinc(angle / 2 / np.pi) ** 2 / 2
    return np.eye(3) + first * cross + second * cross @ cross


class Skeleton:
    """A person's rest pose: what is needed to carry points along with a pose."""

    def __init__(self, body: BodyData, betas: Sequence[float] | np.ndarray = ()) -> None:
        self.body = body
        self.rest = body.shaped(np.asarray(betas, np.float32)).astype(np.float64)  # (V, 3)
        self.joints = body.joints(self.rest)  # (J, 3)
        self._joint = {name: k for k, name in enumerate(body.joint_names)}

    def joint(self, name: str) -> np.ndarray:
        """(3,) metres: where a joint lies at rest."""
        return self.joints[self._joint[name]]

    def pose(self, turns: dict[str, tuple[float, float, float]]) -> np.ndarray:
        """(J, 3) radians of axis-angle turns in degrees by joint name."""
        pose = np.zeros_like(self.joints)
        for name, degrees in turns.items():
            pose[self._joint[name]] = np.radians(degrees)
        return pose

    def carry(self, points: np.ndarray, weights: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """(V, 3) rest `points` with skin `weights` (V, J) in a pose (J, 3); the root stays."""
        turns = rotations(pose)
        chain = np.zeros((len(self.joints), 3, 4))
        for j, parent in enumerate(self.body.parents):
            if parent < 0:
                chain[j] = np.column_stack([turns[j], self.joints[j]])
                continue
            turn, place = chain[parent, :, :3], chain[parent, :, 3]
            offset = self.joints[j] - self.joints[parent]
            chain[j] = np.column_stack([turn @ turns[j], turn @ offset + place])
        chain[:, :, 3] -= np.einsum("jab,jb->ja", chain[:, :, :3], self.joints)
        blended = (weights @ chain.reshape(-1, 12)).reshape(-1, 3, 4)
        return np.einsum("vab,vb->va", blended[:, :, :3], points) + blended[:, :, 3]

    def posed(self, pose: np.ndarray) -> np.ndarray:
        """(V, 3) metres: the body itself in a pose (J, 3)."""
        return self.carry(self.rest, self.body.weights, pose)
