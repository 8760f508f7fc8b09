"""Edit Keypoints and Refit, with a small engine that puts the keypoints right and nothing else."""

import os

import pytest
from test_scene_tracks import grey_film

from addon_helpers import all_panels, drawn
from layfigure.addon.job import DONE
from layfigure.addon.scene.origin import clip_of, origin, origin_in
from layfigure.addon.session import session
from layfigure.engine.formats.corrections import load_corrections
from layfigure.engine.formats.keypoints import BODY_25
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import RefitParams
from layfigure.panels.correct import LAYFIGURE_PT_correct
from scene_helpers import bpy, make_result


@pytest.fixture
def walk(engine, tmp_path):
    """A result with keypoints, imported at frame 11; yields its folder."""
    grey_film(tmp_path / "grey.mp4", 6)
    make_result(tmp_path / "walk", 6, footage=str(tmp_path / "grey.mp4"), keypoints=True, people=2)
    bpy.ops.layfigure.import_result(directory=str(tmp_path / "walk"), start_frame=11)
    return tmp_path / "walk"


def nose(clip):
    """The nose of the second person."""
    return clip.tracking.objects["person_01"].tracks["Nose"]


def test_the_scene_knows_what_it_came_from(walk):
    armature = bpy.context.view_layer.objects.active
    assert armature.type == "ARMATURE"
    assert (origin(armature).folder, origin(armature).start_frame) == (str(walk), 11)
    bpy.context.view_layer.objects.active = armature.children[0]
    assert origin_in(bpy.context).folder == str(walk), "its mesh will do"
    bpy.context.view_layer.objects.active = None
    assert origin_in(bpy.context).folder == str(walk), "the last import will do"


def test_nothing_to_correct_in_an_empty_scene(engine):
    assert not bpy.ops.layfigure.keypoints_to_tracks.poll()
    assert not bpy.ops.layfigure.refit.poll()
    assert "Select a character" in drawn(LAYFIGURE_PT_correct).replace(" | ", " ")


def test_edit_then_refit_brings_the_new_character_and_hides_the_old(walk, tmp_path):
    assert not bpy.ops.layfigure.refit.poll()
    assert bpy.ops.layfigure.keypoints_to_tracks() == {"FINISHED"}
    clip = clip_of(str(walk))
    assert clip.frame_start == 11 and "person_01" in all_panels()
    with pytest.raises(RuntimeError, match="No keypoint was changed"):
        bpy.ops.layfigure.refit()
    assert not (walk / "corrections.npz").exists()

    bpy.context.scene.frame_set(13)
    bpy.context.scene.frame_end = 99
    nose(clip).markers.find_frame(3).co = (0.5, 0.25)
    nose(clip).markers.delete_frame(5)
    assert bpy.ops.layfigure.refit() == {"FINISHED"}
    job = session.jobs.jobs[-1]
    assert job.status == DONE and job.note == "Imported", job.note
    assert job.out == tmp_path / "walk_02"
    RefitParams.model_validate(job.params)
    written = load_corrections(walk / "corrections.npz")
    assert written.person.tolist() == [1, 1] and written.frame.tolist() == [2, 4]
    assert written.keypoint.tolist() == [0, 0] and written.seen.tolist() == [True, False]
    assert written.place[0].tolist() == pytest.approx([320, 360])

    new, old = bpy.data.collections["walk_02"], bpy.data.collections["walk"]
    assert old.hide_viewport and old.hide_render and not new.hide_viewport
    assert origin_in(bpy.context).folder == str(tmp_path / "walk_02")
    assert origin_in(bpy.context).start_frame == 11 and bpy.context.scene.frame_end == 99
    assert bpy.context.scene.frame_current == 13
    with pytest.raises(RuntimeError, match="No keypoint was changed"):
        bpy.ops.layfigure.refit()


def test_a_second_round_goes_on_from_the_first(walk, tmp_path):
    bpy.ops.layfigure.keypoints_to_tracks(hands=True)
    clip = clip_of(str(walk))
    clip.tracking.objects["person_00"].tracks["LWrist"].markers.find_frame(2).co = (0.3, 0.3)
    bpy.ops.layfigure.refit()
    hand = clip.tracking.objects["person_00"].tracks["left_hand_wrist"]
    assert [m.frame for m in hand.markers if m.mute] == [2], "the hand was left out"
    nose(clip).markers.find_frame(1).co = (0.4, 0.4)
    bpy.ops.layfigure.refit()
    assert session.jobs.jobs[-1].out == tmp_path / "walk_03"
    assert load_corrections(tmp_path / "walk_02" / "corrections.npz").frame.tolist() == [0]
    assert [c.hide_viewport for c in bpy.data.collections] == [True, True, False]
    assert clip_of(str(tmp_path / "walk_03")) == clip and len(bpy.data.movieclips) == 1


def test_start_over_throws_the_changes_away(walk):
    bpy.ops.layfigure.keypoints_to_tracks()
    nose(clip_of(str(walk))).markers.find_frame(3).mute = True
    bpy.ops.layfigure.keypoints_to_tracks(start_over=True)
    assert not nose(clip_of(str(walk))).markers.find_frame(3).mute
    assert len(bpy.data.movieclips) == 1


def test_corrections_that_cannot_be_written(walk):
    bpy.ops.layfigure.keypoints_to_tracks()
    nose(clip_of(str(walk))).markers.find_frame(3).co = (0.5, 0.25)
    (walk / "corrections.npz").mkdir()
    with pytest.raises(RuntimeError, match=r"corrections\.npz: it cannot be written"):
        bpy.ops.layfigure.refit()
    assert not session.jobs.jobs


def test_a_result_that_went_away(walk):
    bpy.ops.layfigure.keypoints_to_tracks()
    walk.rename(walk.with_name("elsewhere"))
    with pytest.raises(RuntimeError, match="not a result folder"):
        bpy.ops.layfigure.refit()


def test_footage_that_went_away(walk):
    os.remove(read_result(walk).footage)
    with pytest.raises(RuntimeError, match=r"grey\.mp4: it is not there any more"):
        bpy.ops.layfigure.keypoints_to_tracks()
    assert not bpy.data.movieclips and not bpy.ops.layfigure.refit.poll()


def test_the_tracks_are_saved_with_the_file(walk, tmp_path):
    bpy.ops.layfigure.keypoints_to_tracks()
    nose(clip_of(str(walk))).markers.find_frame(3).co = (0.5, 0.25)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert nose(clip_of(str(walk))).markers.find_frame(3).co[1] == pytest.approx(0.25)
    assert bpy.ops.layfigure.refit() == {"FINISHED"}
    assert BODY_25[int(load_corrections(walk / "corrections.npz").keypoint[0])] == "Nose"
