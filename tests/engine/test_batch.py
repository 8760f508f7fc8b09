"""Batches of clips: what is named, what is left to do, lost workers, the report. Without Ray."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from layfigure.engine.batch.clips import find_clips
from layfigure.engine.batch.cluster import WorkerLost
from layfigure.engine.batch.plan import plan
from layfigure.engine.batch.report import Outcome, as_markdown, exit_code
from layfigure.engine.batch.run import Batch
from layfigure.engine.batch.work import do_clip
from layfigure.engine.cli import app
from layfigure.engine.formats.errors import InputError
from synthetic import Walk


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Two videos, a folder of pictures, one of keypoints, and what is no clip."""
    shots = tmp_path / "shots"
    touch(shots / "take10.mp4", shots / "take2.MOV", shots / "notes.md", shots / ".hidden.mp4")
    touch(shots / "stills" / "1.png", shots / "keys" / "1_keypoints.json", shots / "old" / "x.md")
    touch(shots / "result" / "result.json", tmp_path / "other" / "take2.mp4")
    return shots


def test_a_folder_of_clips(shots: Path) -> None:
    found = [clip.source.name for clip in find_clips([str(shots)])]
    assert found == ["keys", "stills", "take2.MOV", "take10.mp4"]
    assert [clip.source for clip in find_clips([str(shots / "keys")])] == [shots / "keys"]


def test_files_patterns_and_each_clip_once(shots: Path) -> None:
    words = [str(shots / "take10.mp4"), str(shots / "take*"), str(shots.parent / "*" / "*2.mp4")]
    found = [clip.source.relative_to(shots.parent).as_posix() for clip in find_clips(words)]
    assert found == ["shots/take10.mp4", "shots/take2.MOV", "other/take2.mp4"]


def test_lists(shots: Path) -> None:
    text = shots / "list.txt"
    text.write_text("# the good ones\n\ntake2.MOV\ngone.mp4\n")
    assert [clip.source for clip in find_clips([str(text)])] == [
        shots / "take2.MOV",
        shots / "gone.mp4",
    ]
    table = shots / "list.csv"
    table.write_text("clip, name, focal\ntake2.MOV, anna, 900\ntake10.mp4,,\n")
    anna, plain = find_clips([str(table)])
    assert anna.wish == "anna" and anna.options == {"focal": "900"} and plain.options == {}
    tasks = plan("fit", [anna, plain], {"smooth": "2"}, shots / "out")
    assert [task.name for task in tasks] == ["anna", "take10"]
    assert [task.params["focal"] for task in tasks] == [900.0, None]
    assert all(task.params["smooth"] == 2.0 for task in tasks)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gone.mp4"], "gone.mp4: no such file"),
        (["*.mp4"], "no file fits this pattern"),
        (["empty"], "there is no clip in this folder"),
        (["no.txt"], "the list names no clip"),
        (["no.csv"], "names no column 'clip'"),
        (["ragged.csv"], "line 2 has not as many fields"),
    ],
)
def test_words_that_name_no_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("no.txt").write_text("# nothing\n")
    Path("no.csv").write_text("film\na.mp4\n")
    Path("ragged.csv").write_text("clip,focal\na.mp4\n")
    with pytest.raises(InputError) as told:
        find_clips(words)
    assert sentence in str(told.value) and told.value.hint


def test_clips_of_one_name_get_folders_of_their_own(shots: Path) -> None:
    clips = find_clips([str(shots / "take2.MOV"), str(shots.parent / "other")])
    assert [t.name for t in plan("fit", clips, {}, shots / "out")] == ["take2", "other_take2"]
    touch(shots / "out" / "take2" / "mine.blend")
    names = [t.name for t in plan("fit", clips, {}, shots / "out")]
    assert names == ["shots_take2", "other_take2"], "what is no result is left alone"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"smoth": "1"}, "smoth"), ({"smooth": "much"}, "smooth"), ({"source": "a"}, "source")],
)
def test_wrong_options_are_told_before_anything_starts(
    shots: Path, options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        plan("fit", find_clips([str(shots)]), options, shots / "out")
    assert not (shots / "out").exists()


class Here:
    """Workers in this process, one clip after the other; those of `deaths` die so often."""

    workers = 2

    def __init__(self, deaths: dict[str, int] | None = None, blind: bool = False) -> None:
        self.deaths, self.blind = deaths or {}, blind
        self.given: list[tuple] = []

    def start(self, *arguments: Any) -> int:
        self.given.append(arguments)
        return len(self.given) - 1

    def wait(self, handles: list[int], seconds: float) -> list[int]:
        return handles[:1]

    def result(self, handle: int) -> dict:
        job, params, out = self.given[handle]
        name = Path(out).name
        if self.deaths.get(name, 0):
            self.deaths[name] -= 1
            (Path(out).parent / f".{name}.99.x").mkdir(parents=True)
            raise WorkerLost
        done = do_clip(job, params, out)
        if self.blind and done["state"] == "done":
            shutil.rmtree(out)
        return done

    def stop(self, handles: list[int]) -> None:
        pass


def batch_of(walk: Walk, place: Path, **settings: Any) -> Batch:
    """Two good clips of keypoints and a broken one."""
    clips = [place / "a", place / "b"]
    for clip in clips:
        if not clip.exists():
            clip.mkdir()
            for path in sorted(walk.folder.glob("*_keypoints.json"))[10:14]:
                shutil.copy(path, clip)
    (place / "broken.mp4").write_text("Dear diary")
    words = [str(clip) for clip in [*clips, place / "broken.mp4"]]
    options = {"overlay": "false", "people": "1", "face": "false", "hands": "false"}
    tasks = plan("fit", find_clips(words), options, place / "out")
    return Batch("fit", place / "out", tasks, **settings)


def test_a_broken_clip_and_a_lost_worker_stop_nobody(walk: Walk, tmp_path: Path) -> None:
    told: list[str] = []
    batch = batch_of(walk, tmp_path)
    batch.run(Here({"b": 1}), lambda outcome: outcome and told.append(outcome.name))
    a, b, broken = batch.outcomes
    assert (a.state, b.state, broken.state) == ("done", "done", "failed")
    assert (a.tries, b.tries, broken.tries) == (1, 2, 1) and a.frames == 4 and b.people == 1
    assert broken.why == "input" and "broken.mp4" in broken.error and broken.hint
    assert exit_code(batch.outcomes) == 2 and sorted(told) == ["a", "b", "broken"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["summary"] == "3 clips: 2 done, 1 failed, 1 tried again."
    assert "| b | done, 2 tries |" in (tmp_path / "out" / "report.md").read_text()
    names = ["a", "b", "report.json", "report.md"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    again = batch_of(walk, tmp_path)
    assert [o.state for o in again.outcomes] == ["skipped", "skipped", "waiting"]
    (tmp_path / "out" / "a" / "body.npz").unlink()
    assert batch_of(walk, tmp_path).left == [0, 2], "a result that is not whole is made again"


def test_clips_that_kill_and_results_that_nobody_sees_are_failures(
    walk: Walk, tmp_path: Path
) -> None:
    batch = batch_of(walk, tmp_path, retries=1)
    batch.run(Here({"b": 5}, blind=True), lambda _: None)
    a, b, _ = batch.outcomes
    assert a.why == "lost" and "not to be seen here" in a.error
    assert b.why == "killed" and b.tries == 2 and "died 2 times" in b.error
    assert exit_code(batch.outcomes) == 1


def test_the_report_keeps_to_its_table() -> None:
    outcomes = [Outcome("/a|b", "a|b", "failed", why="input", error="a|b: no.", hint="Do.")]
    text = as_markdown("fit", outcomes, 3)
    assert "- **a|b**: a|b: no. Do." in text and "| a/b | failed |" in text
    assert exit_code([Outcome("a", "a", "skipped")]) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "smooth"], "not NAME=VALUE"),
        (["--set", "smooth=x"], "smooth"),
        (["--job", "refit"], "no batch of refit"),
    ],
)
def test_the_command_refuses(shots: Path, options: list[str], sentence: str) -> None:
    done = CliRunner().invoke(app, ["batch", str(shots), "-o", str(shots / "out"), *options])
    assert done.exit_code == 2 and sentence in done.stderr and not (shots / "out").exists()


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "here"])
def test_a_cluster_that_is_not_there(shots: Path, address: str) -> None:
    words = ["batch", str(shots), "-o", str(shots / "out"), "--cluster", address]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and f"{address}: " in done.stderr
    assert not (shots / "out").exists()
