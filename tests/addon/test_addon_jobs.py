"""Engine client and job list against a small engine in a process of its own; no bpy needed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from layfigure.addon.engine_client import EngineClient, clean_environment
from layfigure.addon.job import CANCELLED, DONE, FAILED, INTERRUPTED, RUNNING
from layfigure.addon.jobs import JobList
from layfigure.addon.reading import Reading
from layfigure.addon.task import Task
from layfigure.engine.formats.errors import InputError

ENGINE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture
def jobs(tmp_path):
    """A job list whose engine is `fake_engine.py`."""

    def connect() -> EngineClient:
        command = [sys.executable, str(ENGINE), "serve"]
        return EngineClient(command, clean_environment(), tmp_path / "engine.log")

    made = JobList(connect)
    yield made
    made.close()


def submit(jobs: JobList, what: str, tmp_path: Path):
    """Queue a job of the kind `what`."""
    return jobs.submit("fit", f"{what}.mp4", {"source": f"{what}.mp4"}, tmp_path / what)


def until(jobs: JobList, condition, seconds: float = 10.0) -> None:
    """Drain until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [vars(job) for job in jobs.jobs]
        jobs.drain()
        time.sleep(0.01)


def test_job_runs_with_progress_to_its_folder(jobs, tmp_path):
    seen = []
    job = jobs.wait(
        submit(jobs, "work", tmp_path), lambda j: seen.append((j.step, j.total, j.eta_s))
    )
    assert job.status == DONE and job.folder == tmp_path / "work"
    steps = [step for step, total, _ in seen if total]
    assert len(steps) > 5 and steps == sorted(steps)
    assert any(eta for _, _, eta in seen)
    assert jobs.devices == ["cpu"]


def test_input_error_is_one_sentence_and_a_hint(jobs, tmp_path):
    job = jobs.wait(submit(jobs, "input", tmp_path))
    assert (job.status, job.error) == (FAILED, "input.mp4: nobody is in it.")
    assert job.hint == "Film someone." and not (tmp_path / "input").exists()


def test_cancel_is_answered(jobs, tmp_path):
    job = submit(jobs, "slow", tmp_path)
    until(jobs, lambda: job.step > 0)
    engine = jobs.client.pid
    began = time.monotonic()
    jobs.cancel(job)
    jobs.wait(job)
    assert job.status == CANCELLED and time.monotonic() - began < 1.0
    assert jobs.client.pid == engine, "an engine that answers is kept"


def test_engine_that_does_not_answer_a_cancel_is_ended_within_two_seconds(jobs, tmp_path):
    job = submit(jobs, "deaf", tmp_path)
    until(jobs, lambda: job.step > 0)
    engine = jobs.client.pid
    began = time.monotonic()
    jobs.cancel(job)
    jobs.wait(job)
    assert job.status == CANCELLED and time.monotonic() - began < 2.0
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)
    assert jobs.wait(submit(jobs, "work", tmp_path)).status == DONE


def test_queued_job_is_cancelled_at_once(jobs, tmp_path):
    first, second = submit(jobs, "slow", tmp_path), submit(jobs, "work", tmp_path)
    until(jobs, lambda: first.status == RUNNING)
    jobs.cancel(second)
    assert second.status == CANCELLED and first.status == RUNNING


def test_engine_killed_while_it_works(jobs, tmp_path):
    job = submit(jobs, "slow", tmp_path)
    until(jobs, lambda: job.step > 0)
    os.kill(jobs.client.pid, signal.SIGKILL)
    jobs.wait(job)
    assert job.status == FAILED
    assert job.error.startswith("The engine stopped while it worked on slow.mp4")
    assert not (tmp_path / "slow").exists()
    following = jobs.wait(submit(jobs, "work", tmp_path))
    assert following.status == DONE, "the next job starts a new engine"


def test_engine_that_falls_over_is_restarted_with_growing_pauses(jobs, tmp_path):
    began = time.monotonic()
    crashes = [jobs.wait(submit(jobs, "crash", tmp_path)) for _ in range(2)]
    assert all(job.status == FAILED for job in crashes)
    assert time.monotonic() - began > 0.5
    assert jobs.wait(submit(jobs, "work", tmp_path)).status == DONE


def test_engine_that_cannot_start_says_why(tmp_path):
    def connect() -> EngineClient:
        command = [sys.executable, "-c", "raise SystemExit('No module named torch')"]
        return EngineClient(command, clean_environment(), tmp_path / "engine.log")

    jobs = JobList(connect)
    job = jobs.wait(submit(jobs, "work", tmp_path))
    assert job.error == "The engine could not be started: No module named torch"
    assert "Check" in job.hint


def test_program_that_is_not_there(tmp_path):
    missing = str(tmp_path / "no" / "python")
    jobs = JobList(lambda: EngineClient([missing], clean_environment(), tmp_path / "engine.log"))
    job = jobs.wait(submit(jobs, "work", tmp_path))
    assert job.status == FAILED and "No such file" in job.error


def test_no_engine_set(tmp_path):
    def connect() -> EngineClient:
        raise InputError("No engine is set up.", "Open the preferences.")

    job = JobList(connect)
    first = job.wait(submit(job, "work", tmp_path))
    assert (first.error, first.hint) == ("No engine is set up.", "Open the preferences.")


def test_engine_of_another_protocol(jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_PROTOCOL", "99")
    job = jobs.wait(submit(jobs, "work", tmp_path))
    assert job.status == FAILED and "another version" in job.error


def test_close_ends_engine_and_jobs(jobs, tmp_path):
    job = submit(jobs, "deaf", tmp_path)
    until(jobs, lambda: job.step > 0)
    engine = jobs.client.pid
    jobs.close()
    assert job.status == INTERRUPTED and jobs.client is None
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)


def test_engine_ends_with_its_parent(tmp_path):
    """A parent that is killed closes the pipe; the engine notices."""
    parent = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, sys.argv[1], 'serve'],"
        "stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True);"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent, str(ENGINE)], stdout=subprocess.PIPE)
    engine = int(process.stdout.readline())
    time.sleep(0.5)
    process.kill()
    process.wait()
    process.stdout.close()
    for _ in range(50):
        if not _runs(engine):
            return
        time.sleep(0.1)
    os.kill(engine, signal.SIGKILL)
    pytest.fail("the engine outlived its parent")


def _runs(pid: int) -> bool:
    """True for a process that is there and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_environment_of_blenders_python_is_not_handed_on():
    clean = clean_environment({"PYTHONHOME": "/blender", "PYTHONPATH": "x", "PATH": "/bin"})
    assert "PYTHONHOME" not in clean and "PYTHONPATH" not in clean
    assert clean["PATH"] == "/bin" and clean["PYTHONNOUSERSITE"] == "1"


def test_task_runs_commands_in_order_and_stops_at_a_failure():
    say = [sys.executable, "-c", "print('one')"]
    fail = [sys.executable, "-c", "raise SystemExit('it is full')"]
    task = Task("test", [say, fail, say], clean_environment()).start()
    assert task.wait(20) == FAILED
    assert list(task.lines) == ["one"] and task.error == "it is full"


def test_task_is_cancelled_at_once():
    sleep = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
    task = Task("test", [sleep, sleep], clean_environment()).start()
    while not task.lines:
        time.sleep(0.01)
    began = time.monotonic()
    task.cancel()
    assert task.wait(5) == CANCELLED and time.monotonic() - began < 1.0


def test_task_with_a_program_that_is_not_there():
    task = Task("test", [["/no/such/python"]], clean_environment()).start()
    assert task.wait(5) == FAILED and "/no/such/python" in task.error


def test_reading_in_a_thread_gives_what_was_read_or_the_reason():
    began, go_on = time.monotonic(), threading.Event()
    reading = Reading(lambda: go_on.wait(10) and "read")
    assert not reading.done and time.monotonic() - began < 5
    go_on.set()
    assert reading.take() == "read" and reading.done

    def refused():
        raise InputError("gone.npz: no such file.", "Choose another.")

    with pytest.raises(InputError, match="no such file"):
        Reading(refused).take()
