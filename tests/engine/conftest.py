"""What many tests share: a small folder of keypoints, and the result of fitting it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Threads that spin while they wait make small fits many times slower on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # the cores have other workers to do
    os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).parents[1]))  # make_result is shared with other tests

import pytest  # noqa: E402

from layfigure.engine.formats.openpose import write_openpose_folder  # noqa: E402
from layfigure.engine.jobs import run_job  # noqa: E402
from layfigure.engine.progress import Progress  # noqa: E402
from synthetic import FRONT, LEFT, Person, Walk, make_scene  # noqa: E402
from tiny_avatar import train, write_scans  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The register of models and the kept detections of the tests, away from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYFIGURE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """20 frames, with a frame without people in the middle."""
    people = [Person(FRONT, (-0.5, 0.0, 4.0), (0.8,)), Person(LEFT, (0.6, 0.0, 4.5), (-0.8,), 1.0)]
    scene = make_scene(people, 20, focal=320.0, size=(320, 240))
    scene.clip.points[:3, 1] = 0
    scene.clip.points[9] = 0
    folder = tmp_path_factory.mktemp("walk") / "keypoints"
    write_openpose_folder(folder, scene.clip)
    return Walk(folder, scene, 3)


@pytest.fixture(scope="session")
def fitted(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result folder of `walk`, with vertices and overlay. Not to be changed."""
    out = tmp_path_factory.mktemp("fitted") / "result"
    params = {"source": str(walk.folder), "pc2": True}
    return run_job("fit", params, out, Progress(lambda *_: None))


@pytest.fixture(scope="session")
def coat_scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of registered scans of a coat whose truth is known. Not to be changed."""
    return write_scans(tmp_path_factory.mktemp("coat") / "scans")


@pytest.fixture(scope="session")
def coat_avatar(coat_scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The avatar folder that is learned from `coat_scans`. Not to be changed."""
    return train(coat_scans, tmp_path_factory.mktemp("trained") / "avatar")


@pytest.fixture(scope="session")
def coat_elements(coat_scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The avatar of surface elements that is learned from `coat_scans`. Not to be changed."""
    return train(coat_scans, tmp_path_factory.mktemp("elements") / "avatar", method="scale")
