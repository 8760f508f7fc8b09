"""Networks of animals by the files that a user names: ours, and official checkpoints."""

from __future__ import annotations

from pathlib import Path

from ..formats.animal_file import AnimalData
from ..formats.errors import InputError
from ..regression.animal_net.clip_network import ClipNetwork
from ..regression.animal_net.network import AnimalNetwork
from ..regression.animal_net.network_file import load_parent, read_about
from ..regression.animal_net.smal4v_checkpoint import load_smal4v

_OWN = ".safetensors"


def parent_network(path: Path | None, data: AnimalData) -> tuple[AnimalNetwork, str]:
    """A network of single pictures and what it is; None for the shipped quadruped's.

    A folder is one that `animal train` wrote. Raises InputError for other files and networks of a
    single clip.
    """
    if path is not None and path.is_dir():
        path = path / f"network{_OWN}"
    if path is None or path.suffix == _OWN:
        network, about = load_parent(path, data)
        return network, f"{'the shipped network' if path is None else path} ({about.preset})"
    official = load_smal4v(path, data)
    if isinstance(official, ClipNetwork):
        raise InputError(f"{path}: this network knows a single clip.", "Name its parent.")
    return official, f"{path} (paper)"


def preset_of(path: Path | None) -> str:
    """The preset of the network that `parent_network` gives."""
    if path is not None and path.is_dir():
        path = path / f"network{_OWN}"
    if path is not None and path.suffix == _OWN:
        return read_about(path).preset
    return "quick" if path is None else "paper"
