"""Silhouettes for every frame of a generated clip whose true ones are known."""

from __future__ import annotations

import numpy as np
import pytest

from layfigure.engine.capture.animals.densify import Annotations, DenseMasks, densify
from layfigure.engine.capture.animals.frames import box_of_mask
from layfigure.engine.capture.animals.grabcut import Hints, mask_from_box, mending, refine
from layfigure.engine.capture.animals.metrics import iou
from layfigure.engine.capture.animals.still_background import learn_ground
from layfigure.engine.formats.errors import InputError
from moving_animal import texture, trotting

COUNT = 9


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, np.ndarray]:
    return trotting(COUNT)


@pytest.fixture(scope="module")
def dense(clip: tuple[np.ndarray, np.ndarray]) -> DenseMasks:
    frames, masks = clip
    return densify(iter(frames), Annotations({1: masks[1], 7: masks[7]}))


def test_masks_between_annotated_frames_are_right(dense: DenseMasks, clip) -> None:
    frames, masks = clip
    found = iou(dense.masks, masks)
    held = iou(masks[[1, 1, 1, 1, 1, 7, 7, 7, 7]], masks)  # the nearest annotated one
    assert found[[1, 7]].tolist() == [1, 1]
    assert found.min() > 0.95
    assert (1 - found[2:7]).mean() < 0.2 * (1 - held[2:7]).mean()


def test_confidence_falls_with_the_way(dense: DenseMasks) -> None:
    sure = dense.confidence
    assert sure.shape == (COUNT,) and sure[[1, 7]].tolist() == [1, 1]
    assert sure[1] > sure[2] > sure[4] < sure[6] < sure[7] and sure.min() > 0.5


def test_every_frame_is_told_of(clip) -> None:
    frames, masks = clip
    told: list[None] = []
    densify(frames[:4], Annotations({3: masks[3]}), lambda: told.append(None))
    assert len(told) == 4


def test_colours_of_the_ground_tell_nothing(clip) -> None:
    frames, masks = clip
    spoilt, mended = mending(frames[0], masks[0])
    assert mended > spoilt
    assert mending(np.asfortranarray(frames[0]), np.asfortranarray(masks[0])) == (spoilt, mended)
    ground = texture(400, 260, 1, (135, 120, 95), 0.14)
    spoilt, mended = mending(ground, masks[0])
    assert mended < spoilt


def test_an_animal_like_its_ground_is_still_followed(clip) -> None:
    """Grey and faint: GrabCut is told not to look, and the flow alone carries the mask."""
    frames, masks = clip
    faint = np.repeat((frames.mean(-1, keepdims=True) * 0.3 + 90).astype(np.uint8), 3, -1)
    found = densify(faint[:5], Annotations({0: masks[0], 4: masks[4]}))
    assert iou(found.masks, masks[:5]).min() > 0.85


@pytest.fixture(scope="module")
def over_still_ground(clip) -> tuple[np.ndarray, np.ndarray]:
    """Frames of the animal as grey as its ground, which stands still, and of the ground alone."""
    frames, masks = clip
    ground = texture(400, 260, 1, (125, 120, 110), 0.14).astype(np.float32)
    fur = texture(400, 260, 8, (125, 120, 110), 0.14)
    draw = np.random.default_rng(0)
    pictures = [np.where(mask[..., None], fur, ground) for mask in masks] + [ground] * 4
    noisy = np.stack(pictures) + draw.normal(0, 2, (COUNT + 4, 260, 400, 1))
    shown = np.clip(noisy, 0, 255).astype(np.uint8)
    return shown[:COUNT], shown[COUNT:]


def test_what_stands_out_from_a_still_ground_is_the_animal(clip, over_still_ground) -> None:
    masks = clip[1]
    frames, empty = over_still_ground
    known = {0: masks[0], COUNT - 1: masks[-1]}
    away = [np.roll(frame, 40 * i, 1) for i, frame in enumerate(frames)]  # other views: no ground
    assert learn_ground(away, (), known) is None
    ground = learn_ground(frames, empty, known)
    assert ground is not None and ground.still.all() and ground.known.all()
    told = densify(frames, Annotations(known), elsewhere=empty)
    rough = np.full(masks[4].shape, 0.5, np.float32)
    assert iou(told.masks, masks).min() > 0.9 and told.confidence.min() > 0.85
    shifted = np.roll(masks[4], 8, 1)
    mended = ground.refine(frames[4], shifted, rough, Hints())
    by_colours = refine(frames[4], shifted, rough, Hints())
    wrong = [1 - iou(m[None], masks[4:5])[0] for m in (mended, by_colours)]
    assert wrong[0] < 0.3 * wrong[1]


def test_a_moving_camera_shows_no_still_ground(clip) -> None:
    frames, masks = clip
    ground = learn_ground(frames, (), {1: masks[1], 7: masks[7]})
    assert ground is None or ground.still.mean() < 0.5


def test_a_box_bounds_the_animal(clip) -> None:
    frames, masks = clip
    left = box_of_mask(masks[0])
    left[2] = 60  # its front half is cut off
    boxed = densify(frames[:3], Annotations({1: masks[1]}, boxes={0: left}))
    assert not boxed.masks[0][:, round(left[0] + 1.06 * 60) + 2 :].any()
    assert boxed.masks[0].any() and boxed.masks[2][:, 140:].any()


def test_a_mask_from_a_box_and_points(clip) -> None:
    frames, masks = clip
    inside = np.argwhere(masks[0])[::400, ::-1].astype(float)
    found = mask_from_box(frames[0], Hints(box_of_mask(masks[0]), inside))
    assert iou(found[None], masks[:1])[0] > 0.85
    with pytest.raises(InputError, match="no box"):
        mask_from_box(frames[0], Hints())
    with pytest.raises(InputError, match="Nothing in the box"):
        mask_from_box(frames[0], Hints(np.array([5.0, 5, 0, 0])))


@pytest.mark.parametrize(
    "known,message",
    [
        (lambda m: Annotations({}), "No frame has a mask"),
        (lambda m: Annotations({9: m}), "Frame 9 is annotated, but the clip has 9 frames"),
        (lambda m: Annotations({0: m}, points={-1: m}), "Frame -1 is annotated"),
        (lambda m: Annotations({0: m[::2]}), "mask of frame 0 is 400x130, but .* 400x260"),
        (lambda m: Annotations({0: m & False}), "mask of frame 0 is empty"),
    ],
)
def test_annotations_that_do_not_fit(known, message: str, clip) -> None:
    frames, masks = clip
    with pytest.raises(InputError, match=message):
        densify(frames, known(masks[0]))
