"""Measures of animals: what tells a cat from a hippo, in numbers.

All but `size` are relative to the trunk, from the hip joint's middle: x forward, y left, z up, in
units of the trunk's length (breast to buttock). Angles are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

# Where along the trunk its outline is measured; 0 is the hip joint.
STATIONS = np.array([-0.17, 0.0, 0.2, 0.38, 0.55, 0.66, 0.77])


@dataclass(frozen=True)
class Measures:
    """One animal. Widths and depths are half widths and half depths: radii."""

    size: float  # metres of a trunk
    # Trunk at the stations: outline of the back, of the belly, half widths.
    top: tuple[float, ...]
    bottom: tuple[float, ...]
    wide: tuple[float, ...]
    # Legs. Heights are parts of the way from the ground to hip or elbow.
    leg: float  # hip joint above the ground
    shoulder: tuple[float, float]  # x, z of the point of the shoulder
    elbow: tuple[float, float]
    carpus: float
    fetlock: float  # front
    stance: tuple[float, float]  # y of the fore and hind legs
    fore_thick: tuple[float, ...]  # upper arm, forearm, carpus, cannon, fetlock
    stifle: tuple[float, float]  # x, height
    hock: tuple[float, float]  # x, height
    hind_fetlock: tuple[float, float]  # x, height
    hind_thick: tuple[float, ...]  # thigh, gaskin above, gaskin below, hock, cannon, fetlock
    thigh: float  # fore and aft
    # Feet: length and width in front of the leg, height of the pad, how far the toes spread.
    foot: tuple[float, float, float]
    toes: float
    # Neck from its root in the chest to the poll.
    neck: float
    neck_angle: float
    neck_arch: float
    neck_root: tuple[float, float]  # width, depth
    neck_end: tuple[float, float]
    # Head from poll to nose.
    head: float
    head_angle: float  # below the horizon
    skull: tuple[float, float]  # width, depth
    muzzle: float  # part of the head
    stop: float  # how far the muzzle lies below the skull
    muzzle_root: tuple[float, float]  # width, depth
    muzzle_end: tuple[float, float]
    jaw: tuple[float, float]  # width, depth at the chin
    cheek: float
    eye: float
    nose: float
    # Ears: length, width, degrees above the horizon, degrees from sideways to forward, bend.
    ear: float
    ear_wide: float
    ear_angle: float
    ear_turn: float
    ear_bend: float
    # Tail.
    tail: float
    tail_angle: float
    tail_thick: tuple[float, float, float]  # root, middle, end


def as_row(measures: Measures) -> np.ndarray:
    """All numbers of an animal in a row; the size as its logarithm."""
    values = [np.atleast_1d(getattr(measures, f.name)) for f in fields(Measures)]
    row = np.concatenate(values).astype(np.float64)
    row[0] = np.log(row[0])
    return row


def from_row(row: np.ndarray) -> Measures:
    """The animal of such a row."""
    taken, values = 0, {}
    for field in fields(Measures):
        like = getattr(DOG, field.name)
        count = len(like) if isinstance(like, tuple) else 1
        part = tuple(float(x) for x in row[taken : taken + count])
        values[field.name] = part if isinstance(like, tuple) else part[0]
        taken += count
    values["size"] = float(np.exp(values["size"]))
    return Measures(**values)


def mixture(animals: list[Measures], shares: np.ndarray) -> Measures:
    """The weighted mean of animals; sizes are averaged as ratios."""
    return from_row(np.asarray(shares) @ np.stack([as_row(a) for a in animals]))


DOG = Measures(
    size=0.62,
    top=(0.07, 0.14, 0.15, 0.155, 0.185, 0.205, 0.08),
    bottom=(-0.1, -0.14, -0.12, -0.2, -0.26, -0.25, -0.15),
    wide=(0.07, 0.115, 0.105, 0.135, 0.15, 0.135, 0.1),
    leg=0.74,
    shoulder=(0.75, -0.06),
    elbow=(0.6, -0.24),
    carpus=0.38,
    fetlock=0.13,
    stance=(0.115, 0.115),
    fore_thick=(0.066, 0.052, 0.033, 0.027, 0.03),
    stifle=(0.1, 0.63),
    hock=(-0.12, 0.27),
    hind_fetlock=(-0.09, 0.09),
    hind_thick=(0.08, 0.066, 0.036, 0.03, 0.026, 0.029),
    thigh=0.14,
    foot=(0.12, 0.045, 0.035),
    toes=1.0,
    neck=0.37,
    neck_angle=44.0,
    neck_arch=0.01,
    neck_root=(0.095, 0.135),
    neck_end=(0.076, 0.085),
    head=0.42,
    head_angle=22.0,
    skull=(0.1, 0.095),
    muzzle=0.5,
    stop=0.036,
    muzzle_root=(0.06, 0.062),
    muzzle_end=(0.047, 0.046),
    jaw=(0.037, 0.024),
    cheek=0.05,
    eye=0.018,
    nose=0.026,
    ear=0.17,
    ear_wide=0.05,
    ear_angle=-10.0,
    ear_turn=10.0,
    ear_bend=-70.0,
    tail=0.55,
    tail_angle=20.0,
    tail_thick=(0.034, 0.03, 0.014),
)
CAT = replace(
    DOG,
    size=0.32,
    top=(0.06, 0.14, 0.15, 0.145, 0.145, 0.15, 0.06),
    bottom=(-0.08, -0.13, -0.15, -0.17, -0.18, -0.17, -0.12),
    wide=(0.065, 0.11, 0.11, 0.125, 0.12, 0.105, 0.09),
    leg=0.62,
    shoulder=(0.74, -0.08),
    elbow=(0.6, -0.2),
    carpus=0.3,
    fetlock=0.1,
    stance=(0.085, 0.09),
    fore_thick=(0.055, 0.046, 0.033, 0.03, 0.032),
    stifle=(0.13, 0.6),
    hock=(-0.14, 0.27),
    hind_fetlock=(-0.1, 0.08),
    hind_thick=(0.08, 0.064, 0.037, 0.03, 0.028, 0.031),
    thigh=0.14,
    foot=(0.11, 0.046, 0.034),
    neck=0.25,
    neck_angle=36.0,
    neck_root=(0.09, 0.12),
    neck_end=(0.09, 0.095),
    head=0.34,
    head_angle=12.0,
    skull=(0.122, 0.108),
    muzzle=0.29,
    stop=0.04,
    muzzle_root=(0.06, 0.05),
    muzzle_end=(0.046, 0.036),
    jaw=(0.034, 0.024),
    cheek=0.058,
    eye=0.021,
    nose=0.017,
    ear=0.13,
    ear_wide=0.052,
    ear_angle=52.0,
    ear_turn=12.0,
    ear_bend=8.0,
    tail=0.85,
    tail_angle=24.0,
    tail_thick=(0.03, 0.028, 0.02),
)
HORSE = replace(
    DOG,
    size=1.6,
    top=(0.08, 0.175, 0.165, 0.145, 0.16, 0.185, 0.04),
    bottom=(-0.1, -0.2, -0.24, -0.285, -0.28, -0.255, -0.16),
    wide=(0.09, 0.16, 0.155, 0.17, 0.165, 0.135, 0.1),
    leg=0.83,
    shoulder=(0.78, -0.09),
    elbow=(0.62, -0.24),
    carpus=0.54,
    fetlock=0.19,
    stance=(0.11, 0.11),
    fore_thick=(0.08, 0.056, 0.042, 0.025, 0.03),
    stifle=(0.09, 0.67),
    hock=(-0.11, 0.37),
    hind_fetlock=(-0.095, 0.15),
    hind_thick=(0.1, 0.076, 0.045, 0.042, 0.027, 0.031),
    thigh=0.17,
    foot=(0.1, 0.046, 0.075),
    toes=0.15,
    neck=0.56,
    neck_angle=44.0,
    neck_arch=0.035,
    neck_root=(0.1, 0.2),
    neck_end=(0.062, 0.1),
    head=0.4,
    head_angle=48.0,
    skull=(0.07, 0.1),
    muzzle=0.62,
    stop=0.006,
    muzzle_root=(0.05, 0.076),
    muzzle_end=(0.042, 0.046),
    jaw=(0.032, 0.024),
    cheek=0.06,
    eye=0.016,
    nose=0.016,
    ear=0.12,
    ear_wide=0.028,
    ear_angle=66.0,
    ear_turn=35.0,
    ear_bend=5.0,
    tail=0.62,
    tail_angle=34.0,
    tail_thick=(0.032, 0.042, 0.022),
)
ZEBRA = replace(
    HORSE,
    size=1.3,
    leg=0.76,
    neck=0.52,
    neck_root=(0.1, 0.21),
    neck_end=(0.066, 0.115),
    head=0.42,
    ear=0.14,
    ear_wide=0.036,
    tail_thick=(0.032, 0.02, 0.032),
)
COW = replace(
    HORSE,
    size=1.6,
    top=(0.11, 0.16, 0.155, 0.15, 0.155, 0.165, 0.05),
    bottom=(-0.12, -0.25, -0.3, -0.325, -0.31, -0.28, -0.21),
    wide=(0.1, 0.175, 0.18, 0.21, 0.185, 0.14, 0.1),
    leg=0.68,
    shoulder=(0.77, -0.1),
    elbow=(0.62, -0.24),
    carpus=0.5,
    fetlock=0.17,
    stance=(0.11, 0.125),
    fore_thick=(0.075, 0.056, 0.041, 0.031, 0.034),
    stifle=(0.09, 0.66),
    hock=(-0.11, 0.36),
    hind_fetlock=(-0.095, 0.14),
    hind_thick=(0.09, 0.07, 0.045, 0.043, 0.03, 0.034),
    thigh=0.14,
    foot=(0.1, 0.048, 0.06),
    toes=0.35,
    neck=0.38,
    neck_angle=20.0,
    neck_arch=0.0,
    neck_root=(0.1, 0.22),
    neck_end=(0.075, 0.115),
    head=0.385,
    head_angle=46.0,
    skull=(0.092, 0.094),
    muzzle=0.58,
    stop=0.004,
    muzzle_root=(0.064, 0.075),
    muzzle_end=(0.066, 0.06),
    jaw=(0.044, 0.026),
    nose=0.03,
    ear=0.15,
    ear_wide=0.044,
    ear_angle=0.0,
    ear_turn=-12.0,
    ear_bend=-12.0,
    tail=0.66,
    tail_angle=40.0,
    tail_thick=(0.03, 0.018, 0.026),
)
HIPPO = replace(
    COW,
    size=2.2,
    top=(0.09, 0.17, 0.19, 0.19, 0.19, 0.19, 0.08),
    bottom=(-0.1, -0.2, -0.28, -0.32, -0.32, -0.29, -0.22),
    wide=(0.09, 0.2, 0.235, 0.26, 0.245, 0.2, 0.15),
    leg=0.5,
    shoulder=(0.74, -0.1),
    elbow=(0.62, -0.2),
    carpus=0.46,
    fetlock=0.17,
    stance=(0.18, 0.185),
    fore_thick=(0.1, 0.086, 0.07, 0.064, 0.066),
    stifle=(0.085, 0.6),
    hock=(-0.055, 0.36),
    hind_fetlock=(-0.045, 0.15),
    hind_thick=(0.105, 0.09, 0.076, 0.066, 0.062, 0.066),
    thigh=0.17,
    foot=(0.11, 0.07, 0.05),
    toes=1.0,
    neck=0.3,
    neck_angle=12.0,
    neck_root=(0.16, 0.22),
    neck_end=(0.13, 0.165),
    head=0.46,
    head_angle=18.0,
    skull=(0.13, 0.12),
    muzzle=0.6,
    stop=0.012,
    muzzle_root=(0.112, 0.105),
    muzzle_end=(0.132, 0.098),
    jaw=(0.108, 0.056),
    cheek=0.08,
    eye=0.022,
    nose=0.03,
    ear=0.08,
    ear_wide=0.034,
    ear_angle=52.0,
    ear_turn=0.0,
    ear_bend=0.0,
    tail=0.26,
    tail_angle=34.0,
    tail_thick=(0.045, 0.03, 0.016),
)
FAMILIES = {"cat": CAT, "dog": DOG, "horse": HORSE, "cow": COW, "hippo": HIPPO, "zebra": ZEBRA}
# Nobody's child: what the template is, half way to everybody.
MEAN = mixture([CAT, DOG, HORSE, COW, HIPPO], np.array([0.2, 0.3, 0.2, 0.2, 0.1]))
