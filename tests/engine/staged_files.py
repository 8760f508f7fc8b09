"""Pose priors and bodies in the layout of the official files, made up for the tests."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path

import numpy as np
import torch

from layfigure.engine.bodies.keypoint_tables import JOINTS, family_keypoints
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.body_file import BodyData
from official_files import VERTICES, model

DECODERS = {
    1: ("bodyprior_dec_fc1", "bodyprior_dec_fc2", "bodyprior_dec_out"),
    2: ("decoder_net.0", "decoder_net.3", "decoder_net.5"),
}
SLOPES = {1: 0.2, 2: 0.01}


def write_gmm(path: Path, size: int = 69, seed: int = 0) -> dict[str, np.ndarray]:
    """A mixture of eight, widest along a few directions; pickled as SMPLify's is."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(0, 0.3, (8, size, size)) / np.sqrt(size)
    covars = spread @ spread.transpose(0, 2, 1) + 0.05 * np.eye(size)
    arrays = {
        "means": rng.normal(0, 0.1, (8, size)),
        "covars": covars,
        "weights": rng.dirichlet(np.ones(8)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(arrays, protocol=2))
    return arrays


def decoder_state(version: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Weights of a decoder whose poses stay near the T-pose, as float32."""
    rng = torch.Generator().manual_seed(seed)
    shapes = ((512, 32), (512, 512), (126, 512))
    state = {}
    for name, (rows, columns) in zip(DECODERS[version], shapes, strict=True):
        state[f"{name}.weight"] = torch.randn(rows, columns, generator=rng) / columns**0.5
        state[f"{name}.bias"] = 0.05 * torch.randn(rows, generator=rng)
    state[f"{DECODERS[version][2]}.weight"] *= 0.3
    # The identity: its first two columns side by side, row by row.
    state[f"{DECODERS[version][2]}.bias"] += torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(21)
    return state


def write_vposer(folder: Path, version: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """A VPoser folder: version 1 a plain state, version 2 a trainer's checkpoint."""
    state = decoder_state(version, seed)
    snapshots = folder / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    # The original runs this file; here nobody may.
    (folder / "vposer_smpl.py").write_text("raise SystemExit('this file was run')\n")
    if version == 1:
        (folder / "TR00.ini").write_text("[default]\nnum_neurons = 512\nlatentD = 32\n")
        torch.save(state | {"bodyprior_enc_mu.weight": torch.zeros(32, 512)}, snapshots / "a.pt")
        return state
    (folder / "V02_05.yaml").write_text("model_params: {num_neurons: 512, latentD: 32}\n")
    with _trainer() as callback:
        content = {
            "state_dict": {f"vp_model.{k}": v for k, v in state.items()},
            "callbacks": {callback: {"best": 0.1}},
            "hyper_parameters": callback(),
        }
        torch.save(content, snapshots / "V02_05_epoch=13.ckpt")
    return state


class _trainer:
    """A class of pytorch_lightning's name that is there while a checkpoint is written."""

    names = ("pytorch_lightning", "pytorch_lightning.callbacks")

    def __enter__(self) -> type:
        kind = type("ModelCheckpoint", (), {"__module__": self.names[1]})
        for name in self.names:
            sys.modules[name] = types.ModuleType(name)
        sys.modules[self.names[1]].ModelCheckpoint = kind  # type: ignore[attr-defined]
        return kind

    def __exit__(self, *_: object) -> None:
        for name in self.names:
            del sys.modules[name]


def human_model(kind: str) -> dict[str, np.ndarray]:
    """All arrays of a file of `kind`, made of about the shipped body: joints, points, shapes.

    The mesh itself is a cloud of the shipped body's vertices without order.
    """
    arrays, ours = model(kind), load_shipped()
    rows = [ours.joint_names.index(_STANDS_FOR.get(n, n)) for n in JOINTS[kind]]
    if kind == "smplx":  # every landmark gets a triangle of its own at the end of the cloud
        for count, first, name in ((17, 0, "dynamic_lmk"), (51, 17, "lmk")):
            triangles = np.arange(first, first + count)
            shape = (79, count) if first == 0 else (count,)
            arrays[f"{name}_faces_idx"] = np.broadcast_to(triangles, shape).copy()
            names = [f"face_{first + k}" for k in range(count)]
            bary = ours.keypoint_bary[[ours.keypoint_names.index(n) for n in names]]
            arrays[f"{name}_bary_coords"] = np.broadcast_to(bary, (*shape, 3)).copy()
        arrays["f"][:68] = np.arange(VERTICES[kind] - 204, VERTICES[kind]).reshape(68, 3)
    regressor = ours.J_regressor[rows]
    regressor[regressor < np.sort(regressor, axis=1)[:, -24, None]] = 0
    regressor = regressor / regressor.sum(1, keepdims=True)
    support = np.flatnonzero(regressor.any(0))
    taken = _keypoint_vertices(kind, arrays, ours)
    free = np.setdiff1d(np.arange(VERTICES[kind]), list(taken))
    source = np.resize(support, VERTICES[kind])
    source[free] = np.resize(support, len(free))
    source[list(taken)] = list(taken.values())
    arrays["v_template"] = ours.v_template[source].astype(float)
    shapes = np.zeros_like(arrays["shapedirs"])
    shapes[..., :10] = ours.shapedirs[source][..., :10]
    if kind == "smplx":
        shapes[..., 300:310] = ours.exprdirs[source][..., :10]
    arrays["shapedirs"] = shapes
    arrays["posedirs"] = arrays["posedirs"] * np.float32(0.1)
    arrays["J_regressor"] = np.zeros((len(rows), VERTICES[kind]))
    arrays["J_regressor"][:, free[: len(support)]] = regressor[:, support]
    weights = np.zeros((VERTICES[kind], len(rows)))
    nearest = _nearest_kept(ours, rows)
    for theirs, mine in enumerate(nearest):
        weights[:, mine] += ours.weights[source, theirs]
    arrays["weights"] = weights
    return arrays


_STANDS_FOR = {"left_hand": "left_middle1", "right_hand": "right_middle1"}


def _keypoint_vertices(kind: str, arrays: dict, ours: BodyData) -> dict[int, int]:
    """Vertex of the official file -> vertex of the shipped body, for what keypoints lie on."""
    names, joint, corners, bary = family_keypoints(kind, arrays["f"].astype(np.int32), arrays)
    taken: dict[int, int] = {}
    for name, at, three, _ in zip(names, joint, corners, bary, strict=True):
        row = ours.keypoint_names.index(name)
        if at >= 0 or ours.keypoint_joint[row] >= 0:
            continue
        mine = ours.keypoint_verts[row]
        if (three == three[0]).all():
            mine = np.full(3, mine[ours.keypoint_bary[row].argmax()])
        taken |= dict(zip((int(v) for v in three), (int(v) for v in mine), strict=True))
    return taken


def _nearest_kept(ours: BodyData, rows: list[int]) -> list[int]:
    """For every joint of the shipped body the place in `rows` of its nearest kept ancestor."""
    kept = []
    for joint in range(len(ours.parents)):
        while joint not in rows:
            joint = int(ours.parents[joint])
        kept.append(rows.index(joint))
    return kept
