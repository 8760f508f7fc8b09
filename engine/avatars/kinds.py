"""The kinds of avatars that there are: what avatar.json tells of each, and how it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from .canonical_mesh import CanonicalMesh
from .clothes import Clothes
from .quick.network import NetworkConfig
from .quick.surface import QuickSurface
from .scale.config import ScaleConfig
from .scale.paper import PaperElements
from .scale.template import TemplateElements
from .scanimate.surface import OfficialSurface

METHODS = ("scanimate", "scale")


def settings_of(clothes: Clothes) -> dict[str, Any]:
    """What avatar.json must tell so that `clothes_of` finds its way."""
    if isinstance(clothes, TemplateElements):
        return {"method": "scale", "spread": _degrees(clothes)}
    if isinstance(clothes, PaperElements):
        return {"method": "scale", "network": asdict(clothes.network.config)}
    settings: dict[str, Any] = {"method": "scanimate"}
    if isinstance(clothes, QuickSurface):
        settings["network"] = asdict(clothes.network.config)
        settings |= {"hanging": clothes.hanging, "spread": _degrees(clothes)}
    return settings


def clothes_of(
    about: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    person: BodyData,
    mesh: CanonicalMesh,
    texture: np.ndarray,
    path: Path,
) -> Clothes:
    """The clothes that `about`, the entries of avatar.json, tells of.

    Raises InputError, naming `path`, the file of the tensors, where these are of something else.
    """
    again = "Copy the whole avatar folder again, or train it again."
    method, quick = about.get("method"), about.get("preset") == "quick"
    if method not in METHODS:
        raise InputError(f"{path.parent}: '{method}' is no kind of avatar.", "Update Layfigure.")
    try:
        if method == "scale" and not quick:
            config = ScaleConfig(**about["network"])
            return PaperElements.from_tensors(tensors, config, person, path)
        if method == "scale":
            spread = float(about["spread"])
            return TemplateElements.from_tensors(tensors, spread, person, mesh, texture, path)
        if quick:
            size = NetworkConfig(**about["network"])
            spread, hanging = float(about["spread"]), float(about["hanging"])
            return QuickSurface.from_tensors(tensors, size, spread, hanging, person, path)
    except (KeyError, TypeError, ValueError) as error:
        where = path.with_name("avatar.json")
        raise InputError(f"{where}: an entry is wrong ({error!r}).", again) from error
    return OfficialSurface.from_tensors(tensors, person, path)


def _degrees(clothes: Clothes) -> float:
    """How far each leg is turned outward in canonical space."""
    return round(float(np.degrees(clothes.body.spread)), 6)
