"""The extension repository: real Blenders subscribe to it, install from it, and take an update."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import extension  # noqa: E402
from make_result import make_result  # noqa: E402

SUITES = extension.suites()
NAME = "layfigure_online"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, prints nothing."""

    def log_message(self, *_: object) -> None:
        """No log."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The zip of the checkout as it is."""
    return extension.build_zip(tmp_path_factory.mktemp("dist"))


@pytest.fixture
def served(tmp_path) -> Iterator[tuple[Path, str]]:
    """An empty folder and the address under which this machine serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def build_repository(archive: Path, folder: Path) -> dict:
    """The repository of `archive`, by the tool; returns the one entry of its index."""
    command = [sys.executable, str(ROOT / "tools" / "build_repository.py")]
    command += ["--zip", str(archive), "--output-dir", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (entry,) = json.loads((folder / "index.json").read_text())["data"]
    return entry


def newer(archive: Path, target: Path) -> Path:
    """The same zip with the version 99.0.0 in the manifest, the one place that says it."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename == "blender_manifest.toml":
                version = b'\nversion = "' + archive.stem.split("-")[1].encode()
                assert version in content
                content = content.replace(version, b'\nversion = "99.0.0')
            new.writestr(item, content)
    return target


def test_repository_names_its_zip_and_keeps_no_earlier_one(archive, tmp_path):
    folder = tmp_path / "repository"
    entry = build_repository(archive, folder)
    assert entry["id"] == "layfigure" and entry["archive_url"] == f"./{archive.name}"
    assert "Add Remote Repository" in (folder / "index.html").read_text()
    later = build_repository(newer(archive, tmp_path / "layfigure-99.0.0.zip"), folder)
    assert later["version"] == "99.0.0"
    assert [file.name for file in folder.glob("*.zip")] == ["layfigure-99.0.0.zip"]


@pytest.mark.skipif(not SUITES, reason="no real Blender: `real-blender` is not beside the checkout")
@pytest.mark.parametrize("suite", SUITES)
def test_blender_subscribes_installs_and_updates(suite, archive, served, tmp_path):
    folder, address = served
    user = tmp_path / "user"
    build_repository(archive, folder)

    def extension_command(*arguments: object) -> None:
        done = extension.blender(
            *(suite, user, "--online-mode", "--command", "extension"), *arguments
        )
        said = [line for line in done.stdout.splitlines() if not line.startswith("PROGRESS")]
        assert done.returncode == 0, "\n".join(said) + done.stderr

    extension_command("repo-add", NAME, "--name", "Layfigure", "--url", f"{address}/index.json")
    extension_command("sync")
    extension_command("install", "layfigure", "--enable")
    make_result(tmp_path / "walk", frames=5)
    script = ROOT / "tests" / "blender" / "check_extension.py"
    done = extension.blender(
        *(suite, user, "-b", "--python-exit-code", "3", "-P", script),
        *("--", tmp_path / "walk", tmp_path / "walk.fbx"),
    )
    assert done.returncode == 0 and "check_extension: ok" in done.stdout, done.stdout + done.stderr

    build_repository(newer(archive, tmp_path / "layfigure-99.0.0.zip"), folder)
    extension_command("update", "--sync")
    (manifest,) = user.rglob(f"{NAME}/layfigure/blender_manifest.toml")
    assert '"99.0.0"' in manifest.read_text()
    tell = f"import bl_ext.{NAME}.layfigure as layfigure; print('now', layfigure.__version__)"
    done = extension.blender(suite, user, "-b", "--python-exit-code", "3", "--python-expr", tell)
    assert "now 99.0.0" in done.stdout, done.stdout + done.stderr
