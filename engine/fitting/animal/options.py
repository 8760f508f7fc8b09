"""What the user may choose about the fit of an animal, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...bodies.animal_priors import GaussianPrior


@dataclass(frozen=True)
class AnimalOptions:
    """Options of `fit_animal`."""

    family: str = "auto"  # a name of the body's families, or the one that fits best
    focal: float | None = None  # px; None: a usual lens
    smooth: float = 1.0  # strength of the temporal terms; 0 fits every frame by itself
    silhouettes: bool = True  # use the masks
    limb_scales: bool = True  # let legs, tail and ears be longer or thicker by themselves
    pose_prior: GaussianPrior | None = None  # of all J * 3 numbers, instead of our own
    effort: float = 1.0  # share of the usual steps: less is faster and rougher
    device: str = "auto"  # auto, cpu, cuda


@dataclass
class AnimalFit:
    """An animal in T frames. Camera space is OpenCV's; axes at rest are the model's own."""

    betas: np.ndarray  # (B,)
    limb_logscale: np.ndarray  # (L,)
    pose: np.ndarray  # (T, J, 3) axis-angle relative to the parent; the root's: model to camera
    transl: np.ndarray  # (T, 3) camera space, added after the root has turned about its joint
    focal: float  # px
    center: tuple[float, float]  # px
    family: str  # "" where the body has none
    frame_ids: np.ndarray  # (T,) int
