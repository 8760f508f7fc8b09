"""An avatar within minutes on a CPU: scans to canonical points, one small network, colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ...formats.errors import InputError
from ...formats.ply import PlyMesh, write_ply
from ...geometry.isosurface import extract
from ...progress import Progress
from ...training.loop import Trained, TrainOptions, train
from ..rest_skinning import Unposer
from ..scanimate.body import CanonicalBody
from ..scans import Scans
from ..weight_field import HANGING
from .colors import ColorCloud
from .hanging import choose_hanging
from .influence import Influence
from .network import NetworkConfig
from .samples import Samples, canonicalise
from .stage import QuickStage
from .surface import SPREAD, QuickSurface, new_network, weight_field

PARTS = (0.25, 0.75)  # parts of a job's progress and their shares of the work
STEPS = 800
_HOLD_BACK = 10  # one scan of so many is held back
_VALIDATIONS = 12
_PREVIEW = 64  # nodes an axis
_SAVE_SECONDS = 20.0


@dataclass
class QuickOptions:
    """How to train."""

    steps: int = STEPS
    colour: bool = True
    device: str = "auto"
    seed: int = 0
    spread: float = SPREAD  # degrees that each leg is turned outward in canonical space
    hanging: float | None = None  # None: what the scans say, see choose_hanging
    network: NetworkConfig = field(default_factory=NetworkConfig)


@dataclass
class QuickResult:
    """The avatar, how the training ended, what it was trained on, what the user should know."""

    surface: QuickSurface
    trained: Trained
    samples: Samples
    notes: list[str]


def train_quick(
    scans: Scans, options: QuickOptions, folder: Path, progress: Progress
) -> QuickResult:
    """Train in `folder`, going on where an earlier run was ended; preview.ply shows how it goes.

    Begins as many parts of `progress` as PARTS has. Raises Cancelled, and InputError for scans that
    leave nothing to learn from.
    """
    body = CanonicalBody(scans.body, options.spread)
    unposer = Unposer(body, weight_field(body, HANGING[0]))
    hanging = options.hanging
    unposer.field.hanging = choose_hanging(scans, unposer) if hanging is None else hanging
    influence = Influence(body.data, unposer.field)
    samples = canonicalise(scans, unposer, influence, progress, options.seed)
    network = new_network(options.network, body, samples, options.seed)
    colors = ColorCloud.of_scans(samples.scans, options.seed) if options.colour else None
    surface = QuickSurface(body, network, colors, unposer.field.hanging)
    surface.field = unposer.field  # it is there already
    held_back = list(range(_HOLD_BACK // 2, len(samples.scans), _HOLD_BACK))
    if len(samples.scans) < _HOLD_BACK:
        held_back = []
    stage = QuickStage(network, samples, options.steps, held_back, options.seed)
    trained = train(
        stage,
        TrainOptions(
            folder,
            options.steps,
            title="Training the avatar",
            device=options.device,
            save_every_seconds=_SAVE_SECONDS,
            val_every=max(1, options.steps // _VALIDATIONS) if held_back else 0,
            patience=_VALIDATIONS // 2,
            preview=_previewer(surface, samples, folder / "preview.ply"),
        ),
        progress,
    )
    notes = [trained.note] if trained.note else []
    if held_back:
        names = ", ".join(samples.scans[row].name for row in held_back)
        notes.append(f"Held back to know when to stop: {names}.")
    if options.colour and colors is None:
        notes.append("The scans have no colours, so the avatar has none.")
    return QuickResult(surface.eval().requires_grad_(False), trained, samples, notes)


def _previewer(surface: QuickSurface, samples: Samples, path: Path) -> Callable[[], None]:
    def write() -> None:
        code, net = samples.middle, surface.network
        device = net.low.device

        def distance(points: torch.Tensor) -> torch.Tensor:
            influence = surface.influence(points.cpu().numpy())
            return net(points.to(device), influence.to(device), code.to(device)).cpu()

        try:
            low, high = net.low.cpu(), net.high.cpu()
            vertices, faces = extract(distance, low, high, _PREVIEW)
        except InputError:
            return  # too early for a surface
        write_ply(path, PlyMesh(vertices, faces, None, None))

    return write
