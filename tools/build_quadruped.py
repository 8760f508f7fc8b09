"""Builds the shipped quadruped: `python tools/build_quadruped.py [--out FILE]`, some minutes.

Everything is made here from numbers: `quadruped_measures.py` says what tells animals apart,
`quadruped_anatomy.py` makes a skeleton and parts of them, `quadruped_field.py` their common skin,
`quadruped_mesh.py` a mesh of the mean animal's; `quadruped_shapes.py` deforms it to all others, and
`quadruped_rig.py` hangs it on the bones. The same machine makes the same file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from quadruped_anatomy import anatomy
from quadruped_field import Field
from quadruped_measures import FAMILIES, MEAN
from quadruped_mesh import both_sides, both_sides_faces, even_mesh, half_skin
from quadruped_rig import (
    KEYPOINTS,
    PARENTS,
    joint_places,
    joint_regressor,
    keypoint_rows,
    skin_weights,
)
from quadruped_shapes import Template, animals, shape_space

from layfigure.engine.formats.animal_file import (
    LIMB_SCALES,
    SMAL_JOINTS,
    AnimalData,
    limb_axes,
    load_animal,
    save_animal,
)
from layfigure.engine.geometry.unwrap import unwrap

ROOT = Path(__file__).parents[1]
EDGES = 0.76  # of the grain of the parts: about 4,000 vertices
LICENCE = "CC0 1.0 (made from numbers by Layfigure's tools/build_quadruped.py)"


def main() -> None:
    """Build, save, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ROOT / "engine" / "bodies" / "data" / "quadruped.npz"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--animals", type=int, default=5, help="drawn in each family")
    parser.add_argument("--betas", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    base = template()
    print(f"meshed half an animal: {len(base.vertices)} vertices", flush=True)
    drawn, family = animals(arguments.seed, arguments.animals)
    halves, joints = (np.stack(x) for x in zip(*map(base.deformed, drawn), strict=True))
    print(f"deformed it to {len(drawn)} animals", flush=True)
    data = body(base, halves, joints, np.array([a.size for a in drawn]), family, arguments.betas)
    save_animal(arguments.out, data)
    report(arguments.out)


def template() -> Template:
    """The mean animal's half skin, meshed."""
    field = Field(anatomy(MEAN))
    return Template(field, *even_mesh(field, *half_skin(field), EDGES))


def body(
    base: Template,
    halves: np.ndarray,
    joints: np.ndarray,
    sizes: np.ndarray,
    family: np.ndarray,
    count: int,
) -> AnimalData:
    """The file's arrays, of animals' half meshes (N, V, 3), joints (N, J, 3), sizes, families."""
    faces, left_right = both_sides_faces(base.faces, base.rim)
    vertices = both_sides(base.vertices, base.rim)
    whole = np.stack([both_sides(half, base.rim) for half in halves])
    weights = skin_weights(base.field, vertices, faces, left_right)
    places = np.concatenate([[joint_places(base.field.body)], joints])
    regressor = joint_regressor(np.concatenate([[vertices], whole]), places, weights, left_right)
    space = shape_space(base, halves, count)
    betas = space.betas(halves, sizes)
    within = np.stack([betas[family == number].std(0) for number in range(len(FAMILIES))])
    directions = np.stack([both_sides(d, base.rim) for d in space.directions], axis=2)
    vt, ft = unwrap(vertices.astype(np.float32), faces)
    return AnimalData(
        v_template=MEAN.size * vertices,
        faces=faces.astype(np.int32),
        shapedirs=directions,
        posedirs=None,
        J_regressor=regressor,
        parents=PARENTS,
        weights=weights,
        joint_names=SMAL_JOINTS,
        vt=vt,
        ft=ft,
        keypoint_names=KEYPOINTS,
        keypoints=keypoint_rows(base.field.body, vertices, regressor, left_right),
        families=tuple(FAMILIES),
        family_betas=betas[: len(FAMILIES)].astype(np.float32),
        shape_std=np.exp(np.log(within).mean(0)).astype(np.float32),
        limb_scales=LIMB_SCALES,
        limb_axes=limb_axes(SMAL_JOINTS),
        left_right=left_right.astype(np.int32),
        licence=LICENCE,
        name="quadruped",
        kind="quadruped",
    )


def report(path: Path) -> None:
    """Print what the saved body is worth, measured on the file as it is read back."""
    data = load_animal(path)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(data.v_template)} vertices")
    print(f"{data.shapedirs.shape[-1]} shape components, deviations {data.shape_std.round(2)}")
    print(f"weights a vertex: at most {(data.weights > 0).sum(1).max()}")
    made = zip(data.families, data.family_betas, strict=True)
    for (name, betas), measures in zip(made, FAMILIES.values(), strict=True):
        shaped = data.v_template + data.shapedirs @ betas
        joints = data.J_regressor @ shaped
        error = np.linalg.norm(joints - measures.size * joint_places(anatomy(measures)), axis=1)
        skin = skin_distance(shaped / measures.size, Field(anatomy(measures)))
        print(
            f"{name}: {np.ptp(shaped[:, 0]):.2f} m long, {np.ptp(shaped[:, 2]):.2f} m high; of a "
            f"trunk's length: joints off by {100 * error.mean() / measures.size:.2f} % (worst "
            f"{100 * error.max() / measures.size:.2f} %), skin by {100 * skin:.2f} %"
        )


def skin_distance(vertices: np.ndarray, field: Field) -> float:
    """Mean distance of vertices (V, 3) from a skin."""
    with torch.no_grad():
        parts = torch.tensor(vertices, dtype=torch.float64).split(2000)
        return float(torch.cat([field.distance(part) for part in parts]).abs().mean())


if __name__ == "__main__":
    main()
