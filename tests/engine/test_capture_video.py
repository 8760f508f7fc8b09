"""Films and pictures come in the right way up, at the right rate; bad ones are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from capture_inputs import marked, write_film
from layfigure.engine.capture.movie import write_movie
from layfigure.engine.capture.pictures import focal_pixels
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.errors import InputError


def corner(frame: np.ndarray) -> str:
    """Where the red quarter is."""
    h, w = frame.shape[0] // 4, frame.shape[1] // 4
    spots = {"tl": (h, w), "tr": (h, -w), "bl": (-h, w), "br": (-h, -w)}
    return max(spots, key=lambda k: int(frame[spots[k]][0]))


def test_steady_film(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", [marked(64, 48, 20 * i) for i in range(10)])
    footage = open_footage(path)
    frames = list(footage)
    assert (footage.width, footage.height, footage.fps) == (64, 48, 25)
    assert len(frames) == footage.frame_count == 10
    blue = [frame[40, 50, 2] for frame in frames]
    assert np.abs(np.array(blue, int) - 20 * np.arange(10)).max() < 8
    assert len(list(footage)) == 10, "a footage can be read again"
    assert footage.frame_names(2)[1] == "a_000000000001"


@pytest.mark.parametrize(
    ("rotation", "where", "size"),
    [(90, "bl", (48, 64)), (180, "br", (64, 48)), (-90, "tr", (48, 64))],
)
def test_rotation_flag_is_honoured(
    tmp_path: Path, rotation: int, where: str, size: tuple[int, int]
) -> None:
    footage = open_footage(write_film(tmp_path / "a.mp4", [marked(64, 48)] * 3, rotation=rotation))
    assert (footage.width, footage.height) == size
    frame = next(iter(footage))
    assert frame.shape[:2] == size[::-1]
    assert corner(frame) == where, "degrees count counter-clockwise, as FFmpeg's do"


def test_uneven_rate_is_resampled_by_time(tmp_path: Path) -> None:
    """Ten frames at 20 a second, then ten at 10: 20 frames in 1.5 s."""
    times = [50 * i for i in range(10)] + [500 + 100 * i for i in range(10)]
    frames = [marked(64, 48, level=10 * i) for i in range(20)]
    footage = open_footage(write_film(tmp_path / "a.mp4", frames, times))
    assert footage.fps == pytest.approx(19 / 1.4, rel=0.05)
    levels = np.array([f[40, 50, 2] for f in footage], float) / 10
    assert abs(len(levels) - footage.frame_count) <= 1
    shown = np.interp(np.arange(len(levels)) / footage.fps, np.array(times) / 1000, range(20))
    assert np.abs(levels - shown).max() < 1.6, "frame i is what was seen at i / fps"


def test_odd_size_and_alpha(tmp_path: Path) -> None:
    rgba = np.dstack([marked(63, 41), np.full((41, 63), 255, np.uint8)])
    rgba[:, 40:, 3] = 0
    path = write_film(tmp_path / "a.mov", [rgba] * 3, codec="qtrle", pix_fmt="argb")
    footage = open_footage(path)
    assert (footage.width, footage.height) == (63, 41)
    frame = next(iter(footage))
    assert frame[5, 5, 0] > 250
    assert np.abs(frame[30, 50].astype(int) - 128).max() <= 1, "transparent shows grey"


def test_picture_kinds(tmp_path: Path) -> None:
    grey16 = np.full((20, 30), 200 * 257, np.uint16)
    cv2.imwrite(str(tmp_path / "1.png"), grey16)
    clear = np.zeros((20, 30, 4), np.uint8)
    cv2.imwrite(str(tmp_path / "2.png"), clear)
    Image.fromarray(marked(30, 20)).convert("P").save(tmp_path / "10.png")
    footage = open_footage(tmp_path)
    first, second, third = footage
    assert footage.frame_names(3) == ("1", "2", "10"), "natural order"
    assert (first == 200).all()
    assert (second == 128).all()
    assert corner(third) == "tl"
    assert all(f.shape == (20, 30, 3) for f in (first, second, third))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_agrees_with_pillow(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    image = Image.fromarray(marked(40, 24))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    frame = next(iter(open_footage(tmp_path / "a.jpg")))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.jpg")))
    assert frame.shape == upright.shape
    assert corner(frame) == corner(upright)


def test_exif_focal_length(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 36
    Image.fromarray(marked(360, 240)).save(tmp_path / "a.jpg", exif=exif)
    assert open_footage(tmp_path / "a.jpg").focal == pytest.approx(360, rel=1e-3)
    plane = {0x920A: 10.0, 0xA20E: 2540.0, 0xA210: 2, 0xA002: 2000, 0xA003: 1000}
    assert focal_pixels(plane, 2000, 1000) == pytest.approx(1000)
    assert focal_pixels(plane, 1000, 500) == pytest.approx(500), "a copy at half the size"
    assert focal_pixels({0x920A: 10.0}, 100, 100) is None
    assert focal_pixels({0xA405: 0, 0x920A: 5.0, 0xA20E: "x"}, 100, 100) is None


def test_sizes_that_change(tmp_path: Path) -> None:
    Image.fromarray(marked(40, 24)).save(tmp_path / "a.png")
    Image.fromarray(marked(20, 30)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"b\.png.*20x30.*a\.png.*40x24"):
        open_footage(tmp_path)
    footage = open_footage(tmp_path, independent=True)
    assert (footage.width, footage.height) == (40, 30)
    second = list(footage)[1]
    assert (second[:, :10] == 128).all() and (second[:, 30:] == 128).all(), "centre stays centre"


def test_film_of_odd_size_is_padded(tmp_path: Path) -> None:
    with write_movie(tmp_path / "a.mp4", 12.5) as movie:
        for _ in range(5):
            movie.add(marked(31, 21))
    footage = open_footage(tmp_path / "a.mp4")
    assert (footage.width, footage.height, footage.fps) == (32, 22, 12.5)
    assert len(list(footage)) == 5


def test_no_film_is_left_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyError), write_movie(tmp_path / "a.mp4", 25) as movie:
        movie.add(marked(32, 32))
        raise KeyError
    assert not list(tmp_path.iterdir())
    nowhere = write_movie(tmp_path / "nowhere" / "a.mp4", 25)
    with pytest.raises(InputError, match="cannot be written"), nowhere:
        pass


def bad_text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("This is not a film.\n" * 50)
    return path


def bad_cut(folder: Path) -> Path:
    path = write_film(folder / "whole.mp4", [marked(64, 48)] * 5)
    path.write_bytes(path.read_bytes()[:200])
    return path


def bad_sound(folder: Path) -> Path:
    import wave

    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    return folder / "sound.wav"


def bad_picture(folder: Path) -> Path:
    (folder / "text.png").write_text("no picture")
    return folder / "text.png"


def bad_empty_file(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def bad_empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def bad_missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def bad_text_file(folder: Path) -> Path:
    (folder / "list.txt").write_text("hello\n" * 10)
    return folder / "list.txt"


@pytest.mark.parametrize(
    "make",
    [
        *(bad_text, bad_cut, bad_sound, bad_picture, bad_empty_file, bad_empty_folder),
        *(bad_missing, bad_text_file),
    ],
)
def test_bad_footage_is_named_and_refused(tmp_path: Path, make: object) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        open_footage(path)
    assert path.name in caught.value.message
    assert caught.value.hint


def test_damaged_picture_data(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"a\.png"):
        list(open_footage(path))
