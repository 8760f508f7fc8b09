"""The set-up as the panel, the preferences and scripts see it, in the bpy wheel."""

import sys
from pathlib import Path

import pytest

from addon_helpers import drawn
from layfigure.addon import engine_setup
from layfigure.addon.engine_folders import own_engines
from layfigure.addon.install_plan import environment_python
from layfigure.addon.report import take_report
from layfigure.addon.session import session
from layfigure.engine.formats.errors import InputError
from layfigure.panels.setup import LAYFIGURE_PT_setup
from scene_helpers import bpy
from tiny_wheels import make_wheel

ROOT = Path(__file__).parents[2]


def panel() -> str:
    """All words of the set-up's panel, its lines joined."""
    return drawn(LAYFIGURE_PT_setup).replace(" | ", " ")


def test_panel_is_there_until_an_engine_works(addon):
    assert LAYFIGURE_PT_setup.poll(bpy.context)
    words = panel()
    assert (
        "None is set up yet" in words and "Use This Python" in words and "Install Engine" in words
    )
    addon.engine_python = sys.executable
    assert not LAYFIGURE_PT_setup.poll(bpy.context)
    addon.engine_python = "/nowhere/python"
    assert LAYFIGURE_PT_setup.poll(bpy.context) and "The engine is gone: /nowhere/python" in panel()


def test_panel_says_what_would_be_installed(addon):
    session.setup.look()
    words = panel()
    for told in ("Loads torch (CPU)", "about 680 MB", "pypi.org", "2.5 GB", "Made with Python 3.1"):
        assert told in words
    assert "Allow Online Access" in words and not bpy.ops.layfigure.install_engine.poll()
    with pytest.raises(InputError, match="may not use the network"):
        session.setup.start_install()
    addon.torch_build = "CUDA"
    session.setup.look()
    assert "CUDA 12.6" in panel() and "3.7 GB" in panel()


def test_base_python_that_does_not_do_is_told_before(addon, tmp_path):
    addon.base_python = "/bin/false"
    bpy.ops.layfigure.look_again()
    assert "/bin/false is no Python." in panel()
    addon.wheels = str(tmp_path)
    addon.base_python = ""
    bpy.ops.layfigure.look_again()
    assert "no wheels are in it" in panel() and not bpy.ops.layfigure.install_engine.poll()


def test_preferences_show_what_the_engine_reports(engine):
    assert "Install Engine" in drawn(engine)
    assert bpy.ops.layfigure.check_engine() == {"FINISHED"}
    assert "The engine works." in drawn(engine) and "torch" not in drawn(engine).split("Install")[0]
    engine.show_check = True
    assert "torch: 2.13.0, CPU" in drawn(engine).replace(" | ", " ")
    assert "torch: 2.13.0, CPU" in take_report(session)


def test_check_of_a_python_that_is_not_there(addon, tmp_path):
    addon.engine_python = str(tmp_path / "nowhere")
    with pytest.raises(RuntimeError, match="nowhere: no such file"):
        bpy.ops.layfigure.check_engine()


def test_a_python_of_the_users_is_taken_and_asked(addon, monkeypatch):
    monkeypatch.setattr(engine_setup, "LAUNCHER", Path(__file__).parent / "fake_engine.py")
    assert not bpy.ops.layfigure.use_python.poll()
    addon.own_python = "/bin/false"
    bpy.ops.layfigure.use_python()
    assert LAYFIGURE_PT_setup.poll(bpy.context) and "The engine cannot run" in panel()
    addon.own_python = sys.executable
    bpy.ops.layfigure.use_python()
    assert addon.engine_python == sys.executable
    assert not LAYFIGURE_PT_setup.poll(bpy.context), session.setup.findings


def test_install_repair_and_remove_without_the_network(addon, tmp_path, monkeypatch):
    """With wheels of a few lines; the new engine takes the old one's place only when it works."""
    (tmp_path / "needs.txt").write_text("tiny-a\n")
    launcher = tmp_path / "launch.py"
    found = {"name": "tiny", "ok": True, "needed": True, "detail": "there"}
    launcher.write_text(f"import json, tiny_a\nprint(json.dumps({{'findings': [{found}]}}))\n")
    monkeypatch.setattr(engine_setup, "REQUIREMENTS", tmp_path / "needs.txt")
    monkeypatch.setattr(engine_setup, "LAUNCHER", launcher)
    make_wheel(tmp_path / "wheels", "tiny-a")
    user = tmp_path / "user"
    addon.wheels = str(tmp_path / "wheels")
    assert not bpy.app.online_access and bpy.ops.layfigure.install_engine() == {"FINISHED"}
    assert addon.engine_python == str(environment_python(user / "engine"))
    assert session.setup.findings == [("ok", "tiny: there")]
    assert session.setup.own and "Repair" in drawn(addon) and "Remove (" in drawn(addon)

    launcher.write_text("raise SystemExit('it does not run')\n")
    with pytest.raises(RuntimeError, match="it does not run"):
        bpy.ops.layfigure.install_engine()
    assert own_engines(user) == [user / "engine"], "the old one stays"
    assert addon.engine_python == str(environment_python(user / "engine"))
    assert "it does not run" in drawn(addon).replace(" | ", " ")
    assert "it does not run" in take_report(session)

    bpy.ops.layfigure.remove_engine("EXEC_DEFAULT")
    assert addon.engine_python == "" and own_engines(user) == []
    assert LAYFIGURE_PT_setup.poll(bpy.context)


def test_nothing_to_cancel_and_no_engine_for_models(addon):
    with pytest.raises(RuntimeError, match="Nothing is being installed"):
        bpy.ops.layfigure.cancel_install()
    assert not bpy.ops.layfigure.add_model.poll()
    addon.show_models = True
    words = drawn(addon)
    assert "Segment Anything" in words and "not set up yet" in words.replace(" | ", " ")


def test_model_files_in_the_preferences(addon, tmp_path, monkeypatch):
    monkeypatch.setenv("LAYFIGURE_HOME", str(tmp_path / "home"))
    addon.engine_python, addon.show_models = sys.executable, True
    body = ROOT / "engine" / "bodies" / "data" / "layfigure.npz"
    assert bpy.ops.layfigure.add_model(filepath=str(body), name="mine") == {"FINISHED"}
    assert "mine (layfigure)" in drawn(addon) and str(body) in drawn(addon)
    (tmp_path / "note.txt").write_text("no model")
    with pytest.raises(RuntimeError, match=r"note\.txt"):
        bpy.ops.layfigure.add_model(filepath=str(tmp_path / "note.txt"))
    assert "note.txt" in drawn(addon)
