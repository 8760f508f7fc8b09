"""Surface elements within minutes on a CPU.

An implicit avatar gives the canonical surface of the clothes; its nodes follow every scan; from
these few poses every node learns by itself how the pose moves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...formats.npz import read_npz, write_npz
from ...progress import Progress
from ...training.loop import Trained
from ..avatar import mean_code
from ..canonical_mesh import CanonicalMesh, extract_mesh
from ..quick.train import PARTS as SURFACE_PARTS
from ..quick.train import QuickOptions, train_quick
from ..scans import Scans
from .follow import Follower, Target
from .kernel import learn, pose_features
from .nodes import carried_by, nodes_of
from .template import TemplateElements

PARTS = (*(0.45 * part for part in SURFACE_PARTS), 0.05, 0.5)


@dataclass
class QuickElements:
    """The elements with their mesh and texture, how the training went, what the user should know.

    left_out_mm: how far, on average, nodes lie from where a scan has them when that scan was not
    learned from.
    """

    elements: TemplateElements
    mesh: CanonicalMesh
    texture: np.ndarray
    trained: Trained
    left_out_mm: float
    notes: list[str]


def train_quick_elements(
    scans: Scans, options: QuickOptions, folder: Path, progress: Progress
) -> QuickElements:
    """Train in `folder`, going on where an earlier run was ended.

    Begins as many parts of `progress` as PARTS has. Raises Cancelled, and InputError for scans that
    leave nothing to learn from.
    """
    result = train_quick(scans, options, folder, progress)
    progress.begin(1, "Making the mesh and its texture")
    surface, body = result.surface, result.surface.body
    shown = [(s.points.numpy(), s.normals.numpy()) for s in result.samples.scans]
    code = mean_code(surface, scans.poses)
    mesh, texture = extract_mesh(surface, code, shown, body.vertices.numpy())
    progress.tick()
    nodes = nodes_of(mesh.vertices, mesh.faces)
    weights = surface.weights(torch.from_numpy(nodes.vertices)).float()
    offsets = _followed(scans, Follower(nodes, body, weights.numpy()), folder, progress)
    poses = torch.from_numpy(scans.poses).float()
    features = torch.stack([pose_features(body, pose) for pose in poses])
    influence = TemplateElements.influence(body, weights)
    mean, coefficients, guessed = learn(influence, features, offsets)
    near, share = carried_by(nodes, mesh.vertices, mesh.faces)
    learned = {
        "weights": weights,
        "near": torch.from_numpy(near),
        "share": torch.from_numpy(share),
        "mean": mean,
        "coefficients": coefficients,
        "poses": poses,
    }
    elements = TemplateElements(body, mesh, texture, learned)
    left_out = 1000 * float((guessed - offsets).norm(dim=-1).mean())
    return QuickElements(elements, mesh, texture, result.trained, left_out, result.notes)


def _followed(scans: Scans, follower: Follower, folder: Path, progress: Progress) -> torch.Tensor:
    """Offsets (S, N, 3) of the nodes on every scan; those of an earlier run are read again."""
    progress.begin(len(scans.names), "Following the scans")
    kept = folder / "followed"
    kept.mkdir(exist_ok=True)
    every = []
    for row, name in enumerate(scans.names):
        path = kept / f"{row:05d}.npz"
        if not path.is_file():
            scan = scans.meshes[row]
            target = Target(scans.centred(row), scan.normals, scans.poses[row])
            write_npz(path, offsets=follower(target, row))
        every.append(torch.from_numpy(read_npz(path, ("offsets",))["offsets"]))
        progress.tick(f"Following {name}")
    return torch.stack(every)
