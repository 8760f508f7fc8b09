"""The engine's job `regress`, made of what the sidebar's fields hold."""

from pathlib import Path
from typing import Any

from .properties import LayfigureSettings
from .requests import existing, free_folder, named, output_base, output_name


def picture_request(settings: LayfigureSettings) -> tuple[str, dict[str, Any], Path]:
    """Name of the picture, parameters of the job, and the folder for its result.

    Raises InputError for a path that is not there.
    """
    source, network = existing(settings.picture_source, "picture"), settings.picture_network
    points, outlines = settings.picture_points, named(settings.picture_outlines, "outlines")
    drawn = Path(outlines).is_absolute() and Path(outlines).is_dir()
    params = {
        "source": source,
        "network": existing(network, "network") if network.strip() else None,
        "body": named(settings.picture_body, "body") or None,
        "points": None if points == "auto" else points,
        "suppress": settings.picture_suppress,
        "masks": outlines if drawn else None,
        "sam": None if drawn else outlines or None,
        "focal": settings.focal if settings.focal_known else None,
        "people": settings.people if settings.people_known else None,
        "independent": settings.independent and Path(source).is_dir(),
        "refine": settings.picture_refine,
        "smooth": settings.smooth,
        "pc2": settings.pc2,
    }
    name = output_name(source)
    return name, params, free_folder(output_base(settings) / f"{name}_body")
