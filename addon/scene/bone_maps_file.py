"""Bone maps as presets: small JSON files in the user's folder."""

from __future__ import annotations

import json
from pathlib import Path

from ...engine.formats.errors import InputError
from .bone_maps import SLOTS, BoneMap
from .whole_file import whole_file

_KIND = "layfigure bone map"


def presets(folder: Path) -> list[str]:
    """The names of the maps that are saved in `folder`."""
    return sorted(path.stem for path in folder.glob("*.json"))


def save_preset(folder: Path, bone_map: BoneMap) -> Path:
    """Write `bone_map` under its name. Raises InputError for a name that is none of a file."""
    name = bone_map.name.strip()
    if not name or name != Path(name).name or name.startswith("."):
        raise InputError(f"“{name}” cannot be the name of a file.", "Choose another name.")
    path = folder / f"{name}.json"
    data = {"kind": _KIND, "bones": bone_map.bones, "switches": bone_map.switches}
    with whole_file(path) as place:
        place.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def load_preset(path: Path) -> BoneMap:
    """Read a map that `save_preset` wrote, leaving out bones that we do not know.

    Raises InputError when it is damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["kind"] != _KIND:
            raise ValueError(f"it is a {data['kind']}")
        bones = {str(ours): str(theirs) for ours, theirs in dict(data["bones"]).items()}
        switches = [(str(b), str(p), float(v)) for b, p, v in data.get("switches", [])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path}: this is no bone map that can be read ({reason}).",
            "Save the map again, or remove the file.",
        ) from error
    return BoneMap(path.stem, {o: t for o, t in bones.items() if o in SLOTS and t}, switches)
