"""The job `regress`: pictures or a film to a body for every person, by a network.

With `refine` the network's bodies start the fit of their keypoints, see fitting.clip.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..bodies.models import SHIPPED_NAME, load_model, registered
from ..bodies.smpl24 import smpl24_body
from ..fitting.clip import choose_device
from ..fitting.options import FitOptions
from ..fitting.regressed import Regressed
from ..fitting.tracks import ClipFit
from ..fitting.windows import fit_long
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from ..regression.pymaf.architecture import OFFICIAL
from ..regression.pymaf.estimate import BETAS, JOINTS, Estimate
from ..regression.pymaf.network import PymafNetwork
from ..regression.pymaf.network_file import About, load_person_network
from ..regression.pymaf.predict import Network, PredictOptions, predict
from .fit import worlds_of
from .fitted import Fitted
from .picture_params import RegressParams
from .regress_people import Cast, Masks, find_cast, look, masks_of
from .regress_tracks import (
    Said,
    focal_of,
    places_by_keypoints,
    places_of,
    tracks_of,
    turned_back,
)
from .regress_write import write_legacy_pickle, write_pictures
from .write_fit import Wanted, write_fit

if TYPE_CHECKING:
    from ..capture.video import Footage

_STEPS = 40  # solver steps of a usual refinement, for the bar


@dataclass
class Eyes:
    """A network, the body that it tells of, and how it is used."""

    network: Network
    body: BodyData  # with all its joints
    data: BodyData  # the same with SMPL's 24
    options: PredictOptions
    along_ray: bool  # see About

    @property
    def size(self) -> int:
        """Px of a side of its crops."""
        if isinstance(self.network, PymafNetwork):
            return self.network.architecture.size
        return OFFICIAL.size

    @property
    def wants_masks(self) -> bool:
        """Whether masks must be found; a network that may be shown them does without too."""
        if not isinstance(self.network, PymafNetwork):
            return False
        return self.options.points == "mask" or self.options.suppress

    def places(self, said: Said, cast: Cast, focal: np.ndarray) -> np.ndarray:
        """(N, 3) where the bodies are, metres; keypoints say it where the network is told them."""
        if isinstance(self.network, PymafNetwork) and self.network.architecture.keypoints:
            return places_by_keypoints(said, cast, self.data, focal)
        return places_of(said, cast, focal)


def run_regress(params: RegressParams, out: Path, progress: Progress) -> Path:
    """Tell the bodies in `params.source` and write the result folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    from ..capture.video import open_footage

    eyes = open_eyes(params)
    footage = open_footage(params.source, independent=params.independent)
    wants = eyes.wants_masks or params.masks is not None or params.sam is not None
    masks = masks_of(params, footage, eyes.options.device) if wants else None
    wanted = Wanted(params.pc2, params.overlay)
    refining = [0.4] if params.refine else []
    progress.plan(0.3, 0.5, *refining, *wanted.shares())
    with whole_folder(out) as folder:
        cast = find_cast(params, footage, progress)
        progress.begin(cast.clip.frame_count, "Telling the bodies")
        said, notes = _ask(eyes, cast, footage, masks, progress)
        focal, known = focal_of(cast.clip, params.focal)
        independent, smooth = params.independent, params.smooth
        if eyes.along_ray:
            said = turned_back(said, cast, focal)
        places = eyes.places(said, cast, focal)
        fit = tracks_of(said, places, cast, eyes.body, focal, independent, smooth)
        if params.refine:
            progress.begin(_STEPS, "Refining")
            fit = refine(fit, cast, eyes.body, params, progress)
        elif not known:
            notes.append(f"No focal length is known; {focal[0]:.0f} px was taken.")
        fit.notes += notes
        worlds = worlds_of(fit, eyes.body, independent)
        fitted = Fitted(fit, cast.clip, footage, eyes.body, worlds, independent)
        meta = {"job": "regress", "params": params.model_dump(mode="json")}
        write_fit(folder, fitted, wanted, meta, progress)
        if independent or footage.frame_count == 1:
            write_pictures(folder / "pictures", fitted)
        if params.legacy_output:
            write_legacy_pickle(folder / "output.pkl", said, cast, eyes.data)
    return out


def open_eyes(params: RegressParams) -> Eyes:
    """The network and its body. Raises InputError for what is not there or does not fit."""
    network, about = load_person_network(params.network)
    body = load_model(_body_of(params, about))
    data = smpl24_body(body)
    if isinstance(network, PymafNetwork):
        network.seen_body(data)
    elif len(data.parents) != JOINTS or data.shapedirs.shape[2] < BETAS:
        raise InputError(f"{params.body}: this is not SMPL, of which SPIN tells.", "Give SMPL.")
    points = params.points or ("mask" if params.network is None else "grid")
    device = choose_device(params.device)
    options = PredictOptions(points, params.suppress, params.batch, device, params.seed)
    return Eyes(network, body, data, options, about.along_ray)


def _body_of(params: RegressParams, about: About) -> str:
    """The name of the body that a network tells of."""
    if params.body is not None:
        return params.body
    if about.body != SHIPPED_NAME and about.body not in registered():
        raise InputError(
            f"{params.network}: this network tells of {about.body}, which is not registered.",
            "Give its file with --body, or register it: layfigure models add FILE.",
        )
    return about.body


def _ask(
    eyes: Eyes, cast: Cast, footage: Footage, masks: Masks | None, progress: Progress
) -> tuple[Said, list[str]]:
    """What the network says of everybody, and sentences on what was otherwise than asked."""
    who: list[tuple[int, int]] = []
    parts: list[Estimate] = []
    notes: Counter[str] = Counter()
    seen = look(cast, footage, eyes.size, masks, lambda note: notes.update([note]), progress.tick)
    for some, sight in seen:
        found, said = predict(
            eyes.network, eyes.data, sight, eyes.options, lambda count: progress.tick()
        )
        who += some
        parts.append(found)
        notes.update(said)
    names = ("pose", "betas", "camera")
    whole = Estimate(*(torch.cat([getattr(part, name) for part in parts]) for name in names))
    sentences = [note if n == 1 else f"{note} ({n} times)" for note, n in notes.items()]
    return Said(who, whole), sentences


def refine(
    fit: ClipFit, cast: Cast, body: BodyData, params: RegressParams, progress: Progress
) -> ClipFit:
    """The fit of the keypoints that starts from what a network said. Raises InputError as it."""
    clip = cast.clip
    start = Regressed.of_fit(fit, clip.frame_count, clip.people_count)
    options = FitOptions(
        focal=params.focal,
        independent=params.independent,
        smooth=max(params.smooth, 0.0),
        device=params.device,
    )
    return fit_long(clip, body, options, progress.tick, start)
