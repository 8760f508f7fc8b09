"""An animal fitted to a clip: placed by its points, bent to follow them, then to its silhouettes.

After SMALify (Biggs et al. 2020), whose stages and terms these are, with a shape for the whole clip
and all its frames in one batch; but points that were followed between the annotated frames count as
well, the camera is the clip's own, and outlines have exact gradients.
"""

from __future__ import annotations

import numpy as np
import torch

from ...bodies.animal_posing import AnimalPosing
from ...formats.animal_clip import AnimalClip
from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from ...progress import Progress
from ..clip import choose_device
from .energy import Energy, Weights
from .evidence import Evidence, gather_evidence
from .options import AnimalFit, AnimalOptions
from .placement import place
from .prior import Priors
from .solve import descend
from .state import State
from .strides import can_stride, tries, try_strides

_APART = Weights(smooth=0)  # the frames that are placed lie apart
_FEWEST = 4  # visible points of a frame that it is placed by
_MOST = 24  # frames that are placed from many starts; the rest lies between them
_STEPS = (120, 250, 60, 250)  # trying a family, bending to points, trying strides, outlines


def fit_animal(
    data: AnimalData, clip: AnimalClip, options: AnimalOptions, progress: Progress
) -> AnimalFit:
    """Fit `data` to `clip` in its own pixels and frames. Begins two parts of `progress`.

    Raises InputError for a family that the body lacks, a clip without points that the body has,
    and a device that is not there.
    """
    device = torch.device(choose_device(options.device))
    families = _families(data, options.family)
    evidence = gather_evidence(clip, data, options.focal, options.silhouettes, device)
    model = AnimalPosing(data).to(device)
    limbs = options.limb_scales and len(data.limb_scales)
    free = ["latent", "turn", "place", "angles", *(["limbs"] if limbs else [])]
    trying, bending, striding, outlining = (
        max(1, round(options.effort * steps)) for steps in _STEPS
    )

    progress.begin(trying * len(families) + bending, "Finding the animal")
    frames = _frames_with_points(evidence)
    some = evidence.only(torch.as_tensor(frames, device=device))
    found = []
    for family in families:
        priors = Priors(data, family, options.pose_prior, device)
        energy = Energy(model, some, priors, clip.fps)
        start = place(model, energy)
        left = descend(start, energy, _APART, trying, free, progress.tick)
        found.append((left, family, start, priors))
    _, family, start, priors = min(found, key=lambda one: one[0])
    state = start.picked(np.arange(len(clip)), frames)
    energy = Energy(model, evidence, priors, clip.fps)
    points = Weights(outline=0, smooth=options.smooth)
    descend(state, energy, points, bending, free, progress.tick)

    masked, strides = len(evidence.masked) > 0, can_stride(energy)
    steps = masked * (outlining + strides * striding * len(tries()))
    progress.begin(steps, "Fitting outlines")
    outlines = Weights(smooth=options.smooth)
    if strides:
        state = try_strides(state, energy, outlines, striding, free, progress.tick)
    if masked:
        descend(state, energy, outlines, outlining, free, progress.tick)
    return _answer(state, model, priors, evidence, family, clip)


def _answer(
    state: State,
    model: AnimalPosing,
    priors: Priors,
    evidence: Evidence,
    family: str,
    clip: AnimalClip,
) -> AnimalFit:
    with torch.no_grad():
        rest = state.rest(model, priors)
        return AnimalFit(
            betas=priors.betas(state.latent)[0].cpu().numpy(),
            limb_logscale=state.limbs.cpu().numpy(),
            pose=state.pose().cpu().numpy(),
            transl=(state.where - rest.joints[0, 0]).cpu().numpy(),
            focal=float(evidence.lens[0]),
            center=(float(evidence.lens[2]), float(evidence.lens[3])),
            family=family,
            frame_ids=clip.frame_ids,
        )


def _families(data: AnimalData, wanted: str) -> list[str]:
    if wanted != "auto":
        if wanted not in data.families:
            known = ", ".join(data.families) or "none"
            raise InputError(
                f"{data.name} has no family {wanted}.", f"Its families: {known}; or auto."
            )
        return [wanted]
    return list(data.families) or [""]


def _frames_with_points(evidence: Evidence) -> np.ndarray:
    """(A,) frames to be placed by: annotated ones with points enough, else any."""
    count = (evidence.sure > 0).sum(1).cpu().numpy()
    annotated = evidence.annotated.cpu().numpy()
    frames = np.flatnonzero((count >= _FEWEST) & annotated)
    if not len(frames):
        frames = np.flatnonzero(count >= min(_FEWEST, count.max()))
    if len(frames) > _MOST:
        frames = frames[np.linspace(0, len(frames) - 1, _MOST).round().astype(int)]
    return frames
