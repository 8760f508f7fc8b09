"""Small real films and pictures for the tests, and where the shared data lies."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def shared(name: str) -> Path:
    """A file of the shared data; the test is skipped where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data folder")
    return path


def marked(width: int, height: int, level: int = 0) -> np.ndarray:
    """Black (height, width, 3) with a red quarter top left and blue level everywhere."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2, 0] = 255
    frame[..., 2] = level
    return frame


def write_film(
    path: Path,
    frames: list[np.ndarray],
    times: list[int] | None = None,
    rotation: int = 0,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: int = 25,
) -> Path:
    """Frames (H, W, 3 or 4) with time stamps in 1/1000 s, by default `rate` a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx264":
            stream.options = {"crf": "10", "bf": "0"}
        if rotation:
            stream.set_display_rotation(rotation)
        for i, array in enumerate(frames):
            kind = "rgba" if array.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(array, kind)
            frame.pts = times[i] if times else round(1000 * i / rate)
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
