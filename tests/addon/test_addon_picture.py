"""Body from Picture: what the panel says, what the engine is asked, what arrives in the scene."""

import numpy as np
import pytest

from addon_helpers import all_panels, drawn
from layfigure.addon.picture_requests import picture_request
from layfigure.addon.session import session
from layfigure.engine.formats.errors import InputError
from layfigure.engine.jobs import RegressParams
from layfigure.panels.picture import LAYFIGURE_PT_picture
from make_result import write_png
from scene_helpers import bpy


@pytest.fixture
def settings(engine, tmp_path):
    """The scene's settings, a picture chosen."""
    write_png(tmp_path / "still.png", np.full((480, 640, 4), 200, np.uint8))
    settings = bpy.context.scene.layfigure
    settings.picture_source = str(tmp_path / "still.png")
    settings.output = str(tmp_path / "results")
    return settings


def test_the_panel_says_what_is_missing(addon):
    words = drawn(LAYFIGURE_PT_picture).replace(" | ", " ")
    assert "This needs the engine, and none is set up yet." in words
    assert not bpy.ops.layfigure.body_from_picture.poll()


def test_the_panel_asks_for_a_picture(engine):
    words = drawn(LAYFIGURE_PT_picture).replace(" | ", " ")
    assert "Choose a picture, a folder of pictures, or a film." in words
    assert words.index("Unrelated Pictures") < words.index("Advanced") < words.index("Network")
    assert not bpy.ops.layfigure.body_from_picture.poll()


def test_the_request_is_the_jobs_own(settings, tmp_path):
    name, params, out = picture_request(settings)
    assert (name, out) == ("still", tmp_path / "results" / "still_body")
    checked = RegressParams.model_validate(params)
    assert checked.source == tmp_path / "still.png"
    usual = RegressParams(source=checked.source)
    assert checked == usual, "what nobody has touched is as on the command line"


def test_every_choice_reaches_the_engine(settings, tmp_path):
    (tmp_path / "mine.safetensors").touch()
    settings.picture_source = f"{tmp_path}/"
    settings.picture_network = str(tmp_path / "mine.safetensors")
    settings.picture_points, settings.picture_body = "grid", "smpl"
    settings.picture_outlines = "vit_b"
    settings.picture_suppress = settings.picture_refine = settings.independent = True
    settings.focal_known, settings.focal = True, 900.0
    settings.people_known, settings.people = True, 2
    settings.smooth, settings.pc2 = 2.0, True
    params = RegressParams.model_validate(picture_request(settings)[1])
    assert params.source == tmp_path and params.network == tmp_path / "mine.safetensors"
    assert (params.points, params.body, params.focal, params.people) == ("grid", "smpl", 900, 2)
    assert params.suppress and params.refine and params.independent and params.pc2
    assert params.sam == "vit_b" and params.masks is None and params.smooth == 2
    settings.picture_outlines = str(tmp_path)
    params = RegressParams.model_validate(picture_request(settings)[1])
    assert params.masks == tmp_path and params.sam is None
    settings.picture_source = str(tmp_path / "still.png")
    assert not picture_request(settings)[1]["independent"], "one picture is related to itself"


def test_files_that_are_not_there(settings, tmp_path):
    settings.picture_network = str(tmp_path / "gone.safetensors")
    with pytest.raises(RuntimeError, match=r"gone\.safetensors: no such network"):
        bpy.ops.layfigure.body_from_picture()
    settings.picture_source = str(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"gone\.png: no such picture"):
        picture_request(settings)


def test_a_still_becomes_a_posed_character_before_its_picture(settings):
    assert bpy.ops.layfigure.body_from_picture() == {"FINISHED"}
    job = session.jobs.jobs[-1]
    assert (job.name, job.note) == ("regress", "Imported")
    scene = bpy.context.scene
    assert (scene.frame_start, scene.frame_end) == (1, 1)
    (armature,) = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    turned = armature.pose.bones["upper_arm_R"].rotation_quaternion.angle
    assert turned > 0.5, "it does not stand at rest"
    (background,) = scene.camera.data.background_images
    assert background.image.filepath == settings.picture_source
    assert background.image.source == "FILE"
    assert "still_body" in all_panels()


def test_the_engines_sentence_stands_in_the_panel(settings, tmp_path):
    settings.picture_source = str(tmp_path / "input.png")
    (tmp_path / "input.png").touch()
    with pytest.raises(RuntimeError, match="nobody is in it"):
        bpy.ops.layfigure.body_from_picture()
    assert "Film someone." in drawn(LAYFIGURE_PT_picture)
