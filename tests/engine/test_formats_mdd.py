"""MDD point caches, byte by byte."""

import struct

import numpy as np
import pytest

from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.mdd import read_mdd, write_mdd


def test_the_layout_and_back(tmp_path):
    vertices = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    times = np.array([0.0, 0.5])
    write_mdd(tmp_path / "a.mdd", iter(vertices), times)
    data = (tmp_path / "a.mdd").read_bytes()
    assert data == struct.pack(">ii20f", 2, 3, 0.0, 0.5, *vertices.ravel())
    found, when = read_mdd(tmp_path / "a.mdd")
    assert np.array_equal(found, vertices) and np.array_equal(when, times)


def test_frames_and_times_that_do_not_agree_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="1 frames but 2 times"):
        write_mdd(tmp_path / "a.mdd", np.zeros((1, 3, 3)), np.zeros(2))
    assert not list(tmp_path.iterdir())


def test_foreign_and_cut_off_files(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_mdd(tmp_path / "a.mdd")
    write_mdd(tmp_path / "a.mdd", np.zeros((2, 3, 3)), np.zeros(2))
    whole = (tmp_path / "a.mdd").read_bytes()
    for bad in (b"", b"text that is no cache", whole[:-4]):
        (tmp_path / "a.mdd").write_bytes(bad)
        with pytest.raises(InputError, match="not a whole MDD"):
            read_mdd(tmp_path / "a.mdd")
