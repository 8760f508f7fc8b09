"""H.264 films from RGB frames."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..formats.errors import InputError


class MovieWriter:
    """Takes frames (H, W, 3) uint8 RGB of one size; odd sizes repeat their last row or column."""

    def __init__(self, container: av.container.OutputContainer, fps: float) -> None:
        self._container, self._fps = container, fps
        self._stream: av.VideoStream | None = None

    def add(self, rgb: np.ndarray) -> None:
        """Append a frame."""
        # H.264 stores colour at half size, so sizes are even.
        margin = [(0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)]
        rgb = np.pad(rgb, margin, mode="edge") if np.any(margin) else rgb
        if self._stream is None:
            rate = Fraction(self._fps).limit_denominator(1001)
            self._stream = self._container.add_stream("libx264", rate=rate)
            self._stream.height, self._stream.width = rgb.shape[:2]
            self._stream.pix_fmt = "yuv420p"
            self._stream.options = {"preset": "veryfast", "crf": "20"}
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


@contextmanager
def write_movie(path: str | os.PathLike, fps: float) -> Iterator[MovieWriter]:
    """A MovieWriter whose film stands at `path` when the block has ended well, and else nowhere.

    Raises InputError when the file cannot be written (no place, no right), OSError on a full disk.
    """
    path = Path(path)
    temporary = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".mp4")
        os.close(handle)
        temporary = Path(name)
        with av.open(name, "w", format="mp4", options={"movflags": "+faststart"}) as container:
            writer = MovieWriter(container, fps)
            yield writer
            writer.finish()
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:  # FFmpeg's failures to write are among them
        if error.errno == errno.ENOSPC:
            raise  # the job says so of its whole output
        raise InputError(
            f"{path}: the film cannot be written ({error.strerror}).",
            "Check the folder, the disk's free space and your rights there.",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
