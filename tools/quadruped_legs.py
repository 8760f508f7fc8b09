"""Legs and feet of an animal, the left ones."""

from __future__ import annotations

import numpy as np
from quadruped_measures import Measures
from quadruped_parts import Anatomy, part


def _foot(body: Anatomy, m: Measures, name: str, bone: str, top: np.ndarray, thick: float) -> None:
    """Pad or hoof and four toes below the fetlock `top`."""
    length, wide, high = m.foot
    ground, y = body.ground, top[1]

    def at(forward: float, z: float, aside: float = 0.0) -> tuple[float, float, float]:
        return (top[0] + forward * length, y + aside * wide, ground + z)

    upper, sole = 0.75 * wide, wide
    body.parts.append(
        part(
            name + "pad",
            [top, at(0.3, 0.95 * high + 0.1 * thick), at(0.48, 0.3 * high)],
            [(thick, 1.1 * thick), (upper, 0.95 * upper), (sole, 0.95 * sole)],
            0.9 * thick,
            bone,
            0.022,
        )
    )
    for number, aside in enumerate((-0.66, -0.24, 0.24, 0.66)):
        reach = 0.92 if abs(aside) > 0.5 else 1.0
        radius = 0.4 * wide
        along = 0.55 + (0.8 * reach - 0.55) * m.toes
        tip = at(along, 0.6 * radius, aside * m.toes)
        knuckle = at(0.5 * along + 0.1, 0.9 * high, 0.85 * aside * m.toes)
        body.parts.append(
            part(
                f"{name}toe{number}",
                [knuckle, tip],
                [(radius, radius), (radius, 0.95 * radius)],
                0.006,
                bone,
                0.018,
            )
        )
    body.marks[name + "toe"] = np.array(at(0.75, 0.25 * high))


def add_fore_leg(body: Anatomy, m: Measures) -> None:
    """Add it with its shoulder."""
    y, ground = m.stance[0], body.ground
    shoulder = np.array([m.shoulder[0], 0.92 * y, m.shoulder[1]])
    elbow = np.array([m.elbow[0], y, m.elbow[1]])
    high = elbow[2] - ground
    carpus = np.array([elbow[0] + 0.02, y, ground + m.carpus * high])
    fetlock = np.array([elbow[0] + 0.015, y, ground + m.fetlock * high])
    arm, fore, wrist, cannon, ankle = m.fore_thick
    blade = (0.59, 0.55 * m.wide[5], m.top[5] - 0.07)
    body.parts += [
        part(
            "blade",
            [blade, shoulder + (-0.03, 0, 0.02)],
            [(0.45 * arm, 0.075), (0.85 * arm, 1.1 * arm)],
            0.09,
            ("spine3",),
            0.05,
        ),
        part(
            "arm",
            [shoulder + (-0.02, 0, 0), (shoulder + elbow) / 2 + (-0.02, 0.01, 0), elbow],
            [(0.8 * arm, arm), (0.95 * arm, 1.3 * arm), (fore, 1.25 * fore)],
            arm,
            "LLeg1",
            0.045,
            finer=2,
        ),
        part(
            "forearm",
            [elbow, 0.7 * elbow + 0.3 * carpus, 0.25 * elbow + 0.75 * carpus, carpus],
            [
                (fore, 1.25 * fore),
                (0.92 * fore, 1.12 * fore),
                (0.8 * wrist + 0.1 * fore, 0.9 * wrist),
                (wrist, 1.05 * wrist),
            ],
            0.6 * fore,
            "LLeg2",
            0.035,
            finer=2,
        ),
        part(
            "cannon",
            [carpus, 0.75 * carpus + 0.25 * fetlock, 0.3 * carpus + 0.7 * fetlock, fetlock],
            [(wrist, 1.05 * wrist), (cannon, 1.1 * cannon), (cannon, cannon), (ankle, ankle)],
            0.6 * wrist,
            "LLeg3",
            0.03,
            finer=2,
        ),
    ]
    body.joints |= {"LLeg1": shoulder, "LLeg2": elbow, "LLeg3": carpus, "LFoot": fetlock}
    _foot(body, m, "fore", "LFoot", fetlock, ankle)


def add_hind_leg(body: Anatomy, m: Measures) -> None:
    """Add it with its haunch."""
    y, ground = m.stance[1], body.ground
    hip = np.array([0.0, 0.75 * y, 0.0])
    stifle = np.array([m.stifle[0], 1.05 * y, ground + m.stifle[1] * m.leg])
    hock = np.array([m.hock[0], y, ground + m.hock[1] * m.leg])
    fetlock = np.array([m.hind_fetlock[0], y, ground + m.hind_fetlock[1] * m.leg])
    thigh, gaskin, low, heel, cannon, ankle = m.hind_thick
    buttock = (-0.105, 0.72 * y, 0.3 * m.top[0] + 0.1 * m.bottom[0])
    calf = 0.5 * stifle + 0.5 * hock
    point = hock + (-0.75 * heel, 0, 0.55 * heel)
    body.parts += [
        part(
            "thigh",
            [(0.02, 0.7 * y, 0.02), (0.035, y, -0.1), stifle + (-0.045, 0, 0.03)],
            [(thigh, m.thigh), (thigh, m.thigh), (0.9 * gaskin, 1.4 * gaskin)],
            thigh,
            ("root", "LLegBack1"),
            0.05,
            finer=2,
        ),
        part(
            "ham",
            [buttock, 0.4 * stifle + 0.6 * hock + (0.035, 0, 0.06)],
            [(0.75 * thigh, 0.6 * m.thigh), (0.9 * low, 1.3 * low)],
            thigh,
            "LLegBack1",
            0.05,
            finer=2,
        ),
        part(
            "gaskin",
            [stifle + (-0.02, 0, 0), 0.7 * stifle + 0.3 * hock, 0.2 * stifle + 0.8 * hock, hock],
            [(gaskin, 1.2 * gaskin), (0.9 * gaskin, 1.25 * gaskin), (low, 1.15 * low), (heel,) * 2],
            0.7 * gaskin,
            "LLegBack2",
            0.035,
            finer=2,
        ),
        part(
            "tendon",
            [calf + (-0.045, 0, 0.02), point],
            [(0.6 * low, 0.7 * low), (0.55 * heel, 0.6 * heel)],
            0.04,
            "LLegBack2",
            0.03,
        ),
        part(
            "hind cannon",
            [hock, 0.75 * hock + 0.25 * fetlock, 0.3 * hock + 0.7 * fetlock, fetlock],
            [(heel, 1.15 * heel), (cannon, 1.3 * cannon), (cannon, 1.1 * cannon), (ankle, ankle)],
            0.9 * heel,
            "LLegBack3",
            0.03,
            finer=2,
        ),
    ]
    body.joints |= {"LLegBack1": hip, "LLegBack2": stifle, "LLegBack3": hock, "LFootBack": fetlock}
    _foot(body, m, "hind", "LFootBack", fetlock, ankle)
