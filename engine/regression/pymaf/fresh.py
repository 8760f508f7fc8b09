"""A network that has learnt nothing yet, for a body of one's own choice."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...formats.npz import read_npz
from .architecture import OFFICIAL, Architecture
from .estimate import BETAS, JOINTS, POSE, Estimate
from .network import MARKERS, PymafNetwork

_SCALE = 0.9  # of the mean person's camera: two metres fill nine tenths of the crop
_UPRIGHT = (1.0, 0.0, 0.0, -1.0, 0.0, 0.0)  # half a turn about x: y up becomes y down
_STILL = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def new_network(
    data: BodyData, mean: Estimate, architecture: Architecture = OFFICIAL
) -> PymafNetwork:
    """A network of random weights for the body `data` of 24 joints, see bodies/smpl24.py.

    mean: the one person that it starts from. Raises InputError for another body, and for one of too
    few vertices.
    """
    network = PymafNetwork(architecture)
    network.markers = torch.from_numpy(spread_vertices(data.v_template, MARKERS))
    network.seen_body(data)
    numbers = {"init_pose": mean.pose, "init_shape": mean.betas, "init_cam": mean.camera}
    for regressor in network.regressor:
        for name, value in numbers.items():
            getattr(regressor, name).copy_(value)
    return network


def resting() -> Estimate:
    """The body at rest, of mean shape, upright before the camera."""
    pose = torch.tensor([_UPRIGHT, *[_STILL] * (JOINTS - 1)]).reshape(1, POSE)
    return Estimate(pose, torch.zeros(1, BETAS), torch.tensor([[_SCALE, 0.0, 0.0]]))


def read_mean(path: str | os.PathLike) -> Estimate:
    """The mean person of SPIN's smpl_mean_params.npz.

    Raises InputError for a file that is missing, damaged or without its three arrays.
    """
    path = Path(path)
    wanted = {"pose": POSE, "shape": BETAS, "cam": 3}
    found = read_npz(path, wanted)
    for name, count in wanted.items():
        array = found[name]
        if array.size != count or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise InputError(
                f"{path}: {name} is not {count} numbers.", "Give SPIN's smpl_mean_params.npz."
            )
    rows = (torch.from_numpy(found[name].reshape(1, -1)).float() for name in wanted)
    return Estimate(*rows)


def spread_vertices(vertices: np.ndarray, count: int) -> np.ndarray:
    """Rows (count,) int64, ascending, of vertices (V, 3) that lie far from each other.

    Each is the farthest from all before it. Raises InputError for fewer vertices than that.
    """
    if len(vertices) < count:
        raise InputError(
            f"A body of {len(vertices)} vertices has not the {count} to look at.",
            "Give a body with a finer mesh.",
        )
    chosen = [int(vertices[:, 1].argmax())]
    gap = np.full(len(vertices), np.inf)
    while len(chosen) < count:
        gap = np.minimum(gap, ((vertices - vertices[chosen[-1]]) ** 2).sum(axis=1))
        gap[chosen] = -1  # vertices may lie on each other; none is taken twice
        chosen.append(int(gap.argmax()))
    return np.sort(np.array(chosen, dtype=np.int64))
