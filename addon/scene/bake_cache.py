"""A mesh that plays a point cache becomes one with keyed shape keys, which every program reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy

from ...engine.formats.errors import InputError
from .baked_keys import Residual, evaluated_vertices, key_components, key_every_frame


def cache_of(thing: bpy.types.Object | None) -> bpy.types.MeshCacheModifier | None:
    """The modifier of `thing` that plays a point cache, None without any."""
    modifiers = thing.modifiers if thing is not None and thing.type == "MESH" else ()
    return next((one for one in modifiers if one.type == "MESH_CACHE"), None)


def bake_cache(
    context: bpy.types.Context, thing: bpy.types.Object, frames: Sequence[int], components: int = 0
) -> Residual | None:
    """Turn what the cache of `thing` shows at `frames` into shape keys, and take the cache away.

    A key for every frame, or so many principal `components`; of these the residual. Modifiers after
    the cache stay and are not baked. Raises InputError, with nothing changed, when there is no
    cache or the file is not there.
    """
    cache = cache_of(thing)
    if cache is None:
        raise InputError(f"{thing.name} plays no point cache.", "Select a mesh that plays one.")
    path = bpy.path.abspath(cache.filepath)
    with _alone(cache, thing):
        vertices = evaluated_vertices(context, thing, frames)
    if len(frames) > 1 and not (vertices != vertices[0]).any():
        raise InputError(
            f"{path}: nothing moves in frames {frames[0]} to {frames[-1]}.",
            "Choose the frames of the clip; if the file was moved, press Find Missing Files.",
        )
    found = None
    if components:
        found = key_components(thing, frames, vertices, components)
    else:
        key_every_frame(thing, frames, vertices)
    thing.driver_remove(f'modifiers["{cache.name}"].eval_frame')
    thing.modifiers.remove(cache)
    return found


@contextmanager
def _alone(cache: bpy.types.MeshCacheModifier, thing: bpy.types.Object) -> Iterator[None]:
    """Only `cache` of all modifiers at work."""
    others = [one for one in thing.modifiers if one != cache and one.show_viewport]
    seen = cache.show_viewport
    try:
        cache.show_viewport = True
        for one in others:
            one.show_viewport = False
        yield
    finally:
        cache.show_viewport = seen
        for one in others:
            one.show_viewport = True
