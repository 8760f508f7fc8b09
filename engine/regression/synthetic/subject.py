"""The animal in front of the camera: the shipped quadruped in a random shape and its motion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from ...bodies.animal_posing import AnimalPosing, Rest
from ...bodies.models import QUADRUPED_NAME, load_animal_model
from ...formats.animal_file import SMAL_JOINTS, AnimalData
from ...formats.errors import InputError
from ...geometry.mesh_clean import vertex_normals

_SHOULDER = SMAL_JOINTS.index("LLeg1")
_SHAPE, _LIMBS = 0.5, 0.06  # usual variation: of shape_std, and of the limb scales' logs


@dataclass
class Quadruped:
    """The shipped body and what coats are painted by."""

    data: AnimalData
    posing: AnimalPosing
    skin: np.ndarray  # (V, 6) place and normal on the template, trunk lengths
    marks: np.ndarray  # (K, 3) keypoints there
    depth: np.ndarray  # (K,) how far under the skin keypoints lie, trunk lengths
    unit: float  # metres that the template's trunk is long


@lru_cache(maxsize=1)
def quadruped() -> Quadruped:
    """Loaded once."""
    data = load_animal_model(QUADRUPED_NAME)
    joints = data.J_regressor @ data.v_template
    unit = _trunk(joints)
    place = data.v_template / unit
    marks = data.keypoints @ place
    depth = np.array([np.linalg.norm(place - mark, axis=1).min() for mark in marks])
    normals = vertex_normals(data.v_template, data.faces)
    skin = np.concatenate([place, normals], 1).astype(np.float32)
    return Quadruped(data, AnimalPosing(data), skin, marks, depth, unit)


@dataclass
class Shape:
    """One animal at rest."""

    family: str
    betas: np.ndarray  # (B,) float32
    limb_logscale: np.ndarray  # (L,) float32
    rest: Rest

    @property
    def root(self) -> np.ndarray:
        """(3,) the root joint at rest, metres, about which the root turns."""
        return self.rest.joints[0, 0].numpy()

    @property
    def trunk(self) -> float:
        """Metres from hips to shoulders."""
        return _trunk(self.rest.joints[0].numpy())

    def posed(self, pose: np.ndarray, transl: np.ndarray) -> np.ndarray:
        """Vertices (T, V, 3) in poses (T, J, 3) at transl (T, 3), metres."""
        with torch.inference_mode():
            found = quadruped().posing(self.rest, torch.from_numpy(pose), torch.from_numpy(transl))
        return found.numpy()


def random_shape(family: str, variation: float, rng: np.random.Generator) -> Shape:
    """An animal of a family; `variation` 1 is as they vary. Raises InputError for no family."""
    body = quadruped()
    data = body.data
    if family not in data.families:
        raise InputError(f"No family is called {family}.", f"Known are {', '.join(data.families)}.")
    betas = data.family_betas[data.families.index(family)]
    ends = data.J_regressor @ (data.v_template + data.shapedirs @ betas)
    # shape_std is that of an animal as large as the template.
    spread = _SHAPE * variation * data.shape_std * _trunk(ends) / body.unit
    betas = betas + np.clip(rng.normal(size=len(betas)), -2, 2) * spread
    limbs = np.clip(rng.normal(size=len(data.limb_scales)), -2, 2) * _LIMBS * variation
    betas, limbs = betas.astype(np.float32), limbs.astype(np.float32)
    with torch.inference_mode():
        rest = body.posing.rest(torch.from_numpy(betas)[None], torch.from_numpy(limbs)[None])
    return Shape(family, betas, limbs, rest)


def _trunk(joints: np.ndarray) -> float:
    """Metres from hips to shoulders of joints (J, 3) at rest."""
    return float(joints[_SHOULDER, 0] - joints[0, 0])
