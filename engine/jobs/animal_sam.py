"""First silhouettes of an animal by Segment Anything, for those who have its weights."""

from __future__ import annotations

import numpy as np

from ..bodies.models import find_sam
from ..capture.animals.clip import MaskOf
from ..capture.animals.grabcut import Hints
from ..capture.masks.prompt import Prompt
from ..fitting.clip import choose_device
from ..formats.errors import InputError
from .animal_params import AnimalFitParams


def mask_by_sam(params: AnimalFitParams) -> MaskOf | None:
    """What finds the animal in a frame by its box and keypoints, where `params` ask for it.

    Raises InputError as `find_sam` and `load_sam`, and where silhouettes are not wanted.
    """
    if params.sam is None:
        return None
    if not params.silhouettes:
        raise InputError(
            "Segment Anything makes silhouettes, and the fit is asked to leave them out.",
            "Drop --sam or --no-silhouettes.",
        )
    from ..capture.masks.sam import load_sam  # takes seconds to import

    sam = load_sam(find_sam(params.sam), choose_device(params.device))

    def mask_of(frame: np.ndarray, hints: Hints) -> np.ndarray | None:
        if hints.box is None and not len(hints.points):
            return None
        box = None
        if hints.box is not None:
            box = np.concatenate([hints.box[:2], hints.box[:2] + hints.box[2:]])
        mask = sam.ask(frame, Prompt(box, hints.points, np.ones(len(hints.points), int))).mask
        return mask if mask.any() else None

    return mask_of
