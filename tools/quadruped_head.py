"""Neck, head and ears of an animal."""

from __future__ import annotations

import numpy as np
from quadruped_measures import Measures
from quadruped_parts import SIDE, Anatomy, part


def _turned(degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Forward and up of a frame raised by an angle."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([c, 0, s]), np.array([-s, 0, c])


def add_neck_and_head(body: Anatomy, m: Measures) -> None:
    """Add them, their joints and marks."""
    along, up = _turned(m.neck_angle)
    root = np.array([0.66, 0, (m.top[5] + m.bottom[5]) / 2 + 0.06])
    poll = root + (m.neck + 0.06) * along
    arch = m.neck_arch * up
    shares = np.array([0, 0.4, 0.75, 1.0])[:, None]
    radii = np.array(m.neck_root) * (1 - shares) ** 1.25 + m.neck_end * (1 - (1 - shares) ** 1.25)
    nodes = root + shares * (poll - root) + np.array([0, 1.0, 0.8, 0])[:, None] * arch
    body.parts.append(part("neck", nodes, radii, 0.15, "Neck", 0.05, finer=3))
    body.joints["Neck"] = root + 0.22 * (poll - root) + 0.05 * up
    head, over = _turned(-m.head_angle)
    long = m.head

    def at(forward: float, above: float = 0.0, aside: float = 0.0) -> np.ndarray:
        """A place in the head: parts of its length, units up and aside."""
        return poll + forward * long * head + above * over + aside * SIDE

    wide, deep = m.skull
    brow = 1 - m.muzzle
    (mw, md), (ew, ed), (jw, jd) = m.muzzle_root, m.muzzle_end, m.jaw
    drop = -m.stop
    tip = 1 - 0.75 * ed / long
    low = at(tip - 0.03, 1.1 * drop - 0.85 * ed - 0.2 * jd)
    body.parts += [
        part(
            "skull",
            [at(0.08, -0.02), at(0.5 * brow, 0.0), at(brow - 0.02, 0.3 * drop)],
            [(0.8 * wide, 0.85 * deep), (wide, deep), (0.9 * mw + 0.1 * wide, 0.8 * deep)],
            0.05,
            "Head",
            0.028,
            finer=2,
        ),
        part(
            "muzzle",
            [at(brow - 0.08, drop), at(brow + 0.5 * m.muzzle, 1.05 * drop), at(tip, 1.1 * drop)],
            [(mw, md), (0.47 * mw + 0.47 * ew, 0.5 * md + 0.47 * ed), (ew, ed)],
            0.03,
            "Head",
            0.017,
            finer=2,
        ),
        part(
            "cheek",
            [at(0.3 * brow, -0.45 * deep, 0.5 * wide), at(0.9 * brow, -0.4 * deep, 0.5 * mw)],
            [(0.6 * m.cheek, m.cheek), (0.6 * m.cheek, m.cheek)],
            0.03,
            "Head",
            0.028,
        ),
        part(
            "jaw",
            [at(0.55 * brow, -0.62 * deep), 0.5 * at(0.55 * brow, -0.66 * deep) + 0.5 * low, low],
            [(0.7 * wide, 0.4 * deep), (0.5 * (mw + jw), 0.25 * deep + 0.5 * jd), (jw, jd)],
            0.012,
            "Mouth",
            0.017,
            finer=2,
        ),
        part(
            "nose",
            [at(tip, 1.1 * drop + 0.5 * ed), at(1 - 0.1 * m.nose / long, 1.1 * drop + 0.45 * ed)],
            [(m.nose, 0.8 * m.nose), (0.95 * m.nose, 0.7 * m.nose)],
            0.008,
            "Head",
            0.014,
        ),
    ]
    socket = at(brow - 0.1 * (1 - m.muzzle), 0.3 * deep, 0.62 * wide)
    body.parts += [
        part(
            "brow",
            [socket + 0.6 * m.eye * over - 0.4 * m.eye * head, socket + 0.5 * m.eye * over],
            [(0.7 * m.eye, 0.6 * m.eye), (0.6 * m.eye, 0.5 * m.eye)],
            0.03,
            "Head",
            0.016,
        ),
        part(
            "eye",
            [socket + (0, 0.45 * m.eye, 0), socket + 0.2 * m.eye * head + (0, 0.5 * m.eye, 0)],
            [(m.eye, m.eye), (m.eye, m.eye)],
            0.006,
            "Head",
            0.012,
        ),
    ]
    body.joints |= {"Head": at(0.05, -0.02), "Mouth": at(0.5 * brow, -0.5 * deep)}
    body.marks |= {
        "nose": at(1.0, 1.1 * drop + 0.45 * ed) + 0.8 * m.nose * head,
        "chin": low + 0.5 * jd * head - jd * over,
        "eye": socket + (0, 1.2 * m.eye, 0),
        "throat": at(0.12, -1.3 * deep),
    }
    _ear(body, m, at(0.2 * brow, 0.62 * deep, 0.6 * wide))


def _ear(body: Anatomy, m: Measures, base: np.ndarray) -> None:
    """A bent plate, its hollow forward."""
    turn = np.radians(m.ear_turn)
    outward = np.array([0.25 * np.sin(turn), np.cos(turn), 0])
    angles = np.radians(m.ear_angle + m.ear_bend * np.array([0.0, 0.55, 1.0]))
    steps = [np.cos(a) * outward + np.sin(a) * np.array([-0.15, 0, 1.0]) for a in angles]
    steps = [s / np.linalg.norm(s) for s in steps]
    nodes = [base - 0.1 * m.ear * steps[0], base + 0.3 * m.ear * steps[0]]
    nodes += [nodes[-1] + 0.4 * m.ear * steps[1]]
    nodes += [nodes[-1] + 0.22 * m.ear * steps[2]]
    # The plate looks forward and outward; its width lies across that and its length.
    face = np.array([np.cos(turn + 0.35), np.sin(turn + 0.35), 0.0])
    across = np.cross(face, nodes[3] - nodes[0])
    across /= np.linalg.norm(across)
    w, t = m.ear_wide, 0.013
    body.parts.append(
        part(
            "ear",
            nodes,
            [(0.75 * w, 1.6 * t), (w, 1.15 * t), (0.78 * w, t), (0.16 * w, 0.8 * t)],
            0.02,
            "LEar",
            0.018,
            side=across,
            cup=0.45,
            finer=2,
        )
    )
    body.joints["LEar"] = base
    body.marks |= {"ear base": base + 0.06 * m.ear * steps[0], "ear tip": nodes[3]}
