"""The engine's job `animal_fit`, made of what the sidebar's fields hold."""

from pathlib import Path
from typing import Any

from ..engine.formats.errors import InputError
from .properties import LayfigureSettings
from .requests import absolute, free_folder, output_base, output_name

_SHIPPED = "quadruped"


def animal_request(settings: LayfigureSettings) -> tuple[str, dict[str, Any], Path]:
    """Name of the film, parameters of the job, and the folder for its result.

    Raises InputError for a path that is not there.
    """
    source = _existing(settings.annotate_film, "film")
    params = {
        "source": source,
        "annotations": _existing(settings.animal_annotations, "file of annotations"),
        "animal": _animal(settings.animal_body.strip()),
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


def _animal(animal: str) -> str:
    """A registered name as it is, a file as a whole path."""
    if not animal.startswith("//") and not Path(animal).is_absolute():
        return animal or _SHIPPED
    return _existing(animal, "animal")


def _existing(path: str, what: str) -> str:
    """A file or folder that is there, without the slash that Blender puts behind folders."""
    path = absolute(path)
    if not path:
        raise InputError(f"No {what} is chosen.", "Choose one in the panel.")
    if not Path(path).exists():
        raise InputError(f"{path}: no such {what}.", "Choose it again.")
    return str(Path(path))
