"""How a job fits: by our own method, or by SMPLify-X's stages where its configuration is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..bodies.models import SHIPPED_NAME, load_model
from ..fitting.options import FitOptions
from ..fitting.tracks import ClipFit
from ..fitting.windows import fit_long
from ..formats.body_file import BodyData
from ..formats.keypoints import KeypointClip
from .params import FitParams

if TYPE_CHECKING:
    from ..fitting.staged.config import StagedConfig
    from ..fitting.staged.priors import Prior

OWN = "layfigure"  # the prior of our own method


@dataclass(frozen=True)
class Method:
    """A body and the way to fit it."""

    body: BodyData
    options: FitOptions
    stages: tuple[StagedConfig, Prior] | None = None

    def fit(self, clip: KeypointClip, tick: Callable[[str], None]) -> ClipFit:
        """Fit everybody in `clip`, see fit_long."""
        if self.stages is None:
            return fit_long(clip, self.body, self.options, tick)
        from ..fitting.staged.fit import fit_staged

        return fit_staged(clip, self.body, self.options, tick, *self.stages)


def options_of(params: FitParams) -> FitOptions:
    """What of `params` the fit itself needs to know."""
    shared = FitOptions.__dataclass_fields__.keys() & FitParams.model_fields.keys()
    return FitOptions(**{name: getattr(params, name) for name in shared})


def choose_method(params: FitParams) -> Method:
    """What `params` ask for.

    Raises InputError for a body, a configuration or a prior that is not there or cannot be read.
    """
    options = options_of(params)
    if params.config is None and params.prior == OWN:
        return Method(load_model(params.body), options)
    from ..fitting.staged.config import StagedConfig, read_config
    from ..fitting.staged.priors import load_prior

    config = StagedConfig() if params.config is None else read_config(params.config)
    config = replace(config, collisions=config.collisions or params.collisions)
    named = config.model_file() if params.body == SHIPPED_NAME else None
    body = load_model(params.body if named is None else str(named))
    prior = load_prior(config.prior if params.prior == OWN else params.prior, body)
    return Method(body, options, (config, prior))
