"""Generated animals: what is said of them is what is seen, and they step as animals do."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.bodies.models import load_animal_model
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.npz import read_npz
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.motion.gaits import GAITS, gait
from layfigure.engine.regression.synthetic.clip import SyntheticOptions, make_clip, make_picture
from layfigure.engine.regression.synthetic.evidence import annotated_clip, noisy_masks
from layfigure.engine.regression.synthetic.files import save_clip

OPTIONS = SyntheticOptions("dog", "walk", frames=5, size=(200, 150), seed=3)
PAWS = ("LFoot", "RFoot", "LFootBack", "RFootBack")


@pytest.fixture(scope="module")
def data():
    return load_animal_model("quadruped")


@pytest.fixture(scope="module")
def clip():
    return make_clip(OPTIONS)


def paws(data, name: str, family: str, frames: int = 40, fps: float = 60.0) -> np.ndarray:
    """(4, T, N, 3) vertices of the paws."""
    betas = data.family_betas[data.families.index(family)]
    pose, transl = gait(name, frames, fps, data, betas, seed=2)
    vertices = posed(data, betas, np.zeros(len(data.limb_scales)), pose, transl)
    feet = [data.weights[:, data.joint_names.index(paw)] for paw in PAWS]
    return np.stack([vertices[:, np.argsort(-foot)[:60]] for foot in feet])


def posed(data, betas, limbs, pose, transl) -> np.ndarray:
    posing = AnimalPosing(data)
    betas, limbs, pose, transl = (
        torch.as_tensor(x, dtype=torch.float32) for x in (betas, limbs, pose, transl)
    )
    return posing(posing.rest(betas[None], limbs[None]), pose, transl).numpy()


@pytest.mark.parametrize("family", ["dog", "horse"])
@pytest.mark.parametrize("name", ["walk", "trot", "gallop"])
def test_paws_stand_still_on_the_ground(data, name, family):
    size = hip_height(data, family)
    for foot in paws(data, name, family, frames=100):
        height = foot[..., 2].min(1)
        assert -0.004 * size < height.min() < 0.004 * size
        stands = height < 0.004 * size
        assert 0.05 < stands.mean() < 0.95
        # The heel comes up before the paw leaves: what is lowest then does not slide.
        touching = foot[:-1, :, 2].argmin(1)
        moved = np.linalg.norm(np.diff(foot[..., :2], axis=0), axis=2)
        slide = moved[np.arange(len(moved)), touching]
        assert slide[stands[1:] & stands[:-1]].max() < 0.012 * size


def hip_height(data, family: str) -> float:
    vertices = data.v_template + data.shapedirs @ data.family_betas[data.families.index(family)]
    return float((data.J_regressor @ vertices)[0, 2] - vertices[:, 2].min())


def test_left_and_right_take_turns_in_a_walk(data):
    ahead = paws(data, "walk", "dog", frames=80).mean(2)[..., 0]
    ahead = ahead - ahead.mean(0)
    for left, right in ((0, 1), (2, 3)):
        assert np.corrcoef(ahead[left] - ahead[left].mean(), ahead[right])[0, 1] < -0.2
    assert np.ptp(ahead[0] - ahead[1]) > 0.1 * hip_height(data, "dog")


def test_every_gait_is_finite_and_goes_on_smoothly(data):
    betas = data.family_betas[data.families.index("cow")]
    for name in GAITS:
        pose, transl = gait(name, 50, 100.0, data, betas, seed=1)
        assert pose.shape == (50, 35, 3) and np.isfinite(pose).all() and np.isfinite(transl).all()
        assert np.abs(np.diff(pose, axis=0)).max() < 0.5, name
    with pytest.raises(InputError, match="moonwalk"):
        gait("moonwalk", 2, 25.0, data, betas)


def test_the_truth_is_what_the_pictures_show(data, clip):
    vertices = posed(data, clip.betas, clip.limb_logscale, clip.pose, clip.transl)
    high, wide = clip.masks.shape[1:]
    for points, mask in zip(vertices, clip.masks, strict=True):
        seen = rasterise(points, data.faces, clip.focal, clip.focal, *clip.center, wide, high)
        assert ((seen.face_index >= 0) != mask).mean() < 1e-3
    points = data.keypoints @ vertices
    xy = points[..., :2] / points[..., 2:] * clip.focal + clip.center
    assert np.abs(xy - clip.keypoints[..., :2]).max() < 0.05


def test_visible_keypoints_lie_in_the_mask(clip):
    visible = clip.keypoints[..., 2] > 0
    assert 0.4 < visible.mean() < 0.95
    for points, mask in zip(clip.keypoints, clip.masks, strict=True):
        wide = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3)))
        x, y = np.floor(points[points[:, 2] > 0, :2]).astype(int).T
        assert wide[y, x].all()


def test_far_eye_is_hidden_from_the_side():
    clip = make_clip(replace(OPTIONS, gait="look", frames=1, view=0.0, variation=0.0))
    shown = dict(zip(clip.keypoint_names, clip.keypoints[0, :, 2], strict=True))
    assert shown["left_eye"] and not shown["right_eye"]


def test_same_seed_same_clip(clip):
    again = make_clip(OPTIONS)
    assert (again.frames == clip.frames).all() and (again.pose == clip.pose).all()
    assert (make_clip(replace(OPTIONS, seed=4, frames=1)).frames[0] != clip.frames[0]).any()
    one, two = make_picture(7, 96), make_picture(7, 96)
    assert one.frames.shape == (1, 96, 96, 3) and (one.frames == two.frames).all()
    assert one.masks.any() and make_picture(8, 96).masks.any()


def test_noisy_masks_are_about_nine_tenths_right():
    clip = make_clip(replace(OPTIONS, frames=8, size=(320, 240)))
    noisy = noisy_masks(clip.masks, 1)
    both, either = (noisy & clip.masks).sum((1, 2)), (noisy | clip.masks).sum((1, 2))
    assert 0.86 < (both / either).mean() < 0.95 and (both / either).min() > 0.8


def test_as_a_person_would_hand_it_in(clip):
    given = annotated_clip(clip, every=4)
    given.check()
    assert given.annotated.tolist() == [True, False, False, False, True]
    assert (given.keypoints[given.annotated][..., 2] > 0).any()
    assert not given.keypoints[~given.annotated].any()


def test_saved_clip(tmp_path, clip):
    save_clip(tmp_path / "clip", clip, ".png")
    truth = read_npz(tmp_path / "clip" / "truth.npz")
    assert np.allclose(truth["pose"], clip.pose) and str(truth["family"]) == "dog"
    frame = cv2.imread(str(tmp_path / "clip" / "frames" / "00004.png"))[..., ::-1]
    assert (frame == clip.frames[4]).all()
    mask = cv2.imread(str(tmp_path / "clip" / "masks" / "00002.png"), 0) > 0
    assert (mask == clip.masks[2]).all()


@pytest.mark.parametrize(
    "wrong", [{"family": "unicorn"}, {"camera": "drone"}, {"pattern": "tartan"}, {"frames": 0}]
)
def test_what_cannot_be_made_is_refused(wrong):
    with pytest.raises(InputError):
        make_clip(replace(OPTIONS, **wrong))
