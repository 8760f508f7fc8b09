"""The networks by the names of their presets."""

from __future__ import annotations

from collections.abc import Callable

from ...formats.animal_file import AnimalData
from .network import AnimalNetwork, MeshNet
from .quick_network import QuickNetwork

PRESETS: dict[str, Callable[[AnimalData], AnimalNetwork]] = {
    "quick": QuickNetwork,  # trained in minutes on a CPU
    "paper": MeshNet,  # SMAL4V's
}
