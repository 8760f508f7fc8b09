"""The register of the user's own files: bodies, animals, pose priors, Segment Anything.

Files stay where they are; `~/.layfigure/models.json` (or `$LAYFIGURE_HOME/models.json`) holds their
paths under short names.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from ..formats.animal_file import KINDS as ANIMALS
from ..formats.animal_file import AnimalData
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from .prior_files import prior_kind, read_gmm, read_vposer
from .registry import (
    is_animal,
    load_animal_file,
    load_body_file,
    load_quadruped,
    load_shipped,
)
from .sam_file import is_sam, read_sam

SHIPPED_NAME, QUADRUPED_NAME = "layfigure", "quadruped"
PRIORS = ("gmm", "vposer")  # the kinds that are no bodies
SAM = "sam"  # neither: it finds masks
_BUILT_IN = ("l2", "angle", "none")  # priors that need no file


@dataclass(frozen=True)
class Model:
    """A registered model file."""

    name: str
    kind: str  # smpl, smplh, smplx, layfigure; smal, quadruped; gmm, vposer; sam
    path: str  # absolute

    @property
    def there(self) -> bool:
        """Whether the file or folder still lies where it was."""
        return Path(self.path).exists()


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
    """Check a file of a body, an animal or SAM, a VPoser folder or a GMM pickle and register it.

    Its own name without suffix is the default. Raises InputError for a path that is none of these
    and for a name that the program uses itself.
    """
    model = Model(name or Path(path).stem, _check(path), str(Path(path).absolute()))
    if model.name in (SHIPPED_NAME, QUADRUPED_NAME):
        raise InputError(f"{model.name} is the name of a shipped body.", "Give another --name.")
    if model.name in _BUILT_IN:
        raise InputError(f"{model.name} is the name of a built-in prior.", "Give another --name.")
    _write({**registered(), model.name: model})
    return model


def _check(path: str | os.PathLike) -> str:
    """The kind of a model file that can be read whole."""
    if is_sam(path):
        read_sam(path)
        return SAM
    kind = prior_kind(path)
    if kind == "vposer":
        read_vposer(path)
    elif kind == "gmm":
        read_gmm(path)
    elif is_animal(path):
        kind = load_animal_file(path).kind
    return kind or load_body_file(path).kind


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
        if models[body].kind in PRIORS:
            raise InputError(
                f"{body} is a pose prior ({models[body].kind}), not a body.",
                f"Use it with --prior {body} and name a body with --body.",
            )
        if models[body].kind in ANIMALS:
            raise InputError(f"{body} is an animal ({models[body].kind}).", "Name a body.")
        if models[body].kind == SAM:
            raise InputError(
                f"{body} is Segment Anything, not a body.", f"Use it with --sam {body}."
            )
        return load_body_file(models[body].path)
    if Path(body).suffix or Path(body).exists():
        return load_body_file(body)
    raise InputError(f"No body is called {body}.", _known(models))


def load_animal_model(animal: str) -> AnimalData:
    """The shipped quadruped, a registered animal by its name, or an animal's model file.

    Raises InputError for what is none of these or cannot be read.
    """
    if animal == QUADRUPED_NAME:
        return load_quadruped()
    models = registered()
    if animal in models:
        if models[animal].kind not in ANIMALS:
            raise InputError(f"{animal} is no animal ({models[animal].kind}).", "Name an animal.")
        return load_animal_file(models[animal].path)
    if Path(animal).suffix or Path(animal).exists():
        return load_animal_file(animal)
    raise InputError(f"No animal is called {animal}.", _known(models, QUADRUPED_NAME))


def find_sam(name: str) -> Path:
    """Segment Anything's checkpoint: a registered one by its name, or a file's path.

    Raises InputError for what is neither.
    """
    models = registered()
    if name in models and models[name].kind == SAM:
        return Path(models[name].path)
    if Path(name).is_file():
        return Path(name)
    known = ", ".join(model.name for model in models.values() if model.kind == SAM) or "none yet"
    raise InputError(
        f"No checkpoint of Segment Anything is called {name}.",
        f"Registered: {known}; add one with: layfigure models add FILE.",
    )


def _known(models: dict[str, Model], shipped: str = SHIPPED_NAME) -> str:
    names = ", ".join([shipped, *models])
    return f"Known are {names}; add a file with: layfigure models add FILE."


def _write(models: dict[str, Model]) -> None:
    path = index_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    text = json.dumps([asdict(model) for model in models.values()], indent=1)
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, path)
