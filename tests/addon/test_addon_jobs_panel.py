"""The panel Jobs and its buttons in the bpy wheel, over sessions that follow each other."""

import sys
import time
from pathlib import Path

import pytest

import layfigure
from addon_helpers import all_panels, drawn, settings_for
from layfigure.addon import engine_setup, requests
from layfigure.addon.job import CANCELLED, DONE, INTERRUPTED, OUTSIDE, QUEUED
from layfigure.addon.session import session
from layfigure.addon.training import training_folder
from layfigure.panels.jobs import LAYFIGURE_PT_jobs
from scene_helpers import bpy

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_result import make_result  # noqa: E402


def give(tmp_path, what: str, keep: bool = False):
    """A fit as it is given in a window: it goes on in the background (the wheel has no clock)."""
    label, params, out = requests.fit_request(settings_for(tmp_path, what))
    return session.jobs.submit("fit", label, params, out, import_result=False, keep=keep)


def drain_until(condition, seconds: float = 15.0) -> None:
    """Let the clock tick until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [vars(job) for job in session.jobs.jobs]
        session.drain()
        time.sleep(0.01)


def choose(number: int) -> None:
    """Click on a row."""
    bpy.context.window_manager.layfigure_jobs.active = number


def words() -> str:
    """What the panel says, its line breaks taken out."""
    return drawn(LAYFIGURE_PT_jobs).replace(" | ", " ")


def reopened() -> None:
    """Blender is closed, its engine goes on; Blender is opened again."""
    session.close(leave=True)
    session.open()
    session.drain()


def test_panel_of_an_empty_list(engine):
    assert "Nothing was given to the engine yet." in words()
    assert not bpy.ops.layfigure.clear_jobs.poll()


def test_jobs_wait_for_each_other_and_panels_stay_usable(engine, tmp_path):
    running, waiting = give(tmp_path, "slow"), give(tmp_path, "work")
    drain_until(lambda: running.step > 1)
    assert waiting.status == QUEUED and "Run (Queue)" in all_panels()
    assert bpy.ops.layfigure.fit_body.poll()
    rows = bpy.context.window_manager.layfigure_jobs
    assert [row.name for row in rows.rows] == [waiting.id, running.id] and rows.active == 0
    assert "Waiting; given " in words() and "Cancel" in words()
    choose(1)
    assert "slow: " in words() and "Detecting" in words() and "left" in words()
    bpy.ops.layfigure.cancel_job(job_id=running.id)
    drain_until(lambda: waiting.ended)
    assert (running.status, waiting.status) == (CANCELLED, DONE)
    assert "Cancelled; given " in words() and "Retry" in words()


def test_two_jobs_for_one_clip_write_to_two_folders(engine, tmp_path):
    first = give(tmp_path, "work")
    assert bpy.ops.layfigure.fit_body() == {"FINISHED"}
    assert [job.status for job in session.jobs.jobs] == [DONE, DONE]
    assert [job.folder.name for job in session.jobs.jobs] == ["work", "work_02"] and first.ended


def test_failed_job_tells_why_and_is_given_again(engine, tmp_path):
    failed = give(tmp_path, "input")
    drain_until(lambda: failed.ended)
    assert "input.mp4: nobody is in it." in words() and "Film someone." in words()
    failed.params["source"] = str(tmp_path / "work.mp4")
    assert bpy.ops.layfigure.retry_job(job_id=failed.id) == {"FINISHED"}
    (again,) = session.jobs.jobs
    assert again.status == DONE and again.out == failed.out and "Import" in words()
    again.status = CANCELLED
    with pytest.raises(RuntimeError, match="nobody is in it"):
        again.params["source"] = "input.mp4"
        bpy.ops.layfigure.retry_job(job_id=again.id)
    assert session.jobs.jobs[-1].out.name == "input_02", "what is there stays"


def test_result_made_while_blender_was_closed_is_imported(engine, tmp_path):
    job = give(tmp_path, "work", keep=True)
    drain_until(lambda: job.step > 0)
    reopened()
    assert session.jobs.jobs[0].status == OUTSIDE
    assert "Runs outside" in words() and "Cancel" in words()
    drain_until(lambda: session.jobs.jobs[0].ended)
    assert "Done while Blender was closed" in words() and not bpy.data.objects
    folder = session.jobs.jobs[0].folder
    (folder / "result.json").unlink()
    folder.rmdir()
    make_result(folder, frames=4)
    bpy.ops.wm.read_homefile(use_empty=True)
    assert bpy.ops.layfigure.import_job(job_id=session.jobs.jobs[0].id) == {"FINISHED"}
    assert [item.type for item in bpy.data.objects].count("ARMATURE") == 1
    reopened()
    assert session.jobs.jobs[0].note == "Imported" and "Imported" in words()


def test_interrupted_training_goes_on_where_it_was(engine, tmp_path):
    settings = bpy.context.scene.layfigure
    settings.output, out = str(tmp_path / "results"), tmp_path / "results" / "coat"
    params = {"preset": "paper", "method": "implicit"}
    job = session.jobs.submit("avatar_train", "coat", params, out)
    state = training_folder(out) / "training.json"
    drain_until(lambda: job.step > 10 and "20" in state.read_text())  # there it waits
    session.close()
    session.open()
    session.drain()
    (job,) = session.jobs.jobs
    assert job.status == INTERRUPTED and "Resume" in words()
    assert bpy.ops.layfigure.retry_job(job_id=job.id) == {"FINISHED"}
    (again,) = session.jobs.jobs
    assert again.status == DONE and again.out == out and settings.avatar == str(out)
    assert "Use" in words()
    settings.avatar = ""
    assert bpy.ops.layfigure.import_job(job_id=again.id) == {"FINISHED"}
    assert settings.avatar == str(out)


def test_jobs_are_taken_from_the_list(engine, tmp_path):
    jobs = [give(tmp_path, what) for what in ("work", "input", "slow")]
    drain_until(lambda: jobs[2].step > 0)
    with pytest.raises(RuntimeError, match="not over"):
        bpy.ops.layfigure.remove_job(job_id=jobs[2].id)
    choose(1)
    bpy.ops.layfigure.remove_job(job_id=jobs[1].id)
    session.drain()
    assert bpy.context.window_manager.layfigure_jobs.active == 0
    bpy.ops.layfigure.clear_jobs()
    assert session.jobs.jobs == [jobs[2]] and (tmp_path / "results" / "work").is_dir()
    session.jobs.cancel(jobs[2])
    with pytest.raises(RuntimeError, match="not in the list any more"):
        bpy.ops.layfigure.remove_job(job_id=jobs[0].id)


def test_folder_that_is_gone_is_told_at_the_import(engine, tmp_path):
    job = give(tmp_path, "work")
    drain_until(lambda: job.ended)
    (job.folder / "result.json").unlink()
    job.folder.rmdir()
    with pytest.raises(RuntimeError, match="no such folder|not a result folder|not there"):
        bpy.ops.layfigure.import_job(job_id=job.id)


def test_disabling_leaves_an_engine_alone_that_was_to_go_on(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "goes_on", lambda: engine_setup.preferences().keep_running)
    assert engine.keep_running, "as it is at first"
    job = give(tmp_path, "work", keep=True)
    drain_until(lambda: job.step > 0)
    layfigure.unregister()
    layfigure.register()
    drain_until(lambda: not session.jobs.busy)
    assert session.jobs.jobs[0].status == DONE
    engine_setup.preferences().keep_running = False  # made anew with its class
    job = give(tmp_path, "slow", keep=True)
    drain_until(lambda: job.step > 0)
    layfigure.unregister()
    assert job.status == INTERRUPTED and not job.out.exists()
    layfigure.register()


def test_folder_of_the_user_that_cannot_be_made(engine, tmp_path, monkeypatch):
    def refused():
        raise PermissionError(13, "Permission denied")

    session.close()
    monkeypatch.setattr(engine_setup, "user_folder", refused)
    session.open()
    assert session.jobs.jobs == [] and session.jobs.folder is None


def test_everything_says_what_it_does(addon):
    """Every property of the add-on's own types and operators, and every operator."""
    silent = []
    for name in dir(bpy.ops.layfigure):
        kind = getattr(bpy.ops.layfigure, name).get_rna_type()
        silent += [kind.identifier] if not kind.description else []
        silent += silent_fields(kind)
    for name in dir(bpy.types):
        kind = getattr(bpy.types, name)
        own = isinstance(kind, type) and kind.__module__.startswith("layfigure.")
        if own and issubclass(kind, (bpy.types.PropertyGroup, bpy.types.AddonPreferences)):
            silent += silent_fields(kind.bl_rna)
    assert not silent, ", ".join(silent)


def silent_fields(kind) -> list[str]:
    """The properties of `kind` that a person sees and that say nothing."""
    inherited = bpy.types.PropertyGroup.bl_rna.properties.keys()
    return [
        f"{kind.identifier}.{field.identifier}"
        for field in kind.properties
        if not (field.description or field.is_readonly or field.is_hidden)
        and field.identifier not in (*inherited, "bl_idname")
    ]
