"""The fit of SMPLify-X: weights that change in stages, every frame of every person for itself.

It begins where our own clip fit begins. A person then gets one shape, the mean of those of the
frames, and the last stage runs again with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...formats.body_file import BodyData
from ...formats.keypoints import KeypointClip
from ..clip import choose_device
from ..collision import COLLIDE, Collision
from ..options import FitOptions
from ..paths import fill, fill_rotations
from ..people import People, gather_people, guesses_of
from ..start import clip_start
from ..tracks import ClipFit, Track
from .config import Stage, StagedConfig
from .objective import Collide, Measured, Objective, Poses, chosen_points, measured
from .optimise import MINIMISERS, Limits, by_autograd
from .priors import Prior

_AT_ONCE = 256  # problems in one batch
_PATIENCE = 20  # iterations between two ticks
_AGAIN = 100  # iterations at most with the common shape

Tick = Callable[[str], None]


def fit_staged(
    clip: KeypointClip,
    body: BodyData,
    options: FitOptions,
    tick: Tick,
    config: StagedConfig,
    prior: Prior,
) -> ClipFit:
    """Fit `body` to every person of `clip` by the stages of `config`, with `prior` for the pose.

    `tick(message)` is called now and then and may raise Cancelled. The focal length is that of the
    options, else the footage's, else the configuration's, else a guess; it is not fitted.
    Raises InputError when nobody is seen well enough to start from.
    """
    config = replace(
        config,
        hands=config.hands and options.hands,
        face=config.face and options.face,
        collisions=config.collisions or options.collisions,
    )
    device = choose_device(options.device)
    exact = torch.float32 if device == "mps" else torch.float64
    like = torch.zeros(0, device=device, dtype=exact)
    focal, focal_note = _focal(clip, options, config)
    people = gather_people(clip, body, options.independent, focal, like)
    lengths = people.problem.focal_start.exp()
    known = torch.tensor(people.known, device=device)
    state = clip_start(people.problem, guesses_of(people, lengths), known, clip.fps, tick)
    which = np.nonzero(people.known)
    rows = tuple(torch.tensor(i, device=device) for i in which)
    like = like.to(exact if config.dtype == "float64" else torch.float32)
    objective = Objective(body, config, prior, like, collisions(body, config, like))
    seen = measured(
        people.points[which],
        chosen_points(body, config),
        config,
        people.centre,
        lengths.cpu().numpy()[which[0]],
        people.sizes[which],
        like,
    )
    pose = state.pose[rows][:, 1 : 1 + objective.pose_size // 3].flatten(1).to(like)
    start = Poses(
        root=state.root[rows].to(like),
        position=state.position[rows].to(like),
        pose=pose,
        betas=like.new_zeros(len(pose), objective.shapes),
        expression=like.new_zeros(len(pose), 0),
    )
    poses = _solve(objective, start, seen, rows[0], not options.independent, tick)
    tracks = [_track(people, objective, poses, b, which) for b in range(len(people.points))]
    notes = [*config.notes, *_notes(config, body, people), *focal_note]
    return ClipFit(tracks, lengths.cpu().numpy(), people.given, notes)


def collisions(body: BodyData, config: StagedConfig, like: Tensor) -> Collide | None:
    """The body's overlap with itself as an energy, where the configuration asks for it."""
    if not config.collisions:
        return None
    capsules = Collision(body, like)

    def energy(turns: Tensor, places: Tensor, betas: Tensor) -> Tensor:
        found = capsules.contacts(turns, places, betas)
        depth = (COLLIDE * found.depth).square()
        return betas.new_zeros(len(betas)).index_add(0, found.body, depth)

    return energy


def _solve(
    objective: Objective, start: Poses, seen: Measured, person: Tensor, common: bool, tick: Tick
) -> Poses:
    """All stages for all bodies, some at a time; `person` (N,) says which share a shape."""
    count, pieces = len(start.pose), []
    for first in range(0, count, _AT_ONCE):
        rows = torch.arange(first, min(first + _AT_ONCE, count), device=person.device)
        piece, seen_piece = _rows(start, rows), seen.of(rows)
        x = objective.begin(objective.prior.variables(piece.pose))
        for stage in objective.config.stages:
            piece, x = _stage(objective, piece, x, seen_piece, stage, False, tick)
        pieces.append((rows, piece, x))
    starts = [piece for _, piece, _ in pieces]
    variables = [x for _, _, x in pieces]
    if common:
        shape = _common_shape(objective, starts, variables, seen, person)
        for number, (rows, piece, x) in enumerate(pieces):
            x = x.clone()
            x[:, objective.slices["betas"]] = 0
            piece = replace(piece, betas=shape[rows])
            last = objective.config.stages[-1]
            starts[number], variables[number] = _stage(
                objective, piece, x, seen.of(rows), last, True, tick
            )
    found = [
        objective.poses(x, piece, seen.of(rows))
        for (rows, _, _), piece, x in zip(pieces, starts, variables, strict=True)
    ]
    return Poses(*(torch.cat([getattr(p, f) for p in found]) for f in Poses.__dataclass_fields__))


def _rows(poses: Poses, rows: Tensor) -> Poses:
    return Poses(*(getattr(poses, f)[rows] for f in Poses.__dataclass_fields__))


def _common_shape(
    objective: Objective, starts: list[Poses], xs: list[Tensor], seen: Measured, person: Tensor
) -> Tensor:
    """(N, S) the mean shape of each body's person, by how much of it is seen."""
    part = objective.slices["betas"]
    own = torch.cat([s.betas + x[:, part] for s, x in zip(starts, xs, strict=True)])
    weight = seen.confidence.sum(1, keepdim=True).clamp_min(1e-6)
    people = int(person.max()) + 1
    total = own.new_zeros(people, own.shape[1]).index_add(0, person, own * weight)
    count = own.new_zeros(people, 1).index_add(0, person, weight)
    return (total / count)[person]


def _stage(
    objective: Objective,
    start: Poses,
    x: Tensor,
    seen: Measured,
    stage: Stage,
    again: bool,
    tick: Tick,
) -> tuple[Poses, Tensor]:
    """One stage. Returns the start that its turns and places count from, and the variables.

    `again` leaves the shape as it is.
    """
    config, slices = objective.config, objective.slices
    free = torch.ones_like(x[0])
    if again:
        free[slices["betas"]] = 0

    def energy(x: Tensor, rows: Tensor) -> Tensor:
        return objective.energy(x * free, _rows(start, rows), seen.of(rows), stage)

    iteration = 0

    def work() -> None:
        nonlocal iteration
        if iteration % _PATIENCE == 0:
            tick("Fitting the frames again" if again else "Fitting the frames")
        iteration += 1

    # The original calls L-BFGS `maxiters` times for as many iterations each, Adam once each.
    limit = config.iterations ** (2 if config.optimiser == "lbfgs" else 1)
    limits = Limits(min(limit, _AGAIN) if again else limit, config.ftol, config.gtol, config.rate)
    x = MINIMISERS[config.optimiser](by_autograd(energy), x, limits, work).x
    with torch.no_grad():
        poses = objective.poses(x * free, start, seen)
    x = x * free
    x[:, slices["turn"]] = 0
    x[:, slices["place"]] = 0
    return replace(start, root=poses.root, position=poses.position), x


def _focal(
    clip: KeypointClip, options: FitOptions, config: StagedConfig
) -> tuple[float | np.ndarray | None, list[str]]:
    """The focal length to use (px, one or one a frame, None: unknown) and what to say about it."""
    if options.focal is not None:
        return options.focal, []
    if clip.focal is not None and np.isfinite(np.asarray(clip.focal, float)).any():
        if config.focal is None:
            return clip.focal, []
        said = f"The footage knows its focal length; focal_length {config.focal:g} was not used."
        return clip.focal, [said]
    if config.focal is not None:
        return config.focal, []
    return None, ["No focal length is known; it was guessed. Give --focal for better depths."]


def _notes(config: StagedConfig, body: BodyData, people: People) -> list[str]:
    notes = []
    if config.model_type is not None and config.model_type != body.kind:
        notes.append(
            f"{config.source} was written for {config.model_type}; fitted was {body.name}."
        )
    if people.left_out:
        notes.append(f"Left out, because too little is seen of them: {people.left_out}.")
    swapped = int((people.swaps > 0).sum())
    if swapped:
        notes.append(f"Left and right were exchanged in {swapped} frames and put right.")
    return notes


def _track(
    people: People, objective: Objective, poses: Poses, b: int, which: tuple[np.ndarray, ...]
) -> Track:
    """Person `b` from the first to the last frame that was fitted, filled in between."""
    mine = np.flatnonzero(which[0] == b)
    seen = which[1][mine]
    span = np.arange(seen[0], seen[-1] + 1)
    own = _rows(poses, torch.tensor(mine, device=poses.root.device))

    def spread(values: Tensor) -> np.ndarray:
        array = values.detach().double().cpu().numpy()
        return fill(array, seen, span) if array.size else np.zeros((len(span), *array.shape[1:]))

    betas = own.betas[0].double()
    rest = people.problem.kinematics.root_offset(betas.to(people.problem.focal_start))
    expression = own.expression.clamp(0, 1) if objective.actions else own.expression
    return Track(
        frame_ids=people.pictures[b] + span,
        observed=people.known[b][span],
        root=fill_rotations(own.root.detach().double(), seen, span).cpu().numpy(),
        transl=spread(own.position) - rest.cpu().numpy(),
        pose=spread(own.pose),
        betas=betas.detach().cpu().numpy(),
        expression=spread(expression),
        size=people.sizes[b][span],
        points=people.points[b][span],
        swaps=people.swaps[b][span],
        person=int(people.slots[b]),
    )
