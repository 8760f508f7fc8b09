"""The register of the user's own model files: which there are and where they lie.

Files stay where they are; `~/.layfigure/models.json` (or `$LAYFIGURE_HOME/models.json`) holds their
paths under short names.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..formats.body_file import BodyData
from ..formats.errors import InputError
from .registry import load_body_file, load_shipped

SHIPPED_NAME = "layfigure"


@dataclass(frozen=True)
class Model:
    """A registered model file."""

    name: str
    kind: str  # smpl, smplh, smplx, layfigure
    path: str  # absolute

    @property
    def there(self) -> bool:
        """Whether the file still lies where it was."""
        return Path(self.path).is_file()


def index_file() -> Path:
    """Where the register is kept."""
    home = os.environ.get("LAYFIGURE_HOME")
    return (Path(home) if home else Path.home() / ".layfigure") / "models.json"


def registered() -> dict[str, Model]:
    """All registered models by name. Raises InputError when the register cannot be read."""
    path = index_file()
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {entry["name"]: Model(**entry) for entry in entries}
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path}: the register of models is damaged ({error}).",
            "Delete it and add the files again.",
        ) from error


def add_model(path: str | os.PathLike, name: str | None = None) -> Model:
    """Check a body model file and register it; its own name without suffix is the default.

    Raises InputError for a file that is no body model and for the name of the shipped body.
    """
    body = load_body_file(path)
    model = Model(name or Path(path).stem, body.kind, str(Path(path).absolute()))
    if model.name == SHIPPED_NAME:
        raise InputError("layfigure is the name of the shipped body.", "Give another --name.")
    _write({**registered(), model.name: model})
    return model


def remove_model(name: str) -> None:
    """Take a model out of the register; its file stays. Raises InputError for an unknown name."""
    models = registered()
    if name not in models:
        raise InputError(f"No model is registered as {name}.", _known(models))
    del models[name]
    _write(models)


def load_model(body: str) -> BodyData:
    """The shipped body, a registered one by its name, or a body model file.

    Raises InputError for what is none of these or cannot be read.
    """
    if body == SHIPPED_NAME:
        return load_shipped()
    models = registered()
    if body in models:
        return load_body_file(models[body].path)
    if Path(body).suffix or Path(body).exists():
        return load_body_file(body)
    raise InputError(f"No body is called {body}.", _known(models))


def _known(models: dict[str, Model]) -> str:
    names = ", ".join([SHIPPED_NAME, *models])
    return f"Known are {names}; add a file with: layfigure models add FILE."


def _write(models: dict[str, Model]) -> None:
    path = index_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    text = json.dumps([asdict(model) for model in models.values()], indent=1)
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, path)
