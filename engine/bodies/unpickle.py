"""Model files of the SMPL family that are Python pickles, read without running anything in them.

A pickle is a program. This reader lets it name a dozen things only, and hands it inert stand-ins
for all of them: array headers, sparse matrices, chumpy's arrays. Nothing of numpy, scipy or chumpy
is called on its behalf; the numbers are decoded afterwards. Any other name is refused.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy import sparse

from ..formats.errors import InputError

_NUMBERS = "biufc"


def read_pickle(path: str | os.PathLike) -> dict[str, Any]:
    """The dictionary in a pickle: arrays as numpy arrays (dense), strings and numbers as they are.

    Raises InputError for a missing or damaged file and for a pickle that asks for anything beyond
    arrays (naming what it asked for); nothing of it was run then.
    """
    content = read_any_pickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: it does not hold a body model.", "Give the model's own file.")
    return content


def read_any_pickle(path: str | os.PathLike, kind: str = "a body model") -> Any:
    """What a pickle of plain values holds: an array, a dictionary, a list.

    `kind` says in words what it should be. Raises InputError as `read_pickle`.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    with path.open("rb") as stream:
        return read_plain_stream(stream, path, kind)


def read_plain_stream(stream: IO[bytes], path: Path, kind: str) -> Any:
    """As `read_any_pickle`, the pickle that begins where `stream` stands, in the file `path`."""
    try:
        return _plain(_Reader(stream, encoding="latin1").load())
    except _Refused as refused:
        raise InputError(
            f"{path}: this pickle asks for {refused}, which is not part of {kind}; "
            "nothing in it was run.",
            "Get the file again from its publisher's site.",
        ) from None
    except Exception as error:  # a damaged pickle may raise anything at all
        raise InputError(
            f"{path}: the pickle is damaged ({type(error).__name__}: {error}).",
            "Copy or download the file again.",
        ) from error


class _Refused(Exception):
    """The pickle named something that is not on the list."""


class _State:
    """Stand-in for an object of a foreign class: keeps its arguments and its state."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Array(_State):
    """ndarray: state is version, shape, dtype, Fortran order, bytes or list."""


class _Dtype(_State):
    """numpy.dtype: first argument the type code; the second item of the state is the byte order."""

    def real(self) -> np.dtype | None:
        """The dtype of numbers or text; None for Python objects."""
        code = str(self.args[0]).lstrip("<>=|")
        order = self.state[1] if self.state else "="
        if code[0] == "O":
            return None
        if code[0] not in _NUMBERS + "SU":
            raise _Refused(f"a numpy array of type {code}")
        return np.dtype(f"{order}{code}" if order in ("<", ">") else code)


class _Scalar(_State):
    """numpy scalar: dtype and bytes."""


class _Buffer(_State):
    """ndarray of pickle protocol 5: buffer, dtype, shape, order."""


class _Csc(_State):
    """scipy's compressed column matrix."""


class _Csr(_State):
    """scipy's compressed row matrix."""


class _Coo(_State):
    """scipy's coordinate matrix."""


class _Chumpy(_State):
    """chumpy.ch.Ch: an array under the key x."""


class _Select(_State):
    """chumpy.reordering.Select: entries `idxs` of the array under the key a."""


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _make(kind: type, *_: Any) -> _State:
    """copy_reg._reconstructor(class, object, None), for the stand-ins alone."""
    if not (isinstance(kind, type) and issubclass(kind, _State)):
        raise _Refused(f"an object of {kind!r}")
    return kind()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How protocol 2 of Python 3 writes bytes: text in latin1."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"the codec {encoding}")
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    table: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("chumpy.ch", "Ch"): _Chumpy,
        ("chumpy", "Ch"): _Chumpy,
        ("chumpy.reordering", "Select"): _Select,
        ("copy_reg", "_reconstructor"): _make,
        ("copyreg", "_reconstructor"): _make,
        ("__builtin__", "object"): _State,
        ("builtins", "object"): _State,
        ("_codecs", "encode"): _encode,
    }
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = _reconstruct
        table[f"{core}.multiarray", "scalar"] = _Scalar
        table[f"{core}.numeric", "_frombuffer"] = _Buffer
    for name, kind in (("csc", _Csc), ("csr", _Csr), ("coo", _Coo)):
        for module in (f"scipy.sparse.{name}", f"scipy.sparse._{name}"):
            table[module, f"{name}_matrix"] = kind
    return table


class _Reader(pickle.Unpickler):
    _table = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._table[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"the persistent object {pid!r}")


def _plain(value: Any) -> Any:
    """What a stand-in stands for, as plain Python and numpy."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, _Array):
        _, shape, dtype, fortran, data = value.state
        return _decode(data, dtype, shape, "F" if fortran else "C")
    if isinstance(value, _Buffer):
        return _decode(*value.args)
    if isinstance(value, _Scalar):
        return _decode(value.args[1], value.args[0], (), "C")
    if isinstance(value, (_Csc, _Csr, _Coo)):
        return _dense(value)
    if isinstance(value, _Chumpy):
        return _plain(value.state["x"])
    if isinstance(value, _Select):
        state = _plain(value.state)
        picked = np.asarray(state["a"]).ravel()[np.asarray(state["idxs"])]
        shape = state.get("preferred_shape")
        return picked.reshape(shape) if shape is not None else picked
    if isinstance(value, _State):
        raise _Refused(f"an object that is none of its arrays ({type(value).__name__})")
    return value


def _decode(data: Any, dtype: _Dtype, shape: Any, order: str) -> Any:
    real = dtype.real()
    if real is None:
        return _plain(data)
    raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
    shape = tuple(int(n) for n in shape)
    numbers = np.frombuffer(raw, dtype=real).astype(real.newbyteorder("="))
    return numbers.reshape(shape[::-1]).T if order == "F" else numbers.reshape(shape)


def _dense(value: _State) -> np.ndarray:
    state = _plain(value.state)
    shape = tuple(int(n) for n in state.get("_shape", state.get("shape")))
    if isinstance(value, _Coo):
        rows, columns = state["coords"] if "coords" in state else (state["row"], state["col"])
        return sparse.coo_matrix((state["data"], (rows, columns)), shape=shape).toarray()
    kind = sparse.csc_matrix if isinstance(value, _Csc) else sparse.csr_matrix
    return kind((state["data"], state["indices"], state["indptr"]), shape=shape).toarray()
