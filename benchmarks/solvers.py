"""Three solvers on the energy of the clip fit: Levenberg-Marquardt, L-BFGS and Adam.

    python benchmarks/solvers.py --data DIR [--clip NAME ...] [--frames N]

DIR holds clips/clip_*.npz. All begin at the same start and lower the same energy, that of the whole
clip with smoothness, one shape a person and a fixed focal length. The first-order methods take
its gradient from the normal equations, which costs more than the gradient alone would; the column
`gradient_s` is what they would need if a gradient cost as much as the energy's forward and
backward pass through autograd (the cheaper of the two measured). CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from fit_accuracy import read_clip
from torch import Tensor

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.capture.people import track_people
from layfigure.engine.fitting.people import gather_people, guesses_of
from layfigure.engine.fitting.problem import Problem, State
from layfigure.engine.fitting.solver import minimise
from layfigure.engine.fitting.staged.optimise import Evaluate, Limits, adam, lbfgs
from layfigure.engine.fitting.start import clip_start
from layfigure.engine.geometry.rotations import left_jacobian

SMOOTH = {"turn": 40.0, "move": 400.0, "bend": 25.0, "bend_speed": 0.5}
CLIPS = ("wave_close", "jacks_front", "dab_dance")


def first_order(problem: Problem, start: State) -> Evaluate:
    """The problem's energy and gradient by steps (B, T * D + S) away from `start`.

    The root turns by left-multiplied increments, so the gradient at a step goes through the left
    Jacobian of that step.
    """
    frames, size = start.root.shape[1], problem.kinematics.free.size

    def evaluate(x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        everyone = x.new_zeros(len(start.root), x.shape[1])
        everyone[rows] = x
        steps = everyone[:, : frames * size].unflatten(1, (frames, size))
        system = problem.linearise(problem.step(start, steps, everyone[:, frames * size :]))
        gradient = system.gradient.clone()
        turn = left_jacobian(steps[..., :3]).transpose(-1, -2) @ system.gradient[..., :3, None]
        gradient[..., :3] = turn[..., 0]
        whole = torch.cat([gradient.flatten(1), system.shared_gradient], 1)
        return system.cost[rows], 2 * whole[rows]

    return evaluate


def gradient_alone(problem: Problem, state: State) -> float:
    """Seconds of one pass forward and backward through the keypoints, which is most of a gradient.

    The other terms are sums over the unknowns and cost next to nothing.
    """
    flat = [getattr(state, f).flatten(0, 1) for f in ("root", "position", "pose", "expression")]
    betas = state.betas.repeat_interleave(state.root.shape[1], 0)
    best = np.inf
    for _ in range(3):
        root, position, pose, expression = (x.detach().requires_grad_() for x in flat)
        begun = time.process_time()
        posed = problem.kinematics.pose(root, position, pose, betas, expression)
        plane = posed.points[..., :2] / posed.points[..., 2:]
        (plane.square().sum()).backward()
        best = min(best, time.process_time() - begun)
    return best


def compare(path: Path, frames: int) -> list[dict]:
    clip, _ = read_clip(path)
    if frames:
        clip = replace(clip, points=clip.points[:frames])
        if isinstance(clip.focal, np.ndarray):
            clip = replace(clip, focal=clip.focal[:frames])
    body, like = load_shipped(), torch.zeros(0, dtype=torch.float64)
    people = gather_people(track_people(clip), body, False, clip.focal, like)
    guesses = guesses_of(people, people.problem.focal_start.exp())
    known = torch.tensor(people.known)
    start = clip_start(people.problem, guesses, known, clip.fps, lambda _: None)
    prior = guesses.prior(start, known, people.problem.prior, people.problem.weights.prior**2)
    problem = replace(people.problem, prior=prior)
    problem = problem.with_weights(robust=6.0, focal=0.0, **SMOOTH)
    count = len(start.root)
    unknowns = start.root.shape[1] * problem.kinematics.free.size + start.betas.shape[1]
    evaluate = first_order(problem, start)
    zero = like.new_zeros(count, unknowns)
    before, full = 0.0, np.inf
    for _ in range(5):  # the first call is slower than the rest
        begun = time.process_time()
        before = float(evaluate(zero, torch.arange(count))[0].sum())
        full = min(full, time.process_time() - begun)
    alone = min(gradient_alone(problem, start), full)
    name = path.stem.removeprefix("clip_")
    rows = [{"clip": name, "solver": "start", "energy": before}]
    for iterations in (5, 10, 30):
        begun = time.process_time()
        _, cost = minimise(problem, start, iterations, 0.0)
        spent = time.process_time() - begun
        rows.append(_row(name, f"LM {iterations}", float(cost.sum()), spent, iterations + 1))
    reference = rows[2]
    for iterations in (100, 400):
        begun = time.process_time()
        found = lbfgs(evaluate, zero, Limits(iterations, 0.0, 0.0))
        rows.append(_first(name, f"L-BFGS {iterations}", found, begun, full, alone))
    for rate in (0.003, 0.01, 0.03):
        begun = time.process_time()
        found = adam(evaluate, zero, Limits(400, -1.0, 0.0, rate))
        rows.append(_first(name, f"Adam 400 lr {rate:g}", found, begun, full, alone))
    for row in rows[1:]:
        row["energy_ratio"] = row["energy"] / reference["energy"]
        row["time_ratio"] = row["gradient_s"] / reference["gradient_s"]
    return rows


def _row(clip: str, solver: str, energy: float, seconds: float, evaluations: int) -> dict:
    return {"clip": clip, "solver": solver, "energy": energy, "evaluations": evaluations,
            "cpu_s": seconds, "gradient_s": seconds}  # fmt: skip


def _first(clip: str, solver: str, found, begun: float, full: float, alone: float) -> dict:
    spent = time.process_time() - begun
    row = _row(clip, solver, float(found.energy.sum()), spent, found.evaluations)
    row["gradient_s"] = max(spent - found.evaluations * (full - alone), 0.0)
    return row


COLUMNS = ("clip", "solver", "energy", "energy_ratio", "evaluations", "cpu_s", "gradient_s",
           "time_ratio")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clip", nargs="*", default=CLIPS, help="which clips")
    parser.add_argument("--frames", type=int, default=0, help="only the first so many frames")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(" ".join(f"{c:>16}" for c in COLUMNS))
    for name in args.clip:
        for row in compare(args.data / "clips" / f"clip_{name}.npz", args.frames):
            cells = [row.get(c, "") for c in COLUMNS]
            shown = (f"{c:16.3f}" if isinstance(c, float) else f"{c!s:>16}" for c in cells)
            print(" ".join(shown), flush=True)


if __name__ == "__main__":
    main()
