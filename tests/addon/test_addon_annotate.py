"""The panel and the operators with which an animal is annotated, by a script."""

import json

import numpy as np
import pytest
from test_scene_tracks import grey_film

from addon_helpers import drawn
from layfigure.addon.scene.annotate import animal_of, points_at
from layfigure.addon.scene.annotate_mask import silhouette_at
from layfigure.engine.formats.animal_names import ORDERS
from layfigure.engine.formats.coco_keypoints import read_coco
from layfigure.panels.annotate import LAYFIGURE_PT_annotate
from scene_helpers import bpy

ops = bpy.ops.layfigure
COW = ORDERS["animalkey"]


@pytest.fixture
def clip(addon, tmp_path):
    """A film with a cow to annotate."""
    grey_film(tmp_path / "meadow.mp4", 6)
    film = str(tmp_path / "meadow.mp4")
    assert ops.annotate_start(film=film, animal="cow", points="animalkey") == {"FINISHED"}
    (clip,) = bpy.data.movieclips
    return clip


def test_before_anything_is_annotated(addon, tmp_path):
    assert "Start Annotating" in drawn(LAYFIGURE_PT_annotate)
    assert not ops.annotate_point.poll() and not ops.annotate_export.poll()
    with pytest.raises(RuntimeError, match="No film is chosen"):
        ops.annotate_start()
    with pytest.raises(RuntimeError, match="it is not there any more"):
        ops.annotate_start(film=str(tmp_path / "gone.mp4"))
    with pytest.raises(RuntimeError, match="No body is chosen"):
        ops.annotate_start(film=str(tmp_path / "gone.mp4"), points="body")
    bpy.context.scene.layfigure.annotate_list = "body"
    assert "Body" in drawn(LAYFIGURE_PT_annotate)


def test_a_script_annotates_and_exports(clip, tmp_path):
    assert [t.name for t in animal_of(clip).tracks] == list(COW)
    scene = bpy.context.scene
    scene.frame_set(3)
    assert "Frame 2: 0 of 30" in drawn(LAYFIGURE_PT_annotate)
    ops.annotate_point(place=(64, 48))  # the first that is not set
    ops.annotate_point(place=(100, 50))
    ops.annotate_point(keypoint="nose", place=(320, 240))
    ops.annotate_point(keypoint="chin", place=(300, 400), hidden=True)
    flags = dict(zip(COW, points_at(clip, 2)[:, 2].tolist(), strict=True))
    assert [name for name, flag in flags.items() if flag == 2] == [COW[0], COW[1], "nose"]
    assert flags["chin"] == 1 and "Frame 2: 4 of 30" in drawn(LAYFIGURE_PT_annotate)
    with pytest.raises(RuntimeError, match="No frame before this one has keypoints"):
        ops.annotate_copy()
    ops.annotate_copy(frame=5)
    ops.annotate_hide(keypoint="nose", frame=5)
    np.testing.assert_allclose(points_at(clip, 5)[COW.index("nose")], (320, 240, 1), atol=1e-3)
    ops.annotate_silhouette(frame=5)
    ops.annotate_silhouette(outline=json.dumps([[10, 10], [600, 20], [300, 470]]))
    ops.annotate_silhouette()
    np.testing.assert_allclose(silhouette_at(clip, 2)[0][2], (300, 470), atol=1e-3)
    assert bpy.data.masks[0].layers.active.name == "frame 2", "it is edited, not made anew"
    ops.annotate_jump(step=1)
    assert scene.frame_current == 6
    with pytest.raises(RuntimeError, match="No frame after this one"):
        ops.annotate_jump(step=1)
    path = tmp_path / "cow.json"
    assert ops.annotate_export(filepath=str(path)) == {"FINISHED"}
    data = read_coco(path)
    assert data.category == "cow" and [p.frame for p in data.pictures] == [2, 5]
    ops.annotate_point(keypoint="nose", frame=2, place=(1, 1))
    assert ops.annotate_import(filepath=str(path)) == {"FINISHED"}
    np.testing.assert_allclose(points_at(clip, 2)[COW.index("nose")], (320, 240, 2), atol=1e-2)


def test_what_is_refused(clip, tmp_path):
    with pytest.raises(RuntimeError, match="no frame is annotated"):
        ops.annotate_export(filepath=str(tmp_path / "cow.json"))
    with pytest.raises(RuntimeError, match="it has no frame 99; its last is 5"):
        ops.annotate_point(frame=99)
    with pytest.raises(RuntimeError, match="no keypoint is called trunk"):
        ops.annotate_point(keypoint="trunk")
    with pytest.raises(RuntimeError, match="too few keypoints"):
        ops.annotate_silhouette()
    for outline in ("round", "[[1, 2], [3, 4]]"):
        with pytest.raises(RuntimeError, match="The outline"):
            ops.annotate_silhouette(outline=outline)
    with pytest.raises(RuntimeError, match="No keypoint is selected"):
        for track in animal_of(clip).tracks:
            track.select = False
        ops.annotate_hide()
    (tmp_path / "text.json").write_text("cow")
    with pytest.raises(RuntimeError, match="this is not JSON"):
        ops.annotate_import(filepath=str(tmp_path / "text.json"))
    bpy.context.scene.frame_set(99)
    assert "Outside the film" in drawn(LAYFIGURE_PT_annotate)


def test_start_again_takes_the_same_clip(clip, tmp_path):
    ops.annotate_point(keypoint="nose", frame=0, place=(5, 5))
    ops.annotate_start(film=clip.filepath, animal="cow", points="stanfordextra")
    assert list(bpy.data.movieclips) == [clip]
    names = [t.name for t in animal_of(clip).tracks]
    assert set(names) == {*COW, *ORDERS["stanfordextra"]} and points_at(clip, 0)[:, 2].sum() == 2
