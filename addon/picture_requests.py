"""The engine's job `regress`, made of what the sidebar's fields hold."""

from pathlib import Path
from typing import Any

from .properties import LayfigureSettings
from .requests import absolute, existing, free_folder, output_base, output_name, require


def picture_request(settings: LayfigureSettings) -> tuple[str, dict[str, Any], Path]:
    """Name of the picture, parameters of the job, and the folder for its result.

    Raises InputError for a path that is not there.
    """
    source = existing(settings.picture_source, "picture")
    network = absolute(settings.picture_network)
    if network:
        require(network, "network", folder=False)
    params = {
        "source": source,
        "network": network or None,
        "body": settings.body.strip() or "layfigure",
        "points": settings.picture_points,
        "suppress": settings.picture_suppress,
        "focal": settings.focal if settings.focal_known else None,
        "people": settings.people if settings.people_known else None,
        "independent": settings.independent and Path(source).is_dir(),
        "refine": settings.picture_refine,
        "smooth": settings.smooth,
        "pc2": settings.pc2,
    }
    name = output_name(source)
    return name, params, free_folder(output_base(settings) / f"{name}_body")
