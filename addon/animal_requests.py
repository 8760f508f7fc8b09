"""The engine's job `animal_fit`, made of what the sidebar's fields hold."""

from pathlib import Path
from typing import Any

from .properties import LayfigureSettings
from .requests import existing, free_folder, named, output_base, output_name

_SHIPPED = "quadruped"


def animal_request(settings: LayfigureSettings) -> tuple[str, dict[str, Any], Path]:
    """Name of the film, parameters of the job, and the folder for its result.

    Raises InputError for a path that is not there.
    """
    source = existing(settings.annotate_film, "film")
    params = {
        "source": source,
        "annotations": existing(settings.animal_annotations, "file of annotations"),
        "animal": named(settings.animal_body, "animal") or _SHIPPED,
        "family": settings.animal_family.strip() or None,
        "frames": settings.animal_frames.strip() or None,
        "focal": settings.focal if settings.focal_known else None,
        "smooth": settings.smooth,
        "silhouettes": settings.animal_silhouettes,
        "limb_scales": settings.animal_limbs,
        "effort": settings.animal_effort,
        "pc2": settings.pc2,
        "legacy_output": settings.animal_legacy,
    }
    name = output_name(source)
    return name, params, free_folder(output_base(settings) / f"{name}_animal")
