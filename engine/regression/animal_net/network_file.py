"""Networks of ours as files: tensors without code, and what they are networks of."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from .. import network_file
from ..network_file import fill_network, write_network
from .clip_network import ClipNetwork
from .network import AnimalNetwork
from .presets import PRESETS

PARENT = Path(__file__).parents[1] / "data" / "quadruped_parent.safetensors"
_HINT = "Give a network that `layfigure animal train` wrote."


@dataclass
class About:
    """What a network is."""

    preset: str  # of PRESETS
    animal: str  # name of the body that it tells of
    joints: int
    betas: int
    limbs: int
    stage: str = "parent"  # or test: of one clip
    hidden: int = 0  # of a test network's GRU
    as_published: bool = False
    training: dict = field(default_factory=dict)  # how it was trained, for people


def about(network: AnimalNetwork, data: AnimalData, preset: str, **training: object) -> About:
    """What an own network of a parent's kind is."""
    sizes = (len(data.parents), data.shapedirs.shape[-1], len(data.limb_scales))
    return About(preset, data.name, *sizes, training=dict(training))


def save_network(
    path: str | os.PathLike, network: AnimalNetwork | ClipNetwork, what: About
) -> None:
    """Write a network, whole or not at all."""
    write_network(path, network, asdict(what))


def read_about(path: str | os.PathLike) -> About:
    """What the network of a file is. Raises InputError for another file."""
    try:
        found = About(**network_file.read_about(path, "an animal", _HINT))
    except TypeError as error:
        raise InputError(f"{path}: this is no network of an animal.", _HINT) from error
    if found.preset not in PRESETS:
        raise InputError(f"{path}: its preset ({found.preset}) is not known.", _HINT)
    return found


def load_network(
    path: str | os.PathLike, data: AnimalData
) -> tuple[AnimalNetwork | ClipNetwork, About]:
    """A network of `data`, ready to be used, and what it is.

    Raises InputError for another file and the network of another body.
    """
    what = read_about(path)
    sizes = (len(data.parents), data.shapedirs.shape[-1], len(data.limb_scales))
    if sizes != (what.joints, what.betas, what.limbs):
        raise InputError(
            f"{path}: it tells of {what.animal} with {what.joints} joints, {what.betas} shape "
            f"components and {what.limbs} limb scales; {data.name} has {sizes[0]}, {sizes[1]} "
            f"and {sizes[2]}.",
            "Name the body that it was trained with.",
        )
    parent = PRESETS[what.preset](data)
    network: AnimalNetwork | ClipNetwork = parent
    if what.stage == "test":
        network = ClipNetwork(parent, what.hidden, what.as_published)
    fill_network(network, path, _HINT)
    return network, what


def load_parent(path: str | os.PathLike | None, data: AnimalData) -> tuple[AnimalNetwork, About]:
    """A network of single pictures, see `load_network`; None for the one that is shipped.

    Raises InputError for a test network too: it knows one clip alone.
    """
    network, what = load_network(path or PARENT, data)
    if isinstance(network, ClipNetwork):
        raise InputError(f"{path}: this network knows a single clip.", "Name its parent.")
    return network, what
