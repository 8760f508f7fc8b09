"""What a quadruped does above its legs: the body bobs, the back bends, neck, tail and ears live.

Turns about y: a head goes down and a tail up with positive ones; about z: to the left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..formats.animal_file import AnimalData

_SPINE = ("pelvis0", "spine", "spine0", "spine1", "spine2", "spine3")
_DEEPEST = 1.3  # radians that a neck can go down
_TAIL = tuple(f"Tail{i}" for i in range(1, 8))


@dataclass(frozen=True)
class Gait:
    """How a gait goes; lengths in heights of the hip, speed in roots of that height times g."""

    touches: tuple[float, ...] = ()  # when in the stride paws land: LF, RF, LB, RB; none: stands
    stands: float = 1.0  # part of the stride that a paw is on the ground
    speed: float = 0.0
    stride: float = 0.0
    lowered: float = 0.03
    lift: float = 0.0  # of the paws
    bob: float = 0.0
    bobs: int = 1  # times in a stride
    rock: float = 0.0  # radians of pitch
    flex: float = 0.0  # radians of the back


@dataclass
class Figure:
    """A shape at rest."""

    data: AnimalData
    vertices: np.ndarray  # (V, 3)
    joints: np.ndarray  # (J, 3)
    ground: float  # z of what it stands on

    @property
    def hip(self) -> float:
        """Height of the root joint, metres."""
        return float(self.joints[0, 2]) - self.ground

    @property
    def trunk(self) -> float:
        """From hips to shoulders, metres."""
        return float(self.joints[self.data.joint_names.index("LLeg1"), 0] - self.joints[0, 0])


@dataclass
class BodyMotion:
    """How the body moves, T frames; the legs' turns and the root's are still zero."""

    turns: np.ndarray  # (T, J, 3) axis-angle
    rise: np.ndarray  # (T,) of the root above its height at rest, metres
    ahead: np.ndarray  # (T,) of the root, metres
    pitch: np.ndarray  # (T,) of the root, radians
    roll: np.ndarray  # (T,)
    gather: np.ndarray  # (T,) how far the back paws come forward, metres


def wander(rng: np.random.Generator, time: np.ndarray, rate: float) -> np.ndarray:
    """(T,) a smooth random course of usual size 1 that turns round about `rate` times a second."""
    waves = rate * rng.uniform(0.4, 1.4, 4)
    phases = rng.uniform(0, 2 * np.pi, 4)
    return np.sin(2 * np.pi * np.outer(time, waves) + phases).sum(1) / np.sqrt(2)


def move_body(
    name: str,
    kind: Gait,
    figure: Figure,
    time: np.ndarray,
    phase: np.ndarray,
    bend: np.ndarray,
    rng: np.random.Generator,
) -> BodyMotion:
    """The body in a gait at `time` (T,), seconds, and `phase`, strides; `bend` of the trunk."""
    zeros = (np.zeros(len(time)) for _ in range(5))
    body = BodyMotion(np.zeros((len(time), len(figure.joints), 3)), *zeros)
    turns = {joint: body.turns[:, i] for i, joint in enumerate(figure.data.joint_names)}
    stride = 2 * np.pi * phase
    _bounce(body, name, kind, figure.hip, stride)
    arch = kind.flex * np.cos(stride - 2 * np.pi * 0.95) if name == "gallop" else 0.0
    body.pitch -= arch / 2
    sway = kind.flex * np.sin(stride) if name != "gallop" else 0.0
    for joint in _SPINE:
        turns[joint][:, 1] = arch / len(_SPINE)
        turns[joint][:, 2] = (bend + sway) / len(_SPINE)
    _carry_head(turns, name, kind, stride, time, rng)
    if name == "graze":
        _lower_head(turns, figure, time, rng)
    elif name == "look":
        _look(turns, time, rng)
    elif name == "sit":
        _sit(body, turns, figure, time)
    _wag(body, turns, figure, kind, stride, time, rng)
    return body


def _bounce(body: BodyMotion, name: str, kind: Gait, hip: float, stride: np.ndarray) -> None:
    """Up and down, and to and fro, with the stride."""
    if not kind.touches:
        body.rise -= kind.lowered * hip
        return
    # A walk vaults over the standing leg, highest in its middle; running, the body sinks there.
    standing = np.pi * kind.stands * kind.bobs
    wave = np.cos(kind.bobs * stride - standing)
    body.rise += hip * (kind.bob * (wave if name == "walk" else -wave) - kind.lowered)
    body.pitch -= kind.rock * np.cos(kind.bobs * stride - standing - 0.4)
    body.roll += 0.025 * np.sin(stride)


def _carry_head(
    turns: dict[str, np.ndarray],
    name: str,
    kind: Gait,
    stride: np.ndarray,
    time: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """The neck nods with the steps, the head stays level, ears and jaw move a little."""
    nod = {"walk": 0.05, "trot": 0.015, "gallop": 0.10}.get(name, 0.0)
    bow = nod * np.sin(max(kind.bobs, 1) * stride + 0.8)
    bow += rng.normal(0, 0.08) + 0.04 * wander(rng, time, 0.4) + (0.15 if name == "gallop" else 0)
    turns["Neck"][:, 1] += bow
    turns["Head"][:, 1] += rng.normal(0, 0.06) - 0.7 * bow
    turns["Neck"][:, 2] += 0.06 * wander(rng, time, 0.4)
    turns["Head"][:, 2] += 0.06 * wander(rng, time, 0.5)
    turns["Mouth"][:, 1] += 0.08 * np.clip(wander(rng, time, 0.5), 0, 2)
    for ear in ("LEar", "REar"):
        turns[ear][:, 1] += 0.1 * wander(rng, time, 0.6)
        turns[ear][:, 2] += 0.12 * wander(rng, time, 0.5)


def _lower_head(
    turns: dict[str, np.ndarray], figure: Figure, time: np.ndarray, rng: np.random.Generator
) -> None:
    """The mouth comes down to the grass, chews, and comes up at times."""
    down = _smooth(np.clip(0.9 + 0.6 * wander(rng, time, 0.25), 0, 1))
    shares = {"spine3": 0.12, "Neck": 1.0, "Head": -0.35}
    whole = _bow_to_ground(figure, shares)
    for joint, share in shares.items():
        turns[joint][:, 1] += whole * share * down
    sweep = 0.15 * wander(rng, time, 0.3)
    turns["Neck"][:, 2] += sweep * down
    turns["Mouth"][:, 1] += 0.07 * (1 + np.sin(2 * np.pi * 1.6 * time)) * down


def _bow_to_ground(figure: Figure, shares: dict[str, float]) -> float:
    """Radians of which the joints take their shares until the head touches the ground."""
    names = figure.data.joint_names
    numbers = [names.index(joint) for joint in (*shares, "Mouth")]
    head = figure.data.weights[:, numbers[-2:]].sum(1) > 0.5
    for angle in np.linspace(0, _DEEPEST, 51):
        points = figure.vertices[head]
        for joint, share in reversed(shares.items()):
            c, s = np.cos(angle * share), np.sin(angle * share)
            centre = figure.joints[names.index(joint)]
            points = (points - centre) @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + centre
        # A standing animal is a little lower than at rest, and grass has a height.
        if points[:, 2].min() < figure.ground + 0.06 * figure.hip:
            break
    return float(angle)


def _look(turns: dict[str, np.ndarray], time: np.ndarray, rng: np.random.Generator) -> None:
    """It turns its head about and lifts it."""
    aside, up = wander(rng, time, 0.3), wander(rng, time, 0.25)
    for joint, share in (("Neck", 0.35), ("Head", 0.3)):
        turns[joint][:, 2] += share * aside
        turns[joint][:, 1] -= 0.1 * up
    turns["Head"][:, 0] += 0.1 * wander(rng, time, 0.3)


def _sit(body: BodyMotion, turns: dict[str, np.ndarray], figure: Figure, time: np.ndarray) -> None:
    """The hips go down over the folding back legs while the shoulders stay where they are."""
    length = max(time[-1], 1e-3)
    down = _smooth(np.clip((time / length - 0.1) / 0.45, 0, 1))
    hips = [figure.data.joint_names.index(name) for name in ("root", "pelvis0", "spine")]
    under = figure.vertices[figure.data.weights[:, hips].sum(1) > 0.5, 2].min() - figure.ground
    drop = down * min(0.55 * figure.hip, 0.8 * figure.trunk, 0.9 * under)
    tilt = np.arcsin(drop / figure.trunk)
    body.rise -= drop
    body.pitch -= tilt
    body.ahead += figure.trunk * (1 - np.cos(tilt))
    body.gather += 0.35 * figure.hip * down
    turns["Neck"][:, 1] += 0.3 * tilt
    turns["Head"][:, 1] += 0.6 * tilt


def _wag(
    body: BodyMotion,
    turns: dict[str, np.ndarray],
    figure: Figure,
    kind: Gait,
    stride: np.ndarray,
    time: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """The tail, carried high or low, swings from its root to its tip."""
    carried = rng.uniform(-0.8, 0.3) + (0.3 if kind.speed > 0.5 else 0.0)
    curl, width, rate = rng.normal(0, 0.08), rng.uniform(0.03, 0.10), rng.uniform(0.5, 1.8)
    lifted = np.maximum(carried, _lowest_tail(body, figure) + 3 * abs(curl))
    swing = 0.05 * wander(rng, time, 0.5)
    beat = stride if kind.touches else 2 * np.pi * rate * time
    for i, joint in enumerate(_TAIL):
        turns[joint][:, 2] += width * np.sin(beat - 0.6 * i) + 0.3 * swing
        turns[joint][:, 1] += (lifted * (0.55, 0.3, 0.15)[i] if i < 3 else curl) + 0.4 * swing


def _lowest_tail(body: BodyMotion, figure: Figure) -> np.ndarray:
    """(T,) radians of the tail with which it would lie on the ground."""
    tail = figure.data.weights[:, [figure.data.joint_names.index(j) for j in _TAIL]].sum(1) > 0.5
    start = figure.joints[figure.data.joint_names.index(_TAIL[0])]
    tip = figure.vertices[tail][figure.vertices[tail, 0].argmin()] - start
    length = float(np.hypot(tip[0], tip[2]))
    # Nose up is tail down, and lowers what is behind the hips.
    height = start[2] - figure.ground + body.rise + start[0] * -np.sin(body.pitch)
    steepest = np.arcsin(np.clip((height - 0.12 * figure.hip) / length, -0.2, 1))
    return -steepest - np.arctan2(tip[2], -tip[0]) - body.pitch


def _smooth(part: np.ndarray) -> np.ndarray:
    return part * part * (3 - 2 * part)
