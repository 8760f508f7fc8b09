"""Keypoints as tracks of a movie clip, and back as corrections, point by point."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from layfigure.addon import compat
from layfigure.addon.scene.footage import load_clip
from layfigure.addon.scene.origin import clip_of
from layfigure.addon.scene.tracks import hand_over, keypoints_to_clip, read_changes
from layfigure.engine.formats.camera import load_camera
from layfigure.engine.formats.corrections import load_keypoints, save_keypoints
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import BODY_25, KEYPOINT_NAMES
from layfigure.engine.formats.result import read_result, write_index
from scene_helpers import bpy, clean_scene, make_result  # noqa: F401

NOSE, WRIST = BODY_25.index("Nose"), BODY_25.index("LWrist")


def grey_film(path: Path, frames: int, size: tuple[int, int] = (640, 480)) -> None:
    """A film whose frame k is the grey 20 + 10 k."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, size)
    for k in range(frames):
        writer.write(np.full((size[1], size[0], 3), 20 + 10 * k, np.uint8))
    writer.release()


def made(tmp_path: Path, frames: int = 8, people: int = 1, change=None):
    """A result of `frames` over a grey film; `change(points)` edits person 0's keypoints."""
    grey_film(tmp_path / "grey.mp4", frames)
    footage = str(tmp_path / "grey.mp4")
    make_result(tmp_path / "walk", frames, footage=footage, keypoints=True, people=people)
    result = read_result(tmp_path / "walk")
    if change is not None:
        known = load_keypoints(result.people[0].keypoints)
        change(known.points)
        save_keypoints(result.people[0].keypoints, known)
    return result


def track(clip, name: str, person: str = "person_00"):
    """One of the clip's tracks."""
    return clip.tracking.objects[person].tracks[name]


def listed(change) -> set[tuple]:
    """The corrections as (person, frame, keypoint name, seen)."""
    c = change.corrections
    names = [KEYPOINT_NAMES[k] for k in c.keypoint]
    return set(zip(c.person.tolist(), c.frame.tolist(), names, c.seen.tolist(), strict=True))


def test_every_keypoint_has_a_marker_at_its_place(tmp_path):
    result = made(tmp_path, people=2)
    clip = keypoints_to_clip(result, 1, ("body",))
    assert [o.name for o in clip.tracking.objects] == ["Camera", "person_00", "person_01"]
    known = load_keypoints(result.people[1].keypoints).points
    for index, name in enumerate(BODY_25):
        markers = track(clip, name, "person_01").markers
        assert [m.frame for m in markers] == list(range(1, 9))
        place = np.array([m.co for m in markers]) * (1, -1) + (0, 1)
        np.testing.assert_allclose(place * (640, 480), known[:, index, :2], atol=1e-3)
        assert not any(m.mute for m in markers)
        assert all(m.search_max[0] > 0.01 > -0.01 > m.search_min[0] for m in markers)
    assert not len(read_changes(clip, result).corrections.frame), "nothing was changed yet"


def test_what_is_moved_deleted_disabled_and_added_comes_back_exactly(tmp_path):
    def holes(points):
        points[2:5, NOSE, 2] = 0.0
        points[6, WRIST, 2] = 0.2

    result = made(tmp_path, people=2, change=holes)
    clip = keypoints_to_clip(result, 1, ("body",))
    track(clip, "RKnee").markers.find_frame(4).co = (0.25, 0.75)  # moved
    small = track(clip, "RHip").markers.find_frame(4)
    small.co = (small.co[0] + 0.3 / 640, small.co[1])  # by less than half a pixel
    track(clip, "LKnee", "person_01").markers.delete_frame(2)  # deleted
    track(clip, "LAnkle").markers.find_frame(8).mute = True  # disabled
    track(clip, "LWrist").markers.find_frame(7).mute = False  # doubted, and found right
    track(clip, "Nose").markers.insert_frame(4, co=(0.5, 0.5))  # added inside the gap
    track(clip, "Nose").markers.insert_frame(50, co=(0.5, 0.5))  # outside the clip
    change = read_changes(clip, result)
    assert listed(change) == {
        (0, 3, "RKnee", True),
        (1, 1, "LKnee", False),
        (0, 7, "LAnkle", False),
        (0, 6, "LWrist", True),
        (0, 3, "Nose", True),
    }
    assert (change.moved, change.deleted, change.added) == (2, 2, 1)
    c = change.corrections
    knee = c.place[(c.keypoint == BODY_25.index("RKnee")) & (c.person == 0)]
    np.testing.assert_allclose(knee, [[160, 120]], atol=1e-3)


def test_doubt_and_gaps_are_disabled_markers(tmp_path):
    def doubt(points):
        points[2:5, NOSE, 2] = 0.0
        points[6, WRIST, 2] = 0.2
        points[:, BODY_25.index("REar"), 2] = 0.0

    clip = keypoints_to_clip(made(tmp_path, change=doubt), 1, ("body",))
    state = {m.frame: m.mute for m in track(clip, "Nose").markers}
    assert state == {1: False, 2: False, 3: True, 6: False, 7: False, 8: False}
    assert [m.frame for m in track(clip, "LWrist").markers if m.mute] == [7]
    ear = track(clip, "REar")
    assert [(m.frame, m.mute) for m in ear.markers] == [(1, True)] and ear.weight == 0
    assert 0 < ear.markers[0].co[0] < 1, "where an artist can take it up"


def test_deleting_a_whole_track_or_person(tmp_path):
    result = made(tmp_path, frames=3, people=2)
    clip = keypoints_to_clip(result, 1, ("body",))
    objects = clip.tracking.objects
    objects.remove(objects["person_01"])  # nothing is said about this person any more
    for frame in (1, 2):
        track(clip, "Nose").markers.delete_frame(frame)
    track(clip, "Nose").name = "gone"
    assert listed(read_changes(clip, result)) == {(0, f, "Nose", False) for f in range(3)}


def test_hands_and_face_come_later_and_leave_the_changes(tmp_path):
    result = made(tmp_path, frames=3)
    clip = keypoints_to_clip(result, 1, ("body",))
    assert len(clip.tracking.objects["person_00"].tracks) == 25
    track(clip, "Nose").markers.find_frame(2).co = (0.1, 0.1)
    again = keypoints_to_clip(result, 1, ("body", "hands", "face"))
    assert again == clip and len(clip.tracking.objects["person_00"].tracks) == 137
    assert listed(read_changes(clip, result)) == {(0, 1, "Nose", True)}
    fresh = keypoints_to_clip(result, 1, ("body",), start_over=True)
    assert len(bpy.data.movieclips) == 1 and fresh.name == "walk keypoints"
    assert len(fresh.tracking.objects["person_00"].tracks) == 25
    assert not listed(read_changes(fresh, result))


def test_frames_of_the_clip_are_those_of_the_result(tmp_path):
    """What Blender's compositor shows at a scene frame is the film's frame under the markers."""
    result = made(tmp_path, frames=8)
    result.frame_start = 2  # the person came into view in the film's third frame
    clip = keypoints_to_clip(result, 101, ("body",))
    scene = bpy.context.scene
    tree, out = compat.compositor(scene)
    node = tree.nodes.new("CompositorNodeMovieClip")
    node.clip = clip
    tree.links.new(node.outputs[0], out)
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    scene.camera = bpy.data.objects.new("any", bpy.data.cameras.new("any"))
    scene.view_settings.view_transform = "Standard"
    scene.render.filepath = str(tmp_path / "seen.png")
    compat.set_still_output(scene.render)
    for frame in (101, 104):
        scene.frame_set(frame)
        bpy.ops.render.render(write_still=True)
        film_frame = frame - 101 + result.frame_start
        grey = cv2.imread(str(tmp_path / "seen.png")).mean()
        assert grey == pytest.approx(20 + 10 * film_frame, abs=4)
        assert frame - clip.frame_start + 1 == film_frame + 1, "a marker's frame counts from 1"


def test_pictures_are_a_film_when_their_numbers_have_no_gap(tmp_path):
    (tmp_path / "frames").mkdir()
    for k in range(8, 12):
        cv2.imwrite(str(tmp_path / "frames" / f"f{k}.png"), np.full((480, 640, 3), 9 * k, np.uint8))
    camera = load_camera(made(tmp_path, 2).camera)
    clip = load_clip(str(tmp_path / "frames"), "pictures", camera, 1)
    assert clip.frame_duration == 4 and Path(clip.filepath).name == "f8.png"
    (tmp_path / "frames" / "f9.png").unlink()
    with pytest.raises(InputError, match="not numbered without a gap"):
        load_clip(str(tmp_path / "frames"), "pictures", camera, 1)
    assert len(bpy.data.movieclips) == 1


def test_footage_that_does_not_do(tmp_path):
    result = made(tmp_path, 2)
    result.footage = str(tmp_path / "gone.mp4")
    with pytest.raises(InputError, match=r"gone\.mp4: it is not there any more"):
        keypoints_to_clip(result, 1, ("body",))
    (tmp_path / "text.mp4").write_text("no film")
    result.footage = str(tmp_path / "text.mp4")
    with pytest.raises(InputError, match="cannot read it as a film"):
        keypoints_to_clip(result, 1, ("body",))
    grey_film(tmp_path / "sideways.mp4", 2, (480, 640))
    result.footage = str(tmp_path / "sideways.mp4")
    with pytest.raises(InputError, match="cannot turn the film upright"):
        keypoints_to_clip(result, 1, ("body",))
    assert not bpy.data.movieclips


def test_results_without_keypoints_or_of_unrelated_pictures(tmp_path):
    make_result(tmp_path / "old", 2)
    with pytest.raises(InputError, match=r"person_00 has no keypoints\.npz"):
        keypoints_to_clip(read_result(tmp_path / "old"), 1, ("body",))
    result = made(tmp_path, 2)
    result.people[0].camera = result.camera
    write_index(result.folder, result)
    with pytest.raises(InputError, match="unrelated pictures"):
        keypoints_to_clip(read_result(result.folder), 1, ("body",))


def test_a_clip_goes_over_to_the_refit(tmp_path):
    old = made(tmp_path, 4)
    clip = keypoints_to_clip(old, 7, ("body", "hands"))

    def refitted(points):
        points[1, 25:46] = 0  # a hand that was left out

    make_result(tmp_path / "new", 4, footage=old.footage, keypoints=True)
    new = read_result(tmp_path / "new")
    known = load_keypoints(new.people[0].keypoints)
    refitted(known.points)
    save_keypoints(new.people[0].keypoints, known)
    track(clip, "left_hand_index1").markers.find_frame(2).co = (0.5, 0.5)  # while it ran
    hand_over(clip, old, new)
    assert clip_of(str(new.folder)) == clip and clip["layfigure_start_frame"] == 7
    assert listed(read_changes(clip, new)) == {(0, 1, "left_hand_index1", True)}


def test_a_thousand_frames_take_no_time(tmp_path):
    result = made(tmp_path, 4)
    known = load_keypoints(result.people[0].keypoints)
    known.points, known.trusted = np.tile(known.points, (250, 1, 1)), None
    known.frame_ids = np.arange(1000)
    save_keypoints(result.people[0].keypoints, known)
    began = time.perf_counter()
    clip = keypoints_to_clip(result, 1, ("body", "hands", "face"))
    assert time.perf_counter() - began < 3
    began = time.perf_counter()
    assert not len(read_changes(clip, result).corrections.frame)
    assert time.perf_counter() - began < 3
