"""Moving vertices as shape keys: one for every frame, or the principal components of them all.

Programs that know no point caches play these. Vertices are in the object's own space, metres,
Blender's axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .. import compat
from .keyframes import write_curves

_COLUMNS = 6144  # coordinates at a time, so that no second copy of a long sequence is needed


@dataclass(frozen=True)
class Residual:
    """How far the keyed components are from the sequence, in millimetres."""

    mean_mm: float  # over all vertices and frames
    worst_mm: float


def evaluated_vertices(
    context: bpy.types.Context,
    thing: bpy.types.Object,
    frames: Sequence[int],
    skinned: bool = False,
) -> np.ndarray:
    """(T, V, 3) float32: the vertices of `thing` at `frames` after its keys and modifiers.

    Armatures are left out, so that the mesh can go on being skinned, unless `skinned`. A hidden
    object is shown meanwhile; the current frame stays. Raises InputError when the vertices or faces
    are not the same ones in all frames.
    """
    scene, before = context.scene, context.scene.frame_current_final
    rows, topology = [], None
    try:
        with _at_work(context, thing, skinned):
            for frame in frames:
                scene.frame_set(int(frame))
                found = thing.evaluated_get(context.evaluated_depsgraph_get())
                if not found.is_evaluated:
                    raise InputError(
                        f"{thing.name}: it is not in the scene's view layer.",
                        "Show its collection.",
                    )
                mesh = found.data
                counts = len(mesh.vertices), len(mesh.loops), len(mesh.polygons)
                topology = topology or counts
                if counts != topology:
                    raise InputError(
                        f"{thing.name}: its mesh changes in frame {frame} ({counts[0]} vertices, "
                        f"before {topology[0]}).",
                        "Shape keys need the same vertices in every frame; switch off the "
                        "modifiers that change them.",
                    )
                rows.append(np.empty(3 * counts[0], np.float32))
                mesh.vertices.foreach_get("co", rows[-1])
    finally:
        scene.frame_set(int(np.floor(before)), subframe=before % 1)
    return np.array(rows, np.float32).reshape(len(rows), -1, 3)


def key_every_frame(thing: bpy.types.Object, frames: Sequence[int], vertices: np.ndarray) -> None:
    """A shape key of `thing` for each of `frames` (T,), its places `vertices` (T, V, 3).

    They take the place of the keys that it has; its own vertices are the basis. Each is 1 in its
    frame and 0 in those beside it: between frames the vertices move on straight lines. Raises
    InputError when the number of vertices is another.
    """
    times = _start(thing, frames, vertices)
    keys = _clear(thing)
    for k, frame in enumerate(times.tolist()):
        name = _add(thing, f"frame_{frame:04d}", vertices[k])
        around = np.arange(max(0, k - 1), min(len(times), k + 2))
        values = (around == k).astype(np.float32)[:, None]
        write_curves(keys, _path(name), times[around], values, "Frames")


def key_components(
    thing: bpy.types.Object, frames: Sequence[int], vertices: np.ndarray, count: int
) -> Residual:
    """The `vertices` (T, V, 3) at `frames` (T,) as `count` shape keys of `thing`, keyed each frame.

    They are the principal components, of values within -1..1, and take the place of the keys that
    it has; the mean of all frames becomes the basis. Fewer are made where fewer say it all. Raises
    InputError when the number of vertices is another, or without a count.
    """
    if count < 1:
        raise InputError("No components are asked for.", "Ask for one at least.")
    times = _start(thing, frames, vertices)
    mean, components, values = principal_components(vertices, count)
    thing.data.vertices.foreach_set("co", mean)
    keys = _clear(thing)
    for k, component in enumerate(components):
        name = _add(thing, f"pca_{k:02d}", mean + component)
        block = keys.key_blocks[name]
        block.slider_min, block.slider_max = -1.0, 1.0
        write_curves(keys, _path(name), times, values[:, k : k + 1], "Components")
    thing.data.update()
    return residual(vertices, mean, components, values)


def principal_components(
    vertices: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (3V,), components (K, 3V), K at most `count`, and values (T, K) in -1..1, float32.

    `vertices` (T, V, 3) are about the mean plus the values times the components.
    """
    flat = vertices.reshape(len(vertices), -1)
    mean = flat.mean(0, dtype=np.float64)
    if len(flat) < flat.shape[1]:
        gram = np.zeros((len(flat), len(flat)))
        for part, middle in _parts(flat, mean):
            gram += (part - middle) @ (part - middle).T
        squares, ways = np.linalg.eigh(gram)
        ways, sizes = ways[:, ::-1], np.sqrt(squares[::-1].clip(0))
    else:
        ways, sizes, _ = np.linalg.svd(flat - mean, full_matrices=False)
    # what lies below the noise of float32 is no motion
    kept = min(count, int((sizes > 1e-6 * max(1.0, sizes.max(initial=0))).sum()))
    ways = ways[:, :kept]
    largest = np.abs(ways).max(0, initial=1e-30)
    components = [(ways * largest).T @ (part - middle) for part, middle in _parts(flat, mean)]
    return (
        mean.astype(np.float32),
        np.concatenate(components, 1).astype(np.float32),
        (ways / largest).astype(np.float32),
    )


def residual(
    vertices: np.ndarray, mean: np.ndarray, components: np.ndarray, values: np.ndarray
) -> Residual:
    """How far mean (3V,) + values (T, K) @ components (K, 3V) is from `vertices` (T, V, 3)."""
    flat = vertices.reshape(len(vertices), -1)
    total, worst, begin = 0.0, 0.0, 0
    for part, middle in _parts(flat, mean):
        own = components[:, begin : begin + part.shape[1]]
        begin += part.shape[1]
        gaps = np.linalg.norm((part - middle - values @ own).reshape(len(flat), -1, 3), axis=2)
        total, worst = total + float(gaps.sum()), max(worst, float(gaps.max(initial=0)))
    return Residual(1000 * total / max(1, len(flat) * (flat.shape[1] // 3)), 1000 * worst)


def _parts(flat: np.ndarray, mean: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some columns of `flat` (T, 3V) as float64, and their part of `mean` (3V,)."""
    for begin in range(0, flat.shape[1], _COLUMNS):
        some = slice(begin, begin + _COLUMNS)
        yield flat[:, some].astype(np.float64), mean[some]


def _start(thing: bpy.types.Object, frames: Sequence[int], vertices: np.ndarray) -> np.ndarray:
    """`frames` as an array, when everything fits together."""
    count = len(thing.data.vertices)
    if vertices.shape[1:] != (count, 3):
        raise InputError(
            f"{thing.name}: its mesh has {count} vertices and the sequence {vertices.shape[1]}.",
            "Apply or remove the modifiers that change the number of vertices, such as "
            "Subdivision Surface.",
        )
    if len(frames) != len(vertices):
        raise InputError(
            f"{thing.name}: {len(vertices)} sets of vertices are not one for each of "
            f"{len(frames)} frames.",
            "Give one for each.",
        )
    return np.asarray(frames, np.int64)


def _clear(thing: bpy.types.Object) -> bpy.types.Key:
    """The keys of `thing` with nothing but a basis, to be keyed."""
    if thing.data.shape_keys is not None:
        thing.shape_key_clear()
    thing.shape_key_add(name="Basis", from_mix=False)
    compat.new_action(thing.data.shape_keys, f"{thing.name} sequence")
    return thing.data.shape_keys


def _add(thing: bpy.types.Object, name: str, vertices: np.ndarray) -> str:
    """The name of a new key whose places are `vertices`, at 0."""
    key = thing.shape_key_add(name=name, from_mix=False)
    key.points.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    key.value = 0.0  # from 5.0 a new key starts at 1
    return key.name


def _path(name: str) -> str:
    return f'key_blocks["{name}"].value'


@contextmanager
def _at_work(context: bpy.types.Context, thing: bpy.types.Object, skinned: bool) -> Iterator[None]:
    """`thing` visible, since Blender computes nothing else, and without its armatures."""
    rest = [] if skinned else [m for m in thing.modifiers if m.type == "ARMATURE"]
    shown = [modifier.show_viewport for modifier in rest]
    off, hidden = thing.hide_viewport, thing.hide_get()
    try:
        thing.hide_viewport = False
        thing.hide_set(False)
        for modifier in rest:
            modifier.show_viewport = False
        context.view_layer.update()
        yield
    finally:
        for modifier, seen in zip(rest, shown, strict=True):
            modifier.show_viewport = seen
        thing.hide_set(hidden)
        thing.hide_viewport = off
