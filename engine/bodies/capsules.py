"""A body as some fifty tapered capsules, derived from its rest mesh, skin weights and joints.

A limb is a tube: one capsule, or two where its inner end lies in its neighbour's flesh. What is
wide and flat (torso, head, palm) is cut across into slices, each a capsule along the slice's wide
side. Every capsule is rigid in the frame of one joint; ends and radii are linear in betas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..formats.body_file import BodyData

_SIDES = ("left", "right")
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_INSET = 0.7  # an end's centre lies this share of its radius inside the part
_DENSE = 2.2  # slices for each thickness of a wide part
_BINS = 6  # cross-sections that a tube is fitted to
_TOUCH = 0.01  # m: pairs nearer than this in the rest pose may always touch
_FEWEST = 12  # vertices of a part

# Regions whose flesh meets: these pairs may touch. {} stands for a side.
_NEIGHBOURS = (
    *(("torso", "head"), ("torso", "{} upper arm"), ("torso", "{} thigh")),
    *(("head", "{} upper arm"), ("{} upper arm", "{} outer upper arm")),
    *(("{} thigh", "{} outer thigh"), ("{} upper arm", "{} forearm")),
    *(("{} outer upper arm", "{} forearm"), ("{} forearm", "{} hand")),
    *(("{} thigh", "{} shin"), ("{} outer thigh", "{} shin"), ("{} shin", "{} foot")),
)
# Where flesh is pressed in ordinary poses: arms that hang, thighs side by side, m of overlap.
_SOFT = {
    ("torso", "{} outer upper arm"): 0.025,
    ("torso", "{} outer thigh"): 0.025,
    ("left outer thigh", "right outer thigh"): 0.015,
}


@dataclass(frozen=True)
class Part:
    """Some vertices of a body that become capsules."""

    region: str
    joints: tuple[str, ...]  # vertices that follow one of these most of all
    holders: tuple[str, ...]  # joints that may carry its capsules
    wide: bool = False  # sliced across; else a tube
    pieces: tuple[str, ...] = ()  # regions of a tube's pieces from the inner to the outer end


@dataclass(frozen=True)
class Capsules:
    """C tapered capsules. Ends are relative to the rest position of their joint, in its frame."""

    joint: np.ndarray  # (C,) int
    ends: np.ndarray  # (C, 2, 3) metres
    ends_betas: np.ndarray  # (C, 2, 3, B)
    radii: np.ndarray  # (C, 2) metres
    radii_betas: np.ndarray  # (C, 2, B)
    regions: tuple[str, ...]  # of each capsule
    pairs: np.ndarray  # (P, 2) int: capsules that must not overlap
    slack: np.ndarray  # (P,) metres that a pair may all the same


def body_capsules(body: BodyData) -> Capsules:
    """The capsules of any body with the joint names of SMPL, SMPL-H or SMPL-X."""
    names = list(body.joint_names)
    follows = body.weights.argmax(1)
    layout = []
    for part in _parts():
        joints = [names.index(j) for j in part.joints if j in names]
        vertices = np.flatnonzero(np.isin(follows, joints))
        holders = [names.index(j) for j in part.holders if j in names]
        if len(vertices) >= _FEWEST and holders:
            layout += _lay_out(body, part, vertices, holders)
    joint = np.array([piece.joint for piece in layout])
    ends, radii = _measure(body.v_template, layout)
    ends = ends - body.joints(body.v_template)[joint][:, None]
    by_ends, by_radii = [], []
    for direction in np.moveaxis(body.shapedirs, 2, 0):
        moved = [_measure(body.v_template + s * direction, layout) for s in (1.0, -1.0)]
        shift = (body.J_regressor @ direction)[joint][:, None]
        by_ends.append((moved[0][0] - moved[1][0]) / 2 - shift)
        by_radii.append((moved[0][1] - moved[1][1]) / 2)
    regions = tuple(piece.region for piece in layout)
    rest = ends + body.joints(body.v_template)[joint][:, None]
    pairs = _pairs(regions, rest, radii)
    soft = {(a.format(s), b.format(s)): depth for (a, b), depth in _SOFT.items() for s in _SIDES}
    slack = [soft.get((regions[i], regions[j]), 0.0) for i, j in pairs]
    return Capsules(
        joint=joint,
        ends=ends,
        ends_betas=np.stack(by_ends, -1) if by_ends else np.zeros((*ends.shape, 0)),
        radii=radii,
        radii_betas=np.stack(by_radii, -1) if by_radii else np.zeros((*radii.shape, 0)),
        regions=regions,
        pairs=pairs,
        slack=np.array(slack),
    )


def _parts() -> list[Part]:
    spine = ("pelvis", "spine1", "spine2", "spine3")
    parts = [
        Part("torso", (*spine, "left_collar", "right_collar"), spine, wide=True),
        Part("head", ("neck",), ("neck",)),
        Part("head", ("head", "jaw", "left_eye", "right_eye"), ("head",), wide=True),
    ]
    for side in _SIDES:
        upper, thigh = f"{side} upper arm", f"{side} thigh"
        halves = (upper, f"{side} outer upper arm"), (thigh, f"{side} outer thigh")
        shoulder, hip = (f"{side}_shoulder",), (f"{side}_hip",)
        elbow, knee = (f"{side}_elbow",), (f"{side}_knee",)
        wrist, ankle = f"{side}_wrist", f"{side}_ankle"
        parts += [
            Part(upper, shoulder, shoulder, pieces=halves[0]),
            Part(f"{side} forearm", elbow, elbow),
            Part(f"{side} hand", (wrist, f"{side}_hand"), (wrist,), wide=True),
            Part(thigh, hip, hip, pieces=halves[1]),
            Part(f"{side} shin", knee, knee),
            Part(f"{side} foot", (ankle, f"{side}_foot"), (ankle,)),
        ]
        for finger in _FINGERS:
            first, second, third = (f"{side}_{finger}{k}" for k in (1, 2, 3))
            parts.append(Part(f"{side} hand", (first,), (first,)))
            parts.append(Part(f"{side} hand", (second, third), (second,)))
    return parts


@dataclass(frozen=True)
class _Piece:
    """A capsule to be: which vertices it is measured on, and how."""

    region: str
    joint: int
    axis: int  # along the part
    wide: int  # -1 for a tube
    bins: tuple[np.ndarray, ...]  # vertices of its cross-sections
    whole: np.ndarray  # vertices that bound it along the axis


def _lay_out(body: BodyData, part: Part, vertices: np.ndarray, holders: list[int]) -> list[_Piece]:
    """The pieces of a part; which vertex belongs where is settled here, for every shape."""
    place = body.v_template[vertices]
    thin, wide, axis = np.argsort(np.ptp(place, axis=0))
    if part.wide:
        slices = max(2, round(_DENSE * np.ptp(place[:, axis]) / np.ptp(place[:, thin])))
        pieces = []
        for chosen in _cut(place[:, axis], slices):
            mine = vertices[chosen]
            joint = holders[int(body.weights[mine][:, holders].sum(0).argmax())]
            pieces.append(_Piece(part.region, joint, int(axis), int(wide), (mine,), vertices))
        return pieces
    regions = part.pieces or (part.region,)
    cuts = _cut(place[:, axis], len(regions))
    joint = body.joints(body.v_template)[holders[0]]
    if np.abs(place[cuts[-1]].mean(0) - joint)[axis] < np.abs(place[cuts[0]].mean(0) - joint)[axis]:
        cuts = cuts[::-1]
    pieces = []
    for region, chosen in zip(regions, cuts, strict=True):
        bins = [chosen[b] for b in _cut(place[chosen][:, axis], _BINS)]
        rings = tuple(vertices[b] for b in bins if len(b) >= 4)
        if len(rings) >= 2:
            pieces.append(_Piece(region, holders[0], int(axis), -1, rings, vertices[chosen]))
    return pieces


def _cut(values: np.ndarray, count: int) -> list[np.ndarray]:
    """Indices of `values` in each of `count` equal intervals, empty ones left out."""
    edges = np.linspace(values.min(), values.max(), count + 1)[1:-1]
    which = np.searchsorted(edges, values, side="right")
    return [found for k in range(count) if len(found := np.flatnonzero(which == k))]


def _measure(mesh: np.ndarray, layout: list[_Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Ends (C, 2, 3) and radii (C, 2) of the pieces on rest vertices (V, 3)."""
    measured = [_slice(mesh, p) if p.wide >= 0 else _tube(mesh, p) for p in layout]
    return np.stack([m[0] for m in measured]), np.stack([m[1] for m in measured])


def _slice(mesh: np.ndarray, piece: _Piece) -> tuple[np.ndarray, np.ndarray]:
    """A capsule across: as thick as the slice, as long as it is wide."""
    points = mesh[piece.bins[0]].astype(np.float64)
    low, high = points.min(0), points.max(0)
    centre, half = (low + high) / 2, (high - low) / 2
    radius = half[3 - piece.axis - piece.wide]
    bounds = mesh[piece.whole, piece.axis]
    centre[piece.axis] = _inside(points[:, piece.axis].mean(), bounds, radius)
    ends = np.stack([centre, centre])
    reach = max(half[piece.wide] - radius, 0.0)
    ends[0, piece.wide] -= reach
    ends[1, piece.wide] += reach
    return ends, np.array([radius, radius])


def _tube(mesh: np.ndarray, piece: _Piece) -> tuple[np.ndarray, np.ndarray]:
    """A straight line through the middles of the cross-sections, radii linear along it."""
    across = [i for i in range(3) if i != piece.axis]
    along, rows = [], []
    for ring in piece.bins:
        points = mesh[ring].astype(np.float64)
        low, high = points[:, across].min(0), points[:, across].max(0)
        along.append(points[:, piece.axis].mean())
        rows.append([*(low + high) / 2, (high - low).mean() / 2])
    slope, start = np.polyfit(along, np.array(rows), 1)
    bounds = mesh[piece.whole, piece.axis]
    ends, radii = np.zeros((2, 3)), np.zeros(2)
    for k, limit in enumerate((bounds.min(), bounds.max())):
        radius = max(float(slope[2] * limit + start[2]), 1e-3)
        at = _inside(limit, bounds, radius)
        ends[k, piece.axis] = at
        ends[k, across] = slope[:2] * at + start[:2]
        radii[k] = max(float(slope[2] * at + start[2]), 1e-3)
    return ends, radii


def _inside(value: float, bounds: np.ndarray, radius: float) -> float:
    """`value` moved so that a ball there stays within the part, about."""
    low, high = bounds.min() + _INSET * radius, bounds.max() - _INSET * radius
    return float(np.clip(value, low, high)) if low < high else float((low + high) / 2)


def _pairs(regions: tuple[str, ...], ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Pairs of regions that are no neighbours and lie apart in the rest pose."""
    allowed = {(a.format(s), b.format(s)) for a, b in _NEIGHBOURS for s in _SIDES}
    share = np.linspace(0.0, 1.0, 9)[:, None]
    points = ends[:, :1] * (1 - share) + ends[:, 1:] * share  # (C, 9, 3)
    thick = radii[:, :1] * (1 - share.T) + radii[:, 1:] * share.T
    pairs = []
    for i in range(len(regions)):
        for j in range(i + 1, len(regions)):
            a, b = regions[i], regions[j]
            if a == b or (a, b) in allowed or (b, a) in allowed:
                continue
            gap = np.linalg.norm(points[i][:, None] - points[j][None], axis=-1)
            if (gap - thick[i][:, None] - thick[j][None]).min() > _TOUCH:
                pairs.append((i, j))
    return np.array(pairs, int).reshape(-1, 2)
