"""The offline detector: MediaPipe Holistic, one person, body, hands and face."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..formats.errors import Cancelled, InputError
from ..formats.keypoints import KeypointClip, clean_missing, empty_points
from .detection_cache import DetectionCache, fingerprint, open_cache
from .mediapipe_layout import to_points

if TYPE_CHECKING:
    from .video import Footage

Progress = Callable[[int, int, str], None]  # step, total, message

_LAYOUT = 1  # to be raised when the same picture gives other points than before
_WARM_UP = 10  # frames


def detect(
    footage: Footage,
    progress: Progress | None = None,
    should_cancel: Callable[[], bool] | None = None,
    max_frames: int | None = None,
    cache: Path | None = None,
) -> KeypointClip:
    """The keypoints (F, 1, 137, 3) of the person in the first `max_frames` (or all) frames.

    A frame in which nobody is found is an empty one. Films are tracked from frame to frame,
    independent pictures are not. With a folder `cache`, frames found earlier are taken from there
    and new ones kept. Raises InputError when no frame holds a person or the detector is not
    installed, Cancelled when `should_cancel()` says so.
    """
    total = min(footage.frame_count, max_frames or footage.frame_count)
    kept = _kept(footage, cache)
    found: list[np.ndarray] = []
    for step, frame in enumerate(islice(_look(footage, kept), max_frames)):
        if should_cancel is not None and should_cancel():
            raise Cancelled
        found.append(frame)
        if progress is not None:
            progress(step + 1, max(total, step + 1), "looking for people")
    points = clean_missing(np.stack(found)[:, None]) if found else empty_points(0, 1)
    seen = (points[..., 2] > 0).any((1, 2))
    if not seen.any():
        raise InputError(
            f"{footage.path}: no person was found in it.",
            "Use footage in which a person is seen whole or from the hips up.",
        )
    notes = [] if seen.all() else [f"Nobody was found in {(~seen).sum()} of {len(seen)} frames."]
    focal = footage.focal
    return KeypointClip(
        points,
        footage.width,
        footage.height,
        footage.fps,
        focal[: len(points)] if isinstance(focal, np.ndarray) else focal,
        footage.frame_names(len(points)),
        str(footage.path),
        [*notes, *(kept.notes if kept is not None else [])],
    )


def _kept(footage: Footage, cache: Path | None) -> DetectionCache | None:
    """What an earlier look at the same footage left."""
    if cache is None:
        return None
    try:
        detector = version("mediapipe")
    except PackageNotFoundError:
        detector = "none"  # what is kept serves nobody, and `_holistic` tells what to install
    name = fingerprint(footage.files, detector, _LAYOUT, footage.independent, footage.frame_count)
    return open_cache(cache, name)


def _look(footage: Footage, kept: DetectionCache | None) -> Iterator[np.ndarray]:
    """Points (137, 3) of every frame: first those kept, then what is found in the others."""
    done = 0
    if kept is not None:
        done = len(kept.points)
        yield from kept.points[:]
        if kept.whole:
            kept.finish()
            return
    # A tracker finds a person better after some frames; those are looked at again.
    first = done if footage.independent else max(done - _WARM_UP, 0)
    with _holistic(footage.independent) as process:
        for number, frame in enumerate(footage):
            if number < first:
                continue
            points = to_points(process(frame), footage.width, footage.height)
            if number < done:
                continue
            if kept is not None:
                kept.add(points)
            yield points
    if kept is not None:
        kept.finish()


@contextmanager
def finder() -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """A function from a picture (H, W, 3) uint8 RGB to the keypoints (137, 3) of a person in it.

    The pictures have nothing to do with each other. Raises InputError without the detector.
    """
    with _holistic(independent=True) as process:
        yield lambda picture: to_points(process(picture), picture.shape[1], picture.shape[0])


@contextmanager
def _holistic(independent: bool) -> Iterator[Callable[[np.ndarray], object]]:
    """A function from an RGB frame to MediaPipe's results."""
    try:
        with quiet():
            from mediapipe.python.solutions.holistic import Holistic
    except ImportError as error:
        raise InputError(
            f"The detector MediaPipe cannot be loaded ({error}).",
            'Install it with pip install "layfigure[detect]", or give OpenPose keypoints.',
        ) from error
    # Made with the first frame and within its silence: the threads that it starts report late.
    detector: Holistic | None = None

    def process(frame: np.ndarray) -> object:
        nonlocal detector
        with quiet():
            if detector is None:
                detector = Holistic(
                    static_image_mode=independent,
                    model_complexity=1,
                    smooth_landmarks=False,  # its filter lags quick limbs; the fit smooths better
                    refine_face_landmarks=True,
                )
            return detector.process(frame)

    try:
        yield process
    finally:
        if detector is not None:
            with quiet():
                detector.close()


@contextmanager
def quiet() -> Iterator[None]:
    """Send file descriptor 2 nowhere: MediaPipe's C++ writes past every Python logger."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
