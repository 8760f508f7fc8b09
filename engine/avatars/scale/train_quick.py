"""Surface elements within minutes on a CPU.

An implicit avatar gives the canonical surface of the clothes, that of a skirt from the scans where
it hangs straight; its nodes follow every scan; from these poses each node learns how it moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from ...formats.npz import read_npz, write_npz
from ...progress import Progress
from ...training.loop import Trained
from ..avatar import mean_code
from ..canonical_mesh import CanonicalMesh, extract_mesh
from ..quick.hanging import choose_hanging
from ..quick.influence import influence_of
from ..quick.surface import SPREAD, weight_field
from ..quick.train import PARTS as SURFACE_PARTS
from ..quick.train import QuickOptions, train_quick
from ..rest_skinning import Unposer
from ..rig import trim_weights
from ..scanimate.body import CanonicalBody
from ..scans import Scans
from ..weight_field import HANGING
from .follow import Follower, Target
from .kernel import learn, pose_features
from .nodes import Nodes, carried_by, nodes_of, softened
from .template import TemplateElements

_CALM = 5  # scans that the surface of what hangs is learned from
_SKIRT_SPREAD = 5.0  # degrees of each leg outward: a skirt is not stretched
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
    template = _template(scans, options, folder, progress)
    body, nodes, weights = template.body, template.nodes, template.weights
    offsets = _followed(scans, Follower(nodes, body, weights), folder, progress)
    poses = torch.from_numpy(scans.poses).float()
    features = torch.stack([pose_features(body, pose) for pose in poses])
    influence = influence_of(body.data, weights)
    mean, coefficients, guessed = learn(influence, features, offsets)
    mesh, texture = template.mesh, template.texture
    learned = {
        "weights": torch.from_numpy(weights).float(),
        "near": torch.from_numpy(template.near),
        "share": torch.from_numpy(template.share),
        "mean": mean,
        "coefficients": coefficients,
        "poses": poses,
    }
    elements = TemplateElements(body, mesh, texture, learned)
    left_out = 1000 * float((guessed - offsets).norm(dim=-1).mean())
    return QuickElements(elements, mesh, texture, template.trained, left_out, template.notes)


@dataclass
class _Template:
    """The canonical surface, and the N nodes that move it."""

    body: CanonicalBody
    mesh: CanonicalMesh
    texture: np.ndarray
    nodes: Nodes
    weights: np.ndarray  # (N, J) of the nodes
    near: np.ndarray  # (V, K) the nodes that carry a vertex of the mesh
    share: np.ndarray  # (V, K)
    trained: Trained
    notes: list[str]


def _template(scans: Scans, options: QuickOptions, folder: Path, progress: Progress) -> _Template:
    unposed = CanonicalBody(scans.body, SPREAD)
    unposer = Unposer(unposed, weight_field(unposed, HANGING[0]))
    hanging = choose_hanging(scans, unposer)
    if hanging:
        scans, options = calmest(scans), replace(options, spread=_SKIRT_SPREAD)
    result = train_quick(scans, replace(options, hanging=hanging), folder, progress)
    progress.begin(1, "Making the mesh and its texture")
    surface, body = result.surface, result.surface.body
    seen = [(s.points.numpy(), s.normals.numpy()) for s in result.samples.scans]
    bare = body.vertices.numpy()
    mesh, texture = extract_mesh(surface, mean_code(surface, scans.poses), seen, bare)
    progress.tick()
    nodes = nodes_of(mesh.vertices, mesh.faces)
    near, share = carried_by(nodes, mesh.vertices, mesh.faces)
    weights = surface.field(nodes.vertices)
    if hanging:
        weights = softened(nodes, weights, cKDTree(bare).query(nodes.vertices)[0])
        carried = np.einsum("vk,vkj->vj", share, weights[near])
        mesh = replace(mesh, weights=trim_weights(carried))
    made = nodes, weights.astype(np.float32), near, share
    return _Template(body, mesh, texture, *made, result.trained, result.notes)


def calmest(scans: Scans) -> Scans:
    """The few scans whose legs move least: there a skirt is one piece, brought to rest as well."""
    names = scans.body.joint_names
    legs = [names.index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee")]
    turned = np.square(scans.poses[:, legs]).sum((1, 2))
    rows = np.sort(np.argsort(turned, kind="stable")[:_CALM])
    return replace(
        scans,
        names=[scans.names[row] for row in rows],
        poses=scans.poses[rows],
        transl=scans.transl[rows],
        meshes=[scans.meshes[row] for row in rows],
    )


def _followed(scans: Scans, follower: Follower, folder: Path, progress: Progress) -> torch.Tensor:
    """Offsets (S, N, 3) of the nodes on every scan; those of an earlier run are read again."""
    progress.begin(len(scans.names), "Following the scans")
    kept = folder / "followed"
    kept.mkdir(exist_ok=True)
    every = []
    for row, name in enumerate(scans.names):
        path = kept / f"{row:05d}.npz"
        offsets = read_npz(path, ("offsets",))["offsets"] if path.is_file() else None
        if offsets is None or offsets.shape != follower.vertices.shape:
            scan = scans.meshes[row]
            target = Target(scans.centred(row), scan.normals, scans.poses[row])
            offsets = follower(target, row)
            write_npz(path, offsets=offsets)
        every.append(torch.from_numpy(offsets))
        progress.tick(f"Following {name}")
    return torch.stack(every)
