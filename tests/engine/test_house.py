"""The house: who imports whom, how long files are, and what several files say alike."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import layfigure
from house_rules import violations

ROOT = Path(__file__).parents[2]
PRODUCT = ("engine", "addon", "operators", "panels", "headless")


def sources() -> list[Path]:
    files = [ROOT / "__init__.py"]
    for room in PRODUCT:
        files += sorted((ROOT / room).rglob("*.py"))
    return files


def test_product_files_keep_the_rules() -> None:
    files = sources()
    assert len(files) > 60
    found = [v for f in files for v in violations(f.relative_to(ROOT).as_posix(), f.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("engine/fitting/clip.py", "import bpy"),
        ("engine/serve.py", "from mathutils import Matrix"),
        ("engine/jobs/fit.py", "from ...addon.session import start"),
        ("engine/bodies/model.py", "from layfigure.panels import base"),
        ("engine/bodies/model.py", "from layfigure.engine.formats import npz"),
        ("engine/fitting/clip.py", "from ..capture.people import track_people"),
        ("engine/capture/people.py", "from ..fitting import clip"),
        ("engine/geometry/rotations.py", "from ..bodies.model import Body"),
        ("engine/jobs/fit.py", "from ..cli import app"),
        ("engine/formats/npz.py", "import torch"),
        ("engine/formats/npz.py", "from ..progress import Progress"),
        ("engine/capture/detect.py", "import torchvision.transforms"),
        ("addon/session.py", "import torch"),
        ("addon/scene/mesh.py", "from ...engine.bodies.registry import load_shipped"),
        ("addon/scene/mesh.py", "from ... import engine"),
        ("operators/fit_body.py", "from ..engine import jobs"),
        ("panels/fit_body.py", "import scipy.spatial as s"),
        ("headless/render.py", "from layfigure.engine.jobs import run_job"),
        ("headless/render.py", "import layfigure.engine.serve"),
        ("__init__.py", "import torch"),
    ],
)
def test_a_wrong_import_is_reported(path: str, line: str) -> None:
    real = (ROOT / path).read_text()
    assert not violations(path, real)
    at_top = f"{real}\n{line}\n"
    inside = f"{real}\n\ndef late():\n    {line}\n"
    for source in (at_top, inside):
        assert any(path in v and ": imports " in v for v in violations(path, source))


def test_hidden_and_long_files_are_reported() -> None:
    hidden = "import importlib\n\nimportlib.import_module('bpy')\n__import__('bpy.types')\n"
    assert len(violations("engine/cli.py", hidden)) == 2
    assert violations("engine/cli.py", "x = 1\n" * 401)
    assert not violations("engine/cli.py", "x = 1\n" * 400)


def test_version_is_the_same_everywhere() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert manifest["version"] == layfigure.__version__
    assert layfigure.__version__ in (ROOT / "CHANGELOG.md").read_text()


def test_requirements_are_those_of_the_package() -> None:
    """The add-on installs requirements.txt; pip installs what pyproject names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {*project["dependencies"], *project["optional-dependencies"]["detect"]}
    lines = (ROOT / "engine" / "requirements.txt").read_text().splitlines()
    assert {x.strip() for x in lines if x.strip() and not x.startswith("#")} == wanted


def test_every_room_of_the_engine_is_packed() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {p.parent for p in (ROOT / "engine").rglob("*.py") if "__pycache__" not in p.parts}
    names = {".".join(("layfigure", *r.relative_to(ROOT).parts)) for r in rooms}
    assert {*names, "layfigure"} <= set(tool["packages"])
