"""The zip: Blender's validator takes it, real Blenders install it, and it leaves nothing behind."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import extension  # noqa: E402
from make_result import make_result  # noqa: E402

SUITES = extension.suites()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The built zip; building validates it."""
    return extension.build_zip(tmp_path_factory.mktemp("dist"))


def test_zip_holds_the_product_and_nothing_else(archive):
    names = zipfile.ZipFile(archive).namelist()
    for needed in ("__init__.py", "blender_manifest.toml", "LICENSE", "addon/session.py"):
        assert needed in names
    for needed in (
        "engine/launch.py",
        "engine/requirements.txt",
        "engine/bodies/data/layfigure.npz",
        "engine/bodies/data/initialiser.safetensors",
    ):
        assert needed in names
    data = {file.relative_to(ROOT).as_posix() for file in ROOT.glob("engine/**/data/*.*")}
    assert not {name for name in data if not name.endswith((".py", ".pyc"))} - set(names)
    top = {name.split("/")[0] for name in names}
    assert not top & {"tests", "tools", "docs", "examples", "benchmarks", "pyproject.toml", ".git"}
    assert not [name for name in names if name.endswith((".pyc", ".whl")) or "__pycache__" in name]
    assert archive.stat().st_size < 32_000_000


@pytest.mark.skipif(not SUITES, reason="no real Blender: `real-blender` is not beside the checkout")
@pytest.mark.parametrize("suite", SUITES)
def test_installed_zip_comes_and_goes_and_works_without_an_engine(suite, archive, tmp_path):
    extension.install(suite, tmp_path / "user", archive)
    make_result(tmp_path / "walk", frames=5)
    script = ROOT / "tests" / "blender" / "check_extension.py"
    done = extension.blender(
        *(suite, tmp_path / "user", "-b", "--python-exit-code", "3", "-P", script),
        *("--", tmp_path / "walk", tmp_path / "walk.fbx"),
    )
    assert done.returncode == 0 and "check_extension: ok" in done.stdout, done.stdout + done.stderr
