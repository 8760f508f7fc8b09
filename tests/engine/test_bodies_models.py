"""The register of the user's model files, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layfigure.engine.bodies.models import index_file, load_model, registered
from layfigure.engine.bodies.registry import SHIPPED, load_shipped
from layfigure.engine.cli import app
from layfigure.engine.formats.errors import InputError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYFIGURE_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words])


def test_add_list_use_remove(home: Path) -> None:
    file = home / "mine.npz"
    file.write_bytes(SHIPPED.read_bytes())
    assert run("add", str(file), "--name", "hero").exit_code == 0
    assert registered()["hero"].path == str(file)
    assert "hero" in run("list").stdout
    assert load_model("hero").v_template.shape == load_shipped().v_template.shape
    assert "hero" in CliRunner().invoke(app, ["doctor"]).stdout
    file.unlink()
    assert "MISSING" in run("list").stdout
    assert run("remove", "hero").exit_code == 0
    assert registered() == {}


def test_a_file_that_is_no_model_is_not_registered(home: Path) -> None:
    file = home / "notes.npz"
    file.write_text("not a body")
    result = run("add", str(file))
    assert result.exit_code == 2 and str(file) in result.stderr
    assert not index_file().exists()


def test_names(home: Path) -> None:
    assert run("add", str(SHIPPED), "--name", "layfigure").exit_code == 2
    assert run("remove", "nobody").exit_code == 2
    with pytest.raises(InputError, match="models add"):
        load_model("nobody")


def test_a_damaged_register(home: Path) -> None:
    index_file().parent.mkdir()
    index_file().write_text("[{")
    result = run("list")
    assert result.exit_code == 2 and "damaged" in result.stderr
