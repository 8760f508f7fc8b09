"""From measures to a skeleton and to the parts that the body's surface blends."""

from __future__ import annotations

import numpy as np
from quadruped_head import add_neck_and_head
from quadruped_legs import add_fore_leg, add_hind_leg
from quadruped_measures import STATIONS, Measures
from quadruped_parts import Anatomy, part
from scipy.interpolate import PchipInterpolator

SPINE = ("root", "pelvis0", "spine", "spine0", "spine1", "spine2", "spine3")
_SPINE_X = np.array([0.0, 0.09, 0.2, 0.32, 0.44, 0.55, 0.66])


def anatomy(m: Measures) -> Anatomy:
    """The skeleton and the parts of an animal."""
    body = Anatomy({}, [], {}, -m.leg)
    _trunk(body, m)
    add_hind_leg(body, m)
    add_fore_leg(body, m)
    add_neck_and_head(body, m)
    _tail(body, m)
    return body


def _trunk(body: Anatomy, m: Measures) -> None:
    top, bottom, wide = (np.asarray(row) for row in (m.top, m.bottom, m.wide))
    middle, deep = (top + bottom) / 2, (top - bottom) / 2
    nodes = np.stack([STATIONS, 0 * STATIONS, middle], 1)
    radii = np.stack([wide, deep], 1)
    # The ends are capped by their own depth: the outline begins that much further in.
    nodes[0, 0] += 0.5 * wide[0]
    nodes[-1, 0] -= 0.4 * wide[-1]
    trunk = part("trunk", nodes, radii, 0.0, "root", 0.06, finer=3)
    # A segment hangs on the joint of the spine behind it.
    centres = (trunk.nodes[1:, 0] + trunk.nodes[:-1, 0]) / 2
    trunk.bones = tuple(SPINE[max(int((x >= _SPINE_X).sum()) - 1, 0)] for x in centres)
    body.parts.append(trunk)
    back = PchipInterpolator(STATIONS, top)(_SPINE_X)
    floor = PchipInterpolator(STATIONS, bottom)(_SPINE_X)
    for name, x, high, low in zip(SPINE, _SPINE_X, back, floor, strict=True):
        body.joints[name] = np.array([x, 0, 0.72 * high + 0.28 * low])
    body.joints["root"] = np.zeros(3)
    body.marks["withers"] = np.array([0.64, 0, PchipInterpolator(STATIONS, top)(0.64)])


def _tail(body: Anatomy, m: Measures) -> None:
    # As much of any tail is buried in the rump.
    rump = STATIONS[0] - 0.5 * m.wide[0]
    start = np.array([rump + 0.12 * m.tail, 0, m.top[0] + 0.005])
    shares = np.arange(8) / 7
    # It leaves the back level and sinks to its angle.
    angles = np.radians(m.tail_angle) * (0.6 + 0.6 * shares)
    steps = np.stack([-np.cos(angles), 0 * angles, -np.sin(angles)], 1) * (m.tail / 7)
    nodes = start + np.concatenate([[np.zeros(3)], np.cumsum(steps[:-1], 0)])
    thick = PchipInterpolator([0, 0.5, 1], m.tail_thick)(shares)
    bones = [f"Tail{i}" for i in range(1, 8)]
    inner = np.concatenate([[start + (0.06, 0, -0.01)], nodes])
    radii = np.repeat(np.concatenate([[1.2 * thick[0]], thick]), 2).reshape(-1, 2)
    body.parts.append(part("tail", inner, radii, 0.04, ("Tail1", *bones), 0.03))
    for name, node in zip(bones, nodes[:-1], strict=True):
        body.joints[name] = node
    body.marks |= {"tail start": nodes[0], "tail end": nodes[-1] + 0.8 * thick[-1] * steps[-1]}
