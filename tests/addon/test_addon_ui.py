"""Registration, panels and operators in the bpy wheel, with a small engine behind them."""

import sys
from pathlib import Path

import pytest

import layfigure
from addon_helpers import Layout, all_panels, drawn, settings_for
from layfigure.addon import requests
from layfigure.addon.job import CANCELLED, DONE, FAILED, RUNNING
from layfigure.addon.session import session
from layfigure.engine.formats.errors import InputError
from layfigure.engine.jobs import FitParams
from layfigure.panels.base import draw_text, duration, shorten
from layfigure.panels.fit_body import LAYFIGURE_PT_fit_body
from layfigure.panels.result import LAYFIGURE_PT_result
from scene_helpers import bpy

HERE = Path(__file__).parent


def test_registering_twice_leaves_nothing_behind(addon):
    layfigure.unregister()
    assert not hasattr(bpy.types.Scene, "layfigure")
    assert not [name for name in dir(bpy.types) if name.startswith("LAYFIGURE_")]
    layfigure.register()
    layfigure.unregister()
    assert not [name for name in dir(bpy.types) if name.startswith("LAYFIGURE_")]
    layfigure.register()
    assert bpy.context.scene.layfigure.source_kind == "VIDEO"


def test_version_of_manifest_and_package_agree():
    import tomllib

    manifest = tomllib.loads((HERE.parents[1] / "blender_manifest.toml").read_text())
    assert manifest["version"] == layfigure.__version__


def test_panels_without_an_engine_point_to_the_preferences(addon):
    words = all_panels()
    assert "none is set up yet" in words.replace(" | ", " ") and "Set Up Engine…" in words
    assert "Run" not in words.split(" | ")
    assert "Import Result Folder…" in words and "Export FBX…" in words
    assert not bpy.ops.layfigure.fit_body.poll()
    assert bpy.ops.layfigure.import_result.poll()


def test_panels_with_an_engine(engine, tmp_path):
    for kind in ("VIDEO", "IMAGES", "KEYPOINTS"):
        settings_for(tmp_path, "work").source_kind = kind
        words = all_panels()
        assert "Run" in words and ("Camera" in words.split(" | Options")[0]) == (
            kind == "KEYPOINTS"
        )
        for title in ("People", "Hands & Face", "Motion", "Pose Prior", "Outputs"):
            assert title in words


def test_fit_runs_to_its_folder(engine, tmp_path):
    settings_for(tmp_path, "work")
    assert bpy.ops.layfigure.fit_body() == {"FINISHED"}
    assert session.jobs.jobs[-1].folder == tmp_path / "results" / "work"
    assert "work" in drawn(LAYFIGURE_PT_result)
    bpy.ops.layfigure.fit_body()
    assert session.jobs.jobs[-1].folder == tmp_path / "results" / "work_02"


def test_fit_reports_the_engines_sentence(engine, tmp_path):
    settings_for(tmp_path, "input")
    with pytest.raises(RuntimeError, match=r"input\.mp4: nobody is in it\. Film someone\."):
        bpy.ops.layfigure.fit_body()
    words = drawn(LAYFIGURE_PT_fit_body).replace(" | ", " ")
    assert "input.mp4: nobody is in it." in words and "Film someone." in words


def test_fit_without_its_file(engine, tmp_path):
    settings = settings_for(tmp_path, "work")
    settings.video = str(tmp_path / "gone.mp4")
    with pytest.raises(RuntimeError, match=r"gone\.mp4: no such file"):
        bpy.ops.layfigure.fit_body()
    settings.source_kind, settings.images = "IMAGES", str(tmp_path / "gone")
    with pytest.raises(RuntimeError, match="gone: no such folder"):
        bpy.ops.layfigure.fit_body()


def test_camera_file_that_is_no_json(addon, tmp_path):
    settings = bpy.context.scene.layfigure
    (tmp_path / "camera.json").write_text('{"width": 6')
    settings.source_kind, settings.keypoints = "KEYPOINTS", str(tmp_path)
    settings.camera = str(tmp_path / "camera.json")
    with pytest.raises(InputError, match=r"camera\.json: this is not JSON"):
        requests.fit_request(settings)


def test_request_holds_the_options(addon, tmp_path):
    settings = settings_for(tmp_path, "work")
    settings.focal_known, settings.focal, settings.people_known = True, 900.0, True
    label, params, out = requests.fit_request(settings)
    assert label == "work" and out == tmp_path / "results" / "work"
    assert params == {
        "source": str(tmp_path / "work.mp4"),
        "body": "layfigure",
        "focal": 900.0,
        "people": 1,
        "independent": False,
        "camera": None,
        "config": None,
        "prior": "layfigure",
        "hands": True,
        "face": True,
        "smooth": 1.0,
        "camera_motion": "auto",
        "collisions": False,
        "texture": False,
        "legacy_output": False,
        "pc2": False,
    }
    FitParams.model_validate(params)


def test_every_folded_option_reaches_the_engine(addon, tmp_path):
    settings = settings_for(tmp_path, "work")
    (tmp_path / "vposer").mkdir()
    (tmp_path / "fit_smplx.yaml").write_text("dataset: openpose")
    settings.hands = settings.face = False
    settings.smooth, settings.camera_motion = 2.5, "moving"
    settings.collisions = settings.texture = settings.legacy_output = settings.pc2 = True
    settings.prior, settings.config = str(tmp_path / "vposer"), str(tmp_path / "fit_smplx.yaml")
    params = FitParams.model_validate(requests.fit_request(settings)[1])
    assert not params.hands and not params.face and params.smooth == 2.5
    assert params.camera_motion == "moving" and params.prior == str(tmp_path / "vposer")
    assert params.collisions and params.texture and params.legacy_output and params.pc2
    assert params.config == tmp_path / "fit_smplx.yaml"


def test_prior_and_config_that_are_not_there(addon, tmp_path):
    settings = settings_for(tmp_path, "work")
    settings.prior = str(tmp_path / "gmm_08.pkl")
    with pytest.raises(InputError, match=r"gmm_08\.pkl: no such prior"):
        requests.fit_request(settings)
    settings.prior, settings.config = "my_gmm", str(tmp_path / "no.yaml")
    with pytest.raises(InputError, match=r"no\.yaml: no such file"):
        requests.fit_request(settings)


def test_every_field_says_what_it_does(addon):
    fields = bpy.context.scene.layfigure.bl_rna.properties
    silent = [f.identifier for f in fields if not f.description and not f.is_readonly]
    assert silent in ([], ["name"])


def start_with_a_window(monkeypatch, tmp_path, what: str):
    """Run a fit as in a window: it goes on in the background (the wheel has no clock)."""
    settings_for(tmp_path, what)
    monkeypatch.setattr(session, "wake", lambda: None)
    label, params, out = requests.fit_request(bpy.context.scene.layfigure)
    job = session.jobs.submit("fit", label, params, out, import_result=False)
    while job.step == 0 and not job.ended:
        session.drain()
    return job


def test_panel_of_a_running_job_and_its_cancel(engine, tmp_path, monkeypatch):
    job = start_with_a_window(monkeypatch, tmp_path, "slow")
    words = drawn(LAYFIGURE_PT_fit_body)
    assert "slow: " in words and "%" in words and "Detecting" in words and "left" in words
    assert "Cancel" in words and "Run (Queue)" in words and bpy.ops.layfigure.fit_body.poll()
    assert bpy.ops.layfigure.cancel_job() == {"FINISHED"}
    while not job.ended:
        session.drain()
    assert job.status == CANCELLED and "slow was cancelled." in drawn(LAYFIGURE_PT_fit_body)


def test_engine_killed_while_it_works_is_told_in_the_panel(engine, tmp_path, monkeypatch):
    job = start_with_a_window(monkeypatch, tmp_path, "slow")
    assert job.status == RUNNING
    session.jobs.client.kill()
    while session.drain():
        pass
    assert job.status == FAILED
    words = drawn(LAYFIGURE_PT_fit_body).replace(" | ", " ")
    assert "The engine stopped while it worked on slow" in words
    settings_for(tmp_path, "work")
    assert bpy.ops.layfigure.fit_body() == {"FINISHED"}
    assert session.jobs.jobs[-1].status == DONE


def test_nothing_runs_that_could_be_cancelled(addon):
    with pytest.raises(RuntimeError, match="No job is running"):
        bpy.ops.layfigure.cancel_job()


def test_import_of_a_folder_that_is_no_result(addon, tmp_path):
    with pytest.raises(RuntimeError, match="not a result folder"):
        bpy.ops.layfigure.import_result(directory=str(tmp_path))
    assert not bpy.data.objects


def test_result_is_imported_when_the_job_is_done(engine, tmp_path):
    sys.path.insert(0, str(HERE.parent))
    try:
        from make_result import make_result
    finally:
        sys.path.remove(str(HERE.parent))
    settings_for(tmp_path, "work").import_when_done = True
    make_result(tmp_path / "made", frames=4)
    bpy.ops.layfigure.fit_body()
    assert "cannot be read" in session.jobs.jobs[-1].note, "the small engine writes no real result"
    session.jobs.jobs[-1].folder = tmp_path / "made"
    session.jobs.jobs[-1].import_result = True
    session.drain()
    assert session.jobs.jobs[-1].note == "Imported"
    assert [item.type for item in bpy.data.objects].count("ARMATURE") == 1


def test_another_file_does_not_get_the_result(engine, tmp_path, monkeypatch):
    job = start_with_a_window(monkeypatch, tmp_path, "slow")
    job.import_result = True
    bpy.ops.wm.read_homefile(use_empty=True)
    assert not job.import_result and not job.ended


def test_output_stands_beside_the_blend_file(addon, tmp_path):
    settings = settings_for(tmp_path, "work")
    settings.output = ""
    assert requests.output_base(settings).name == "Layfigure"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert requests.output_base(bpy.context.scene.layfigure) == tmp_path / "layfigure"


def test_text_is_wrapped_and_shortened():
    said: list[str] = []
    draw_text(Layout(said), bpy.context, "word " * 40, "ERROR")
    assert len(said) > 3 and all(len(line) < 60 for line in said)
    assert shorten("/a/long/path/clip", 10) == "…path/clip"
    assert shorten("/a/long/path/clip", 11) == "…/path/clip"
    assert [duration(s) for s in (0.2, 59, 61, 3700)] == ["1 s", "59 s", "1 min 01 s", "1 h 01 min"]
