"""What a training starts from: a network that has learnt, or a backbone that knows pictures."""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor, nn

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ..wldo_checkpoint import read_state
from .architecture import Architecture
from .checkpoint import load_regressor
from .estimate import Estimate
from .fresh import new_network
from .network import PymafNetwork
from .network_file import SUFFIX, load_person_network

_HINT = (
    "Give a network of ours, a checkpoint of PyMAF or SPIN, or a ResNet-50's weights "
    "(resnet50-19c8e357.pth, pose_resnet_50_256x192.pth.tar)."
)
_BACKBONE = r"(?:conv1|bn1|layer[1-4])\."
_NAMES = re.compile(
    rf"^(?:(?:module|model)\.)*(?={_BACKBONE}|feature_extractor\.|maf_extractor\.|dec(?:pose|cam)\.)"
)


def starting_network(
    path: Path | None,
    data: BodyData,
    mean: Estimate,
    architecture: Architecture,
    markers: Tensor | None = None,
) -> tuple[PymafNetwork, list[str]]:
    """A network to train for the body `data` of 24 joints, and what is to be said of it.

    path: what it starts from, None for random weights. A whole network keeps its own architecture
    and mean person; of others only the backbone is taken. markers (431,): the vertices that a new
    network looks at. Raises InputError for a file that is missing, damaged, of another body or of
    another architecture.
    """
    if path is not None and path.suffix == SUFFIX:
        network, about = load_person_network(path)
        assert isinstance(network, PymafNetwork)
        network.seen_body(data)
        return _trainable(network), [f"It goes on from {path.name}, a network of {about.body}."]
    state = {} if path is None else read_state(path, _NAMES, "a regressor, nor a ResNet", _HINT)
    if path is not None and any(name.startswith(("feature_", "maf_")) for name in state):
        network = load_regressor(path)
        assert isinstance(network, PymafNetwork)
        network.seen_body(data)
        return _trainable(network), [f"It goes on from {path.name}, a network of PyMAF."]
    network = new_network(data, mean, architecture)
    if markers is not None:
        network.markers = markers
        network.seen_body(data)
    if path is None:
        return network, []
    _fill_backbone(network.feature_extractor, state, path)
    return network, [f"Of {path.name} the backbone is used; all else begins anew."]


def _trainable(network: PymafNetwork) -> PymafNetwork:
    return network.requires_grad_(True).train()  # type: ignore[return-value]


def _fill_backbone(backbone: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    own = backbone.state_dict()
    for name, value in own.items():
        if name.endswith("num_batches_tracked"):
            continue  # old files lack them
        given = state.get(name, value.new_zeros(0))
        # The mask, the fourth channel of what is seen, has no counterpart.
        place = value[:, :3] if name == "conv1.weight" else value
        if given.shape != place.shape:
            raise InputError(
                f"{path}: this is the backbone of another architecture ({name}).", _HINT
            )
        if not given.isfinite().all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", _HINT)
        place.copy_(given)
