"""Networks of people as files: ours, and the official checkpoints."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...formats.errors import InputError
from .. import network_file
from ..resnet import BACKBONES
from .architecture import Architecture
from .checkpoint import load_regressor
from .network import PymafNetwork
from .spin import SpinNetwork

PERSON = Path(__file__).parents[1] / "data" / "person.safetensors"
SUFFIX = ".safetensors"  # of networks of ours
_WHAT = "a person"
_HINT = "Give a network that `layfigure train regressor` wrote."


@dataclass
class About:
    """What a network is."""

    architecture: Architecture = field(default_factory=Architecture)
    body: str = "smpl"  # name of the body that it tells of: layfigure or smpl
    along_ray: bool = False  # the root's turn is from the body to a camera that looks at the crop
    training: dict = field(default_factory=dict)  # how it was trained, for people


def save_person_network(path: str | os.PathLike, network: PymafNetwork, about: About) -> None:
    """Write a network of ours, whole or not at all."""
    network_file.write_network(path, network, asdict(about))


def load_person_network(
    path: str | os.PathLike | None = None,
) -> tuple[PymafNetwork | SpinNetwork, About]:
    """A network, on the CPU, ready to be used, and what it is; None for the one that is shipped.

    Files that do not end in .safetensors are official checkpoints of PyMAF or SPIN, which tell of
    SMPL. Raises InputError for a file that is missing, damaged or of another architecture.
    """
    path = Path(path or PERSON)
    if path.suffix != SUFFIX:
        return load_regressor(path), About()
    found = network_file.read_about(path, _WHAT, _HINT)
    try:
        about = About(**{**found, "architecture": Architecture(**found["architecture"])})
    except (TypeError, KeyError) as error:
        raise InputError(f"{path}: this is no network of {_WHAT}.", _HINT) from error
    if about.architecture.backbone not in BACKBONES:
        raise InputError(f"{path}: its backbone is not known.", _HINT)
    network = PymafNetwork(about.architecture)
    network_file.fill_network(network, path, _HINT)
    return network, about
