"""Clothes by colour: which faces of a body are shirt, trousers, shoes, hair, eyes."""

from __future__ import annotations

import bpy
import numpy as np

from ...engine.formats.body_file import BodyData
from .materials import SKIN, plain_material

# Region: linear RGB, roughness. The order is that of the material slots.
REGIONS: dict[str, tuple[tuple[float, float, float], float]] = {
    "skin": (SKIN[:3], 0.55),
    "shirt": ((0.06, 0.16, 0.42), 0.9),
    "trousers": ((0.06, 0.065, 0.08), 0.9),
    "shoes": ((0.5, 0.48, 0.45), 0.7),
    "hair": ((0.028, 0.016, 0.01), 0.8),
    "eye white": ((0.8, 0.78, 0.75), 0.2),
    "iris": ((0.06, 0.035, 0.02), 0.2),
    "lips": ((0.42, 0.14, 0.12), 0.4),
}
_NAMES = list(REGIONS)
_NEEDED = (
    "pelvis",
    "spine1",
    "left_ankle",
    "left_knee",
    "left_elbow",
    "left_eye",
    "right_eye",
    "neck",
    "head",
    "jaw",
)


def dress(thing: bpy.types.Object, regions: np.ndarray, prefix: str) -> None:
    """Give the mesh `thing` one material a region; `regions` (F,) as `face_regions` gives them."""
    thing.data.materials.clear()
    for region, (colour, roughness) in REGIONS.items():
        name = f"{prefix} {region}"
        thing.data.materials.append(plain_material(name, (*colour, 1.0), roughness))
    if len(regions) == len(thing.data.polygons):
        thing.data.polygons.foreach_set("material_index", regions)
    thing.data.update()


def face_regions(body: BodyData) -> np.ndarray:
    """(F,) int32 region of every face: an index into REGIONS; all skin where joints are unknown."""
    if not all(name in body.joint_names for name in _NEEDED):
        return np.zeros(len(body.faces), np.int32)
    rest, weights = _patches(body)
    regions = np.zeros(len(rest), np.int32)
    joints = dict(zip(body.joint_names, body.joints(body.v_template), strict=True))
    owner = np.array(body.joint_names)[weights.argmax(axis=1)]
    x, y = np.abs(rest[:, 0]), rest[:, 1]

    def of(*stems: str) -> np.ndarray:
        sided = [f"{side}_{stem}" for stem in stems for side in ("left", "right")]
        return np.isin(owner, [*stems, *sided])

    upper = of("spine1", "spine2", "spine3", "collar", "shoulder")
    sleeve = x < 0.35 * x[of("shoulder")].min() + 0.65 * abs(joints["left_elbow"][0])
    collar = joints["neck"][1] - 0.02
    regions[upper & sleeve & ((y < collar) | (x > 0.09))] = _NAMES.index("shirt")
    regions[of("hip", "knee")] = _NAMES.index("trousers")
    belt = 0.4 * joints["pelvis"][1] + 0.6 * joints["spine1"][1]
    for above, garment in ((True, "shirt"), (False, "trousers")):
        regions[of("pelvis", "spine1") & ((y > belt) == above)] = _NAMES.index(garment)
    regions[of("foot", "ankle")] = _NAMES.index("shoes")
    cuff = joints["left_ankle"][1] + 0.07
    regions[of("knee", "ankle") & (y > cuff)] = _NAMES.index("trousers")
    _face(regions, body, rest, joints, of)
    return regions


def _patches(body: BodyData) -> tuple[np.ndarray, np.ndarray]:
    """(F, 3) centres and (F, J) weights of the faces.

    Two faces in a row that were one quad get one value, so that seams run along the quads.
    """
    centres = body.v_template[body.faces].mean(axis=1, dtype=np.float64)
    weights = body.weights[body.faces].mean(axis=1)
    even = np.arange(0, len(body.faces) - 1, 2)
    shared = (body.faces[even][:, :, None] == body.faces[even + 1][:, None]).sum(axis=(1, 2))
    first = even[shared == 2]
    for values in (centres, weights):
        values[first] = values[first + 1] = (values[first] + values[first + 1]) / 2
    return centres, weights


def _face(regions: np.ndarray, body: BodyData, rest: np.ndarray, joints: dict, of) -> None:
    """Mark hair, brows, eyes and lips in `regions` (F,), whose faces lie at `rest` (F, 3)."""
    eye = (joints["left_eye"] + joints["right_eye"]) / 2
    on_head = of("head", "jaw")
    back = eye[2] - rest[:, 2]  # how far behind the eyes
    hairline = eye[1] + 0.062 - 0.9 * np.clip(back - 0.03, 0, 0.11)
    regions[on_head & (rest[:, 1] > hairline)] = _NAMES.index("hair")
    for side in ("left", "right"):
        ball = of(f"{side}_eye")
        if ball.any():
            front = rest[ball, 2].max()
            regions[ball] = _NAMES.index("eye white")
            regions[ball & (rest[:, 2] > front - 0.0022)] = _NAMES.index("iris")
    # the landmark table of 70 face points: 17 to 26 are the brows, 48 to 59 the outer lips
    marks = {n: k for k, n in enumerate(body.keypoint_names) if n.startswith("face_")}
    if len(marks) < 60:
        return
    points = np.einsum("kc,kcd->kd", body.keypoint_bary, body.v_template[body.keypoint_verts])
    for first, last, width, region in (
        *((17, 21, 0.0045, "hair"), (22, 26, 0.0045, "hair")),
        *((48, 54, 0.0045, "lips"), (54, 59, 0.0045, "lips"), (60, 64, 0.004, "lips")),
    ):
        line = points[[marks[f"face_{k}"] for k in range(first, last + 1)]]
        regions[on_head & (_distance(rest, line) < width)] = _NAMES.index(region)


def _distance(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """(N,) distances of `points` (N, 3) from the polyline `line` (K, 3)."""
    nearest = np.full(len(points), np.inf)
    for start, end in zip(line[:-1], line[1:], strict=True):
        along = end - start
        part = np.clip((points - start) @ along / max(along @ along, 1e-12), 0, 1)
        gaps = np.linalg.norm(points - start - part[:, None] * along, axis=1)
        nearest = np.minimum(nearest, gaps)
    return nearest
