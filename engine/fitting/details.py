"""Hands and face, fitted on top of the body where they are seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import Tensor

from ..bodies.pose_prior import pose_prior
from ..formats.body_file import BodyData
from ..formats.keypoints import KEYPOINT_NAMES
from .collision import COLLIDE
from .evidence import FACE_POINTS, LEFT_HAND_POINTS, RIGHT_HAND_POINTS, measure
from .kinematics import Kinematics, Parameters
from .options import FitOptions
from .people import People
from .problem import Problem, State
from .solver import minimise

# Weights of a part that is fitted on a body that stays; the angles of fingers have no heavy tails.
_ALONE = {"focal": 0.0, "stand": 0.0, "bend_speed": 0.5, "prior": 0.6, "tail": 1e3}
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def fit_details(
    problem: Problem,
    state: State,
    body: BodyData,
    people: People,
    options: FitOptions,
    tick: Callable[[str], None],
) -> State:
    """Fingers, jaw and expression of every person; the body, shape and camera stay.

    What is not seen stays at the prior and moves smoothly.
    """
    names = list(body.joint_names)
    parts: list[tuple[str, tuple[int, ...], list[str], int]] = []
    if options.hands:
        for side, shown in (("left", LEFT_HAND_POINTS), ("right", RIGHT_HAND_POINTS)):
            joints = [f"{side}_{finger}{k}" for finger in _FINGERS for k in (1, 2, 3)]
            parts.append(("Fitting the hands", shown, [f"{side}_wrist", *joints], 0))
    if options.face:
        parts.append(("Fitting the face", FACE_POINTS, ["jaw"], body.exprdirs.shape[2]))
    rows = {name: i for i, name in enumerate(body.keypoint_names)}
    for message, wanted, joints, expressions in parts:
        shown = tuple(k for k in wanted if KEYPOINT_NAMES[k] in rows)
        if not shown or not set(joints) <= set(names):
            continue
        evidence = measure(
            people.points, shown, people.centre, people.sizes, state.betas, people.trusted
        )
        if not bool((evidence.weights > 0).any()):
            continue
        free = Parameters(tuple(names.index(j) for j in joints), False, expressions)
        table = [rows[KEYPOINT_NAMES[k]] for k in shown]
        part = replace(
            problem,
            kinematics=Kinematics(body, table, free, state.betas),
            points=shown,
            evidence=evidence,
            prior=pose_prior(joints).to(state.betas),
            shape_free=False,
            held=None,
        )
        part = part.with_weights(**_ALONE, bend=8.0 * options.smooth)
        part = part.with_weights(collide=0.0 if expressions else COLLIDE)
        state, _ = minimise(part, state, 8, 1e-3, partial(tick, message))
    state.expression = _within(state.expression)
    return state


def _within(expression: Tensor) -> Tensor:
    """Facial actions go from 0 (rest) to 1 (full)."""
    return expression.clamp(0.0, 1.0)
