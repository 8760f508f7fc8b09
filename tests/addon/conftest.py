"""The add-on registered in Blender, with and without a small engine behind it."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="layfigure-test-"))


@pytest.fixture
def addon(tmp_path, monkeypatch):
    """The add-on registered in an empty scene, without an engine; yields its preferences."""
    bpy = pytest.importorskip("bpy")
    import layfigure
    from layfigure.addon import engine_setup

    bpy.ops.wm.read_factory_settings(use_empty=True)
    monkeypatch.setattr(engine_setup, "user_folder", lambda: tmp_path / "user")
    (tmp_path / "user").mkdir()
    entry = bpy.context.preferences.addons.new()
    entry.module = "layfigure"
    layfigure.register()
    yield entry.preferences
    layfigure.unregister()
    bpy.context.preferences.addons.remove(entry)


@pytest.fixture
def engine(addon, monkeypatch):
    """The same with the small engine set."""
    from layfigure.addon import engine_setup

    monkeypatch.setattr(engine_setup, "LAUNCHER", Path(__file__).parent / "fake_engine.py")
    addon.engine_python = sys.executable
    return addon
