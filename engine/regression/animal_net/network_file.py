"""Networks of ours as files: tensors without code, and what they are networks of."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
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
    """Write a network, whole or not at all; numbers as float16."""
    path = Path(path)
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(save(state, metadata={"about": json.dumps(asdict(what))}))
    os.replace(temporary, path)


def read_about(path: str | os.PathLike) -> About:
    """What the network of a file is. Raises InputError for another file."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        with safe_open(path, "pt") as file:
            found = About(**json.loads(file.metadata()["about"]))
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
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
    own = network.state_dict()
    try:
        with safe_open(path, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path}: the file is damaged.", "Copy it again.") from error
    if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in state.items()}:
        raise InputError(f"{path}: this is the network of another architecture.", _HINT)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", _HINT)
    network.load_state_dict({n: t.to(own[n].dtype) for n, t in state.items()})
    return network.eval().requires_grad_(False), what


def load_parent(path: str | os.PathLike | None, data: AnimalData) -> tuple[AnimalNetwork, About]:
    """A network of single pictures, see `load_network`; None for the one that is shipped.

    Raises InputError for a test network too: it knows one clip alone.
    """
    network, what = load_network(path or PARENT, data)
    if isinstance(network, ClipNetwork):
        raise InputError(f"{path}: this network knows a single clip.", "Name its parent.")
    return network, what
