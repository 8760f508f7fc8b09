"""Animals annotated in a movie clip: keypoints, silhouettes, and the file that they become."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.annotate import (
    animal_of,
    begin,
    clear_point,
    copy_points,
    hide_points,
    keyed_frames,
    names_of,
    neighbour,
    points_at,
    set_point,
    unset_at,
)
from layfigure.addon.scene.annotate_file import (
    annotated_frames,
    collect,
    export_annotations,
    import_annotations,
)
from layfigure.addon.scene.annotate_mask import (
    hull_silhouette,
    mask_of,
    set_silhouette,
    silhouette_at,
    silhouette_frames,
)
from layfigure.addon.scene.footage import load_clip
from layfigure.engine.formats.animal_names import ORDERS
from layfigure.engine.formats.coco_keypoints import Runs, read_coco, write_coco
from layfigure.engine.formats.errors import InputError
from scene_helpers import bpy, clean_scene  # noqa: F401

NAMES = ORDERS["stanfordextra"]
SIZE = (160, 90)


@pytest.fixture
def clip(tmp_path):
    """A film of ten frames, ready to be annotated."""
    writer = cv2.VideoWriter(str(tmp_path / "yard.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, SIZE)
    for k in range(10):
        writer.write(np.full((SIZE[1], SIZE[0], 3), 20 * k, np.uint8))
    writer.release()
    clip = load_clip(str(tmp_path / "yard.mp4"), "yard", None, 1)
    begin(clip, "dog", NAMES)
    return clip


def annotate(clip, frame: int) -> None:
    """All keypoints but the last two, and a triangle as silhouette."""
    for k, name in enumerate(NAMES[:-2]):
        set_point(clip, name, frame, (10.25 + 5 * k, 8 + 3 * k + frame), hidden=k == 3)
    set_silhouette(clip, frame, [np.array([(20, 10), (150, 12.5 + frame), (80, 85)])])


def test_nothing_is_set_at_first(clip):
    assert animal_of(clip).name == "dog" and names_of(clip) == NAMES
    assert unset_at(clip, 0) == list(NAMES) and annotated_frames(clip) == []
    assert all(m.mute and m.co[0] > 1 for t in animal_of(clip).tracks for m in t.markers)


def test_a_point_is_set_hidden_moved_and_cleared(clip):
    set_point(clip, "nose", 4, (40, 30))
    np.testing.assert_allclose(points_at(clip, 4)[NAMES.index("nose")], (40, 30, 2), atol=1e-4)
    marker = animal_of(clip).tracks["nose"].markers.find_frame(5)
    np.testing.assert_allclose(marker.co, (0.25, 2 / 3), atol=1e-6)
    assert marker.search_max[0] > 0.01, "Blender's tracker can take it from here"
    assert hide_points(clip, 4, ["nose"]) == 1
    np.testing.assert_allclose(points_at(clip, 4)[NAMES.index("nose")], (40, 30, 1), atol=1e-4)
    assert keyed_frames(clip) == [], "a hidden one alone is no annotation"
    set_point(clip, "nose", 4, (-5, 100))
    np.testing.assert_allclose(points_at(clip, 4)[NAMES.index("nose")], (-5, 100, 2), atol=1e-4)
    assert keyed_frames(clip) == [4]
    clear_point(clip, "nose", 4)
    assert keyed_frames(clip) == [] and "nose" in unset_at(clip, 4)


def test_what_the_tracker_found_is_no_annotation(clip):
    set_point(clip, "chin", 2, (40, 30))
    markers = animal_of(clip).tracks["chin"].markers
    markers.insert_frame(4, co=(0.3, 0.3)).is_keyed = False
    markers.insert_frame(5, co=(0.3, 0.3)).mute = True  # the end of its path
    assert keyed_frames(clip) == [2]


def test_points_of_another_frame_are_copied(clip):
    annotate(clip, 1)
    set_point(clip, "nose", 6, (3, 3))
    assert copy_points(clip, 1, 6) == 21
    before, after = points_at(clip, 1), points_at(clip, 6)
    nose = NAMES.index("nose")
    np.testing.assert_allclose(after[nose], (3, 3, 2), atol=1e-4)
    before[nose] = after[nose]
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert [neighbour([1, 6], 3, step) for step in (-1, 1)] == [1, 6]
    assert neighbour([1, 6], 6, 1) is None


def test_a_silhouette_is_shown_in_its_frame_only(clip):
    scene = bpy.context.scene
    for frame in (2, 3):
        annotate(clip, frame)
    for at in (2, 3, 4, 5):
        scene.frame_set(at)
        mask = mask_of(clip).evaluated_get(bpy.context.evaluated_depsgraph_get())
        shown = [layer.name for layer in mask.layers if not layer.hide]
        assert shown == ([f"frame {at - 1}"] if at in (3, 4) else [])
    assert silhouette_frames(clip) == [2, 3]
    set_silhouette(
        clip, 3, [np.array([(1, 1), (9, 1), (9, 9)]), np.array([(1, 1), (3, 1), (3, 3)])]
    )
    assert len(mask_of(clip).layers) == 2 and [len(p) for p in silhouette_at(clip, 3)] == [3, 3]


def test_a_silhouette_begins_around_the_keypoints(clip):
    with pytest.raises(InputError, match="Frame 2 has too few keypoints"):
        hull_silhouette(clip, 2)
    for name, place in zip(
        NAMES, ((40, 20), (100, 20), (100, 60), (40, 60), (70, 30)), strict=False
    ):
        set_point(clip, name, 2, place)
    hull_silhouette(clip, 2)
    (outline,) = silhouette_at(clip, 2)
    assert len(outline) > 100, "it is round"
    inside = [
        cv2.pointPolygonTest(outline.astype(np.float32), p, True) for p in ((40, 20), (70, 30))
    ]
    assert min(inside) > -1
    assert np.ptp(outline, 0) == pytest.approx((69, 46), abs=6)


def test_blender_draws_the_silhouette_where_it_was_set(clip, tmp_path):
    places = ((20, 70), (60, 10), (140, 30), (120, 80))
    for name, place in zip(NAMES, places, strict=False):
        set_point(clip, name, 0, place)
    hull_silhouette(clip, 0)
    scene = bpy.context.scene
    tree, out = compat.compositor(scene)
    node = tree.nodes.new("CompositorNodeMask")
    node.mask = mask_of(clip)
    tree.links.new(node.outputs[0], out)
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.camera = bpy.data.objects.new("any", bpy.data.cameras.new("any"))
    scene.view_settings.view_transform = "Raw"
    scene.render.filepath = str(tmp_path / "seen.png")
    compat.set_still_output(scene.render)
    scene.frame_set(1)
    bpy.ops.render.render(write_still=True)
    seen = cv2.imread(str(tmp_path / "seen.png"), cv2.IMREAD_GRAYSCALE) > 127
    drawn = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillPoly(drawn, [np.rint(silhouette_at(clip, 0)[0] - 0.5).astype(np.int32)], 1)
    assert seen.any() and (seen & (drawn > 0)).sum() / (seen | (drawn > 0)).sum() > 0.95


def test_round_trip(clip, tmp_path):
    annotate(clip, 1)
    annotate(clip, 7)
    set_point(clip, "nose", 9, (10, 10))
    path = tmp_path / "notes" / "dog.json"
    assert export_annotations(clip, path) == 3
    data = read_coco(path)
    assert data.category == "dog" and [p.frame for p in data.pictures] == [1, 7, 9]
    assert data.pictures[0].file_name == "yard_000001.png"
    assert Path(data.pictures[0].video) == tmp_path / "yard.mp4"
    assert data.pictures[2].outline is None
    before = collect(clip).pictures
    bpy.ops.wm.read_factory_settings(use_empty=True)
    again, left_out = import_annotations(path)
    assert again.name == "yard.mp4" and left_out == 0
    assert annotated_frames(again) == [1, 7, 9]
    for old, new in zip(before, collect(again).pictures, strict=True):
        np.testing.assert_allclose(new.keypoints, old.keypoints, atol=0.01)
        np.testing.assert_allclose(new.outline or [], old.outline or [], atol=0.01)
    set_point(again, "nose", 9, (50, 50))
    assert import_annotations(path)[0] == again, "into the clip of the same film"
    nose = NAMES.index("nose")
    np.testing.assert_allclose(points_at(again, 9)[nose], (10, 10, 2), atol=1e-3)


def test_frames_are_those_of_the_film(clip, tmp_path):
    """A clip that is shown later, or from its fourth frame on."""
    clip.frame_start, clip.frame_offset = 101, 3
    annotate(clip, 5)
    assert animal_of(clip).tracks["nose"].markers.find_frame(3) is not None
    bpy.context.scene.frame_set(103)
    assert not mask_of(clip).layers["frame 5"].hide
    assert [p.frame for p in collect(clip).pictures] == [5]
    with pytest.raises(InputError, match="it has no frame 2"):
        set_point(clip, "nose", 2, (1, 1))


def test_pictures_keep_their_names(tmp_path):
    (tmp_path / "cat").mkdir()
    for k in range(8, 12):
        cv2.imwrite(str(tmp_path / "cat" / f"f{k}.png"), np.zeros((90, 160, 3), np.uint8))
    clip = load_clip(str(tmp_path / "cat"), "cat", None, 1)
    begin(clip, "cat", ("snout", "tail"))
    set_point(clip, "tail", 2, (5, 5))
    export_annotations(clip, tmp_path / "cat.json")
    (picture,) = read_coco(tmp_path / "cat.json").pictures
    assert picture.file_name == "f10.png" and Path(picture.video) == tmp_path / "cat"
    assert import_annotations(tmp_path / "cat.json")[0].frame_duration == 4


def test_annotations_that_do_not_fit(clip, tmp_path):
    path = tmp_path / "dog.json"
    with pytest.raises(InputError, match="no frame is annotated"):
        export_annotations(clip, path)
    annotate(clip, 1)
    export_annotations(clip, path)
    good = path.read_text()

    def with_image(**changes) -> None:
        content = json.loads(good)
        content["images"][0].update(changes)
        path.write_text(json.dumps(content))

    for changes, said in (
        ({"width": 90, "height": 160}, "frame 1 was annotated at 90x160, but yard is 160x90"),
        ({"frame": 10}, "it annotates frame 10, but the last of yard is 9"),
        ({"frame": None}, "not the frames of one film"),
        ({"video": "gone.mp4"}, r"gone\.mp4: it is not there any more"),
    ):
        with_image(**changes)
        with pytest.raises(InputError, match=said):
            import_annotations(path)
    assert len(bpy.data.movieclips) == 1
    data = collect(clip)
    data.pictures[0].outline = Runs((90, 160), [90 * 160])
    write_coco(path, data)
    assert import_annotations(path)[1] == 1, "run lengths are no outlines"


def test_hidden_keypoints_alone_are_not_written(clip, tmp_path):
    annotate(clip, 1)
    hide_points(clip, 1, NAMES)
    with pytest.raises(InputError, match="all keypoints of its 1 annotated frames are invisible"):
        export_annotations(clip, tmp_path / "dog.json")
    assert not list(tmp_path.glob("*.json"))


def test_names_that_tracks_cannot_have(clip):
    for names in (("nose", "nose"), ("x" * 64,), ()):
        with pytest.raises(InputError):
            begin(clip, "cat", names)
    assert animal_of(clip).name == "dog" and len(clip.tracking.objects) == 2
    begin(clip, "dog", ("nose", "left_wing"))
    assert names_of(clip) == (*NAMES, "left_wing"), "what is there stays"
    with pytest.raises(InputError, match="no keypoint is called trunk"):
        set_point(clip, "trunk", 1, (1, 1))
