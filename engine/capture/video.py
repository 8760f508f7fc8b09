"""Footage: RGB frames of a video file, a folder of pictures or one picture, read when used."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from ..formats.errors import InputError
from ..formats.openpose import natural_key
from .pictures import GREY, SUFFIXES, PictureInfo, over_grey, read_info, read_rgb

_USE_VIDEO = "Use a video file (mp4, mov, webm, ...) or a folder of pictures."
_PICTURE_FPS = 30.0  # for a folder of pictures that are a film; nothing tells its rate


class Footage(ABC):
    """Frames (height, width, 3) uint8 RGB, any number of times over: `for frame in footage`."""

    path: Path
    files: list[Path]  # what is read
    width: int  # px
    height: int
    fps: float  # frame i is what the camera saw at i / fps seconds
    frame_count: int  # of a video an estimate, right to a frame or two
    focal: float | np.ndarray | None  # px; of independent pictures one each, NaN for unknown
    independent: bool = False  # unrelated pictures, not a film

    @abstractmethod
    def __iter__(self) -> Iterator[np.ndarray]:
        """Decode from the start. Raises InputError for what turns out to be damaged."""

    @abstractmethod
    def frame_names(self, count: int) -> tuple[str, ...]:
        """Names of the first `count` frames, fit for file names."""


def open_footage(path: str | os.PathLike, independent: bool = False) -> Footage:
    """A video file, a folder of pictures in natural order of their names, or one picture.

    Pictures of one folder are frames of one film and have one size; with `independent` they are
    unrelated and smaller ones get a grey margin all round, which keeps their centre. Raises
    InputError for what is not there, not readable, or holds no frame.
    """
    path = Path(path)
    if path.is_dir():
        files = [f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.is_file()]
        if not files:
            raise InputError(f"{path}: there is no picture in this folder.", _USE_VIDEO)
        files.sort(key=lambda f: natural_key(f.name))
        return PictureFootage(path, files, independent)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    if path.suffix.lower() in SUFFIXES:
        return PictureFootage(path, [path], independent)
    return VideoFootage(path)


class PictureFootage(Footage):
    """Pictures as frames."""

    def __init__(self, path: Path, files: list[Path], independent: bool) -> None:
        self.path, self.files, self.independent = path, files, independent
        self._infos = [read_info(file) for file in files]
        if not independent:
            self._check_sizes()
        self.width = max(info.width for info in self._infos)
        self.height = max(info.height for info in self._infos)
        self.fps = 1.0 if independent else _PICTURE_FPS
        self.frame_count = len(files)
        self.focal = self._find_focal()

    def __iter__(self) -> Iterator[np.ndarray]:
        for info in self._infos:
            frame = read_rgb(info)
            if frame.shape[:2] != (info.height, info.width):
                raise InputError(f"{info.path}: its header tells another size.", "Save it again.")
            yield self._with_margin(frame, info)

    def frame_names(self, count: int) -> tuple[str, ...]:
        """The file names without suffix, with it where two differ in that only."""
        stems = Counter(info.path.stem for info in self._infos)
        names = [i.path.stem if stems[i.path.stem] == 1 else i.path.name for i in self._infos]
        return tuple(names[:count])

    def _check_sizes(self) -> None:
        first = self._infos[0]
        for other in self._infos:
            if (other.width, other.height) != (first.width, first.height):
                raise InputError(
                    f"{other.path}: it is {other.width}x{other.height}, but {first.path.name} is "
                    f"{first.width}x{first.height}.",
                    "Frames of a film need one size; for unrelated pictures use --independent.",
                )

    def _find_focal(self) -> float | np.ndarray | None:
        focal = np.array([np.nan if i.focal is None else i.focal for i in self._infos])
        if not np.isfinite(focal).any():
            return None
        return focal if self.independent else float(np.nanmedian(focal))

    def _with_margin(self, frame: np.ndarray, info: PictureInfo) -> np.ndarray:
        if (info.width, info.height) == (self.width, self.height):
            return frame
        canvas = np.full((self.height, self.width, 3), GREY, np.uint8)
        top, left = (self.height - info.height) // 2, (self.width - info.width) // 2
        canvas[top : top + info.height, left : left + info.width] = frame
        return canvas


class Excerpt(Footage):
    """The frames `first` to `last`, both included, of other footage."""

    def __init__(self, whole: Footage, first: int, last: int) -> None:
        self.path, self.files, self.focal = whole.path, whole.files, whole.focal
        self.width, self.height, self.fps = whole.width, whole.height, whole.fps
        self.frame_count = last + 1 - first
        self._whole, self._first = whole, first

    def __iter__(self) -> Iterator[np.ndarray]:
        return islice(self._whole, self._first, self._first + self.frame_count)

    def frame_names(self, count: int) -> tuple[str, ...]:
        """Those that the frames have in the whole."""
        return self._whole.frame_names(self._first + count)[self._first :]


class VideoFootage(Footage):
    """A video file. Uneven time stamps are resampled to the average rate, turns are applied."""

    focal = None

    def __init__(self, path: Path) -> None:
        self.path, self.files = path, [path]
        with self._open() as container:
            stream = container.streams.video[0]
            # PyAV's streams die with their container: everything is asked in here.
            self.height, self.width = self._upright(self._first_frame(container), stream).shape[:2]
            self.fps, self.frame_count = _rate_and_count(stream, self._times(container))

    def __iter__(self) -> Iterator[np.ndarray]:
        """One frame for each 1 / fps seconds: held through gaps, skipped where they crowd."""
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            held, start, due = np.empty(0), None, 0  # the first frame's slot is 0
            for frame in self._decode(container):
                if start is None:
                    start = frame.time or 0.0
                slot = due if frame.time is None else round((frame.time - start) * self.fps)
                while due < slot:
                    yield held
                    due += 1
                held = self._sized(self._upright(frame, stream))
                if slot >= due:
                    yield held
                    due += 1

    def frame_names(self, count: int) -> tuple[str, ...]:
        """STEM_000000000000 and so on, as OpenPose names them."""
        return tuple(f"{self.path.stem}_{i:012d}" for i in range(count))

    def _open(self) -> av.container.InputContainer:
        # Only files: a playlist must not make FFmpeg reach for the network.
        try:
            container = av.open(
                os.fspath(self.path.resolve()), options={"protocol_whitelist": "file"}
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(f"{self.path}: this is not a video.", _USE_VIDEO) from error
        # FFmpeg can film the text of a text file; nobody means that.
        if not container.streams.video or container.format.name == "tty":
            container.close()
            raise InputError(f"{self.path}: it holds no video.", _USE_VIDEO)
        return container

    def _decode(self, container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
        """All frames that can be decoded; a damaged end ends the film."""
        frames = container.decode(container.streams.video[0])
        while True:
            try:
                yield next(frames)
            except (StopIteration, av.error.EOFError):
                return
            except av.error.InvalidDataError:
                return

    def _first_frame(self, container: av.container.InputContainer) -> av.VideoFrame:
        frame = next(self._decode(container), None)
        if frame is None:
            raise InputError(f"{self.path}: the video has no frame that can be read.", _USE_VIDEO)
        container.seek(0)
        return frame

    def _times(self, container: av.container.InputContainer) -> np.ndarray:
        """Sorted time stamps, seconds, of all frames, without decoding them."""
        stream = container.streams.video[0]
        packets = (p for p in container.demux(stream) if p.size and not p.is_discard)
        times = [float(p.pts * p.time_base) for p in packets if p.pts is not None]
        return np.sort(np.array(times))

    def _upright(self, frame: av.VideoFrame, stream: av.VideoStream) -> np.ndarray:
        """RGB with square pixels, alpha over grey, turned as the file says."""
        if any(component.is_alpha for component in frame.format.components):
            rgb = over_grey(frame.to_ndarray(format="rgba"))
        else:
            rgb = frame.to_ndarray(format="rgb24")
        aspect = float(stream.sample_aspect_ratio or 1) or 1.0
        if abs(aspect - 1) > 1e-3:
            size = (max(round(rgb.shape[1] * aspect), 1), rgb.shape[0])
            rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
        turns = round(frame.rotation / 90) % 4  # counter-clockwise
        return np.ascontiguousarray(np.rot90(rgb, turns))

    def _sized(self, rgb: np.ndarray) -> np.ndarray:
        """Some streams change their size on the way: the first frame's counts."""
        if rgb.shape[:2] == (self.height, self.width):
            return rgb
        return cv2.resize(rgb, (self.width, self.height), interpolation=cv2.INTER_AREA)


def _rate_and_count(stream: av.VideoStream, times: np.ndarray) -> tuple[float, int]:
    """Average frames a second and how many frames that gives."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if len(times) > 1 and times[-1] > times[0]:
        measured = (len(times) - 1) / (times[-1] - times[0])
        # A header that is right for a steady film is exact; an uneven film goes by its stamps.
        rate = rate if rate and abs(measured / rate - 1) < 0.02 else measured
        return rate, round((times[-1] - times[0]) * rate) + 1
    return rate or _PICTURE_FPS, max(stream.frames, len(times), 1)
