"""From scans to a rig through the operators and panels, with a small engine behind them."""

import json

import pytest

from addon_helpers import all_panels, drawn
from layfigure.addon import avatar_requests
from layfigure.addon.job import CANCELLED, DONE
from layfigure.addon.scene.preview import NAME as PREVIEW
from layfigure.addon.scene.preview import show_preview
from layfigure.addon.session import session
from layfigure.addon.training import Training, training_folder
from layfigure.engine.formats.errors import InputError
from layfigure.engine.jobs import AvatarPoseParams, AvatarTrainParams, RegisterParams
from layfigure.panels.avatar import (
    LAYFIGURE_PT_avatar,
    LAYFIGURE_PT_pose,
    LAYFIGURE_PT_register,
    LAYFIGURE_PT_rig,
    LAYFIGURE_PT_train,
)
from layfigure.panels.result import LAYFIGURE_PT_result
from scene_helpers import bpy


@pytest.fixture
def settings(engine, tmp_path):
    """The scene's settings, with a folder for results."""
    settings = bpy.context.scene.layfigure
    settings.output = str(tmp_path / "results")
    return settings


@pytest.fixture
def window(monkeypatch):
    """Jobs go on in the background as in a window (the wheel has no clock)."""
    monkeypatch.setattr(session, "wake", lambda: None)
    monkeypatch.setattr("layfigure.addon.training.LOOK_S", 0.0)

    def start(name: str, request: tuple):
        label, params, out = request
        return session.jobs.submit(name, label, params, out)

    return start


def drain_until(condition):
    """Let the clock tick until `condition` holds."""
    while not condition():
        session.drain()


def test_panels_say_what_is_missing(addon):
    assert "needs the engine, and none is set" in drawn(LAYFIGURE_PT_avatar).replace(" | ", " ")
    assert "Choose a scan" in drawn(LAYFIGURE_PT_register)
    assert "the shipped example is taken" in drawn(LAYFIGURE_PT_train).replace(" | ", " ")
    for panel in (LAYFIGURE_PT_pose, LAYFIGURE_PT_rig):
        assert "Train an avatar, or choose the folder of one." in drawn(panel).replace(" | ", " ")
    bpy.context.scene.layfigure.avatar = "/somewhere"
    assert "Choose a motion." in drawn(LAYFIGURE_PT_pose)
    assert "stands in its T-pose" in drawn(LAYFIGURE_PT_rig).replace(" | ", " ")
    operators = bpy.ops.layfigure
    for operator in (operators.register, operators.train_avatar, operators.pose_avatar):
        assert not operator.poll()
    assert not operators.rig_avatar.poll() and not operators.update_correctives.poll()


def test_from_scans_to_a_rig(settings, tmp_path):
    scans, motion = tmp_path / "anna", tmp_path / "walk.npz"
    scans.mkdir()
    motion.write_bytes(b"")
    settings.scan_source = f"{scans}/"
    assert bpy.ops.layfigure.register() == {"FINISHED"}
    results = tmp_path / "results"
    assert settings.scans == str(results / "anna_registered")
    assert "anna: Registered; chosen for" in drawn(LAYFIGURE_PT_avatar).replace(" | ", " ")
    assert bpy.ops.layfigure.train_avatar() == {"FINISHED"}
    assert settings.avatar == str(results / "anna_avatar")
    assert [path.name for path in results.iterdir() if path.name.endswith("training")] == []
    assert "anna_avatar" not in drawn(LAYFIGURE_PT_result), "nothing that could be imported"
    settings.avatar_motion = str(motion)
    assert bpy.ops.layfigure.pose_avatar() == {"FINISHED"}
    assert session.jobs.jobs[-1].note == "Imported"
    assert bpy.context.view_layer.objects.active.modifiers["Cache"].cache_format == "PC2"
    settings.remesh = True
    bpy.ops.layfigure.pose_avatar()
    assert "walk_7" in bpy.data.objects
    assert bpy.ops.layfigure.rig_avatar() == {"FINISHED"}
    assert bpy.ops.layfigure.update_correctives() == {"FINISHED"}
    made = ("anna_avatar_walk", "anna_avatar_walk_02", "anna_avatar_rig")
    assert all((results / name / "result.json").is_file() for name in made)


def test_a_training_is_watched_paused_and_resumed(settings, window, tmp_path):
    settings.training_preset = "paper"
    job = window("avatar_train", avatar_requests.train_request(settings))
    drain_until(lambda: PREVIEW in bpy.data.objects and session.training.losses and job.total)
    assert len(bpy.data.objects[PREVIEW].data.vertices) == 13718
    words = drawn(LAYFIGURE_PT_avatar)
    assert "Pause" in words and "Loss " in words and "At first 1" in words and "left" in words
    assert "Run (Queue)" in all_panels() and "Train (Queue)" in all_panels()
    with pytest.raises(RuntimeError, match="this training runs or waits already"):
        bpy.ops.layfigure.train_avatar()
    drain_until(lambda: len(session.training.losses) > 2)
    assert bpy.ops.layfigure.cancel_job() == {"FINISHED"}
    drain_until(lambda: job.ended)
    session.drain()
    assert job.status == CANCELLED and not bpy.data.objects and not bpy.data.meshes
    assert PREVIEW not in bpy.data.collections and PREVIEW not in bpy.data.materials
    assert "example_avatar is paused." in drawn(LAYFIGURE_PT_avatar)
    assert "Resume" in drawn(LAYFIGURE_PT_train)
    reached = json.loads((training_folder(job.out) / "training.json").read_text())["step"]
    assert reached > 2

    again = window("avatar_train", avatar_requests.train_request(settings))
    assert again.out == job.out
    beside = avatar_requests.train_request(settings, start_over=True)[2]
    assert beside.name == "example_avatar_02"
    drain_until(lambda: again.ended)
    session.drain()
    assert again.status == DONE and settings.avatar == str(again.out)
    assert session.training.losses[reached][0] == reached, "no step twice"
    assert avatar_requests.train_request(settings)[2] == beside
    assert "Train" in drawn(LAYFIGURE_PT_train).split(" | ")


def test_another_file_gets_neither_preview_nor_avatar(settings, window):
    job = window("avatar_train", avatar_requests.train_request(settings))
    drain_until(lambda: PREVIEW in bpy.data.objects or job.ended)
    bpy.ops.wm.read_homefile(use_empty=True)
    drain_until(lambda: job.ended)
    session.drain()
    assert job.status == DONE and not bpy.context.scene.layfigure.avatar
    assert PREVIEW not in bpy.data.objects


def test_a_preview_that_was_deleted_or_damaged_comes_again(addon, tmp_path):
    from layfigure.engine.formats.ply import PlyMesh, write_ply
    from make_avatar import clothed_body

    body = clothed_body()
    write_ply(tmp_path / "preview.ply", PlyMesh(body.v_template, body.faces))
    for kind in ("objects", "collections", "meshes"):
        show_preview(bpy.context.scene, tmp_path / "preview.ply")
        things = getattr(bpy.data, kind)
        things.remove(things[PREVIEW])
    show_preview(bpy.context.scene, tmp_path / "preview.ply")
    assert len(bpy.context.scene.objects) == 1
    (tmp_path / "preview.ply").write_bytes(b"ply")
    with pytest.raises(InputError, match="preview.ply"):
        show_preview(bpy.context.scene, tmp_path / "preview.ply")
    assert len(bpy.data.meshes[PREVIEW].vertices) == 13718


def test_losses_are_read_as_they_are_written(tmp_path):
    now = [0.0]
    training = Training(tmp_path / "a", clock=lambda: now[0])
    folder = training_folder(tmp_path / "a")
    assert not training.look()
    folder.mkdir()
    losses = folder / "loss.csv"
    losses.write_text("step,loss,sdf\n10,0.5,1\n20,0.4")
    assert not training.look(), "not yet: once a second"
    now[0] = 1.0
    assert training.look() and training.losses == [(10, 0.5)]
    losses.write_text("step,loss,sdf\n10,0.5,1\n20,0.4,1\n")
    now[0] = 2.0
    assert training.look() and training.losses[-1] == (20, 0.4)
    losses.write_text("step,loss,sdf\n10,0.5,1\n")  # a checkpoint before step 20 is gone on from
    now[0] = 3.0
    assert training.look() and training.losses == [(10, 0.5)]


def test_what_is_no_avatar_and_what_is_gone(settings, tmp_path):
    settings.avatar = str(tmp_path)
    with pytest.raises(RuntimeError, match="this is not an avatar"):
        bpy.ops.layfigure.rig_avatar()
    settings.scan_source = str(tmp_path / "gone.ply")
    with pytest.raises(RuntimeError, match=r"gone\.ply: no such file"):
        bpy.ops.layfigure.register()
    settings.scans = str(tmp_path / "gone")
    with pytest.raises(RuntimeError, match="gone: no such folder"):
        bpy.ops.layfigure.train_avatar()
    assert not session.jobs.jobs


def test_register_says_what_is_known(settings, tmp_path):
    (tmp_path / "scan.obj").write_text("")
    settings.scan_source, settings.scan_poses = str(tmp_path / "scan.obj"), str(tmp_path)
    settings.scan_up, settings.scan_unit = "-z", "mm"
    label, params, out = avatar_requests.register_request(settings)
    assert label == "scan" and out.name == "scan_registered"
    assert params == {
        "source": str(tmp_path / "scan.obj"),
        "body": "layfigure",
        "poses": str(tmp_path),
        "up": "-z",
        "unit": "mm",
    }
    RegisterParams.model_validate(params)


def test_an_avatar_of_surface_elements(settings, tmp_path):
    settings.training_method, settings.density = "scale", 2.0
    AvatarTrainParams.model_validate(avatar_requests.train_request(settings)[1])
    assert bpy.ops.layfigure.train_avatar() == {"FINISHED"}
    (tmp_path / "walk.npz").write_bytes(b"")
    settings.avatar_motion = str(tmp_path / "walk.npz")
    posing = avatar_requests.pose_request(settings)[1]
    assert AvatarPoseParams.model_validate(posing).density == 2
    assert bpy.ops.layfigure.pose_avatar() == {"FINISHED"}
    points = bpy.context.view_layer.objects.active
    assert points.name == "person_00 points" and bpy.ops.layfigure.show_points.poll()
