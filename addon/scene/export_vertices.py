"""Vertices of every frame as files: sequences of OBJ or PLY, point caches of PC2 or MDD.

All of them y up and z front, in metres, as the engine has them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from ...engine.formats.folder import whole_folder
from ...engine.formats.mdd import write_mdd
from ...engine.formats.pc2 import write_pc2
from ...engine.formats.ply import PlyMesh, write_ply
from .axes import TO_BLENDER
from .export_pictures import save_pictures, vertex_colours
from .export_stage import (
    ExportOptions,
    Stage,
    shown_at_times,
    skinned_meshes,
    staged,
)
from .whole_file import refused

INDEX = "sequence.json"  # beside the files: what they are; what has it can be replaced


def write_sequence(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    folder: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write a folder with one OBJ or PLY for every frame, named like the folder and numbered.

    OBJ has UVs, materials and pictures; PLY has colours of the vertices, taken from the pictures
    where there are some. An earlier export there is replaced. Raises InputError when the folder
    holds anything else or cannot be written.
    """
    folder = Path(folder)
    with staged(context, things, options) as stage, _whole(folder) as place:
        twins, colours = add_moving(stage), dict[str, np.ndarray]()
        for frame in stage.frames.tolist():
            stage.scene.frame_set(frame)
            path = place / f"{folder.name}_{frame:04d}.{options.format}"
            if options.format == "obj":
                _write_obj(stage, twins, path)
            else:
                write_ply(path, _ply_mesh(_seen(stage, twins), colours))
        _write_index(place, stage, options.format)
    return stage.notes


def write_cache(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    folder: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write a folder with one OBJ of the first frame and the PC2 or MDD that moves its vertices.

    Raises InputError when the vertices are not the same ones in every frame, or as above.
    """
    folder = Path(folder)
    with staged(context, things, options) as stage, _whole(folder) as place:
        twins, frames = add_moving(stage), stage.frames
        if any(shown_at_times(twin) for twin in twins):
            raise InputError(
                "The mesh is another one in every frame, which no point cache can hold.",
                "Export it as a sequence of OBJ or PLY files.",
            )
        stage.scene.frame_set(int(frames[0]))
        _write_obj(stage, twins, place / f"{folder.name}.obj")
        path = place / f"{folder.name}.{options.format}"
        if options.format == "pc2":
            write_pc2(path, (part[None] for part in _moving(stage, twins)), float(frames[0]))
        else:
            times = (frames - frames[0]) * stage.scene.render.fps_base / stage.scene.render.fps
            write_mdd(path, _moving(stage, twins), times)
        _write_index(place, stage, options.format)
    return stage.notes


def add_moving(stage: Stage) -> list[bpy.types.Object]:
    """Twins on `stage` of the meshes that its things are or have, those of every frame first.

    They are in the order of their names, in which OBJ files and point caches number vertices.
    """
    meshes: set[bpy.types.Object] = set()
    for thing in stage.things:
        if thing.type == "MESH":
            meshes.add(thing)
            continue
        changing = [c for c in thing.children if c.type == "MESH" and shown_at_times(c)]
        meshes.update(changing or skinned_meshes(thing))
    if not meshes:
        raise InputError(f"{stage.things[0].name} has no mesh to export.", "Select a character.")
    twins = []
    for mesh in sorted(meshes, key=lambda mesh: mesh.name):
        twins.append(stage.add_twin(mesh))
        stage.lend_name(twins[-1], mesh.name)
    return twins


def _seen(stage: Stage, twins: Sequence[bpy.types.Object]) -> list[bpy.types.Object]:
    """The evaluated `twins` that are shown in this frame."""
    graph = stage.scene.view_layers[0].depsgraph
    shown = {instance.object.original for instance in graph.object_instances}
    return [twin.evaluated_get(graph) for twin in twins if twin in shown]


def _vertices(things: Sequence[bpy.types.Object]) -> np.ndarray:
    """(V, 3) the vertices of the evaluated `things`, one after the other; engine axes, metres."""
    parts = []
    for thing in things:
        points = np.empty(3 * len(thing.data.vertices), np.float32)
        thing.data.vertices.foreach_get("co", points)
        matrix = np.array(thing.matrix_world, np.float32)
        parts.append(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
    return np.concatenate(parts) @ TO_BLENDER


def _moving(stage: Stage, twins: Sequence[bpy.types.Object]) -> Iterator[np.ndarray]:
    """(V, 3) of every frame."""
    count = 0
    for frame in stage.frames.tolist():
        stage.scene.frame_set(frame)
        vertices = _vertices(_seen(stage, twins))
        count = count or len(vertices)
        if len(vertices) != count:
            raise InputError(
                f"Frame {frame} has {len(vertices)} vertices, the first one {count}.",
                "Switch off modifiers that change the mesh, or export OBJ or PLY files.",
            )
        yield vertices


def _ply_mesh(things: Sequence[bpy.types.Object], known: dict[str, np.ndarray]) -> PlyMesh:
    """The evaluated `things` as one mesh; their colours are `known` from frames before."""
    faces, colours, begin = [], [], 0
    for thing in things:
        mesh = thing.data
        mesh.calc_loop_triangles()
        corners = np.empty(3 * len(mesh.loop_triangles), np.int32)
        mesh.loop_triangles.foreach_get("vertices", corners)
        faces.append(corners.reshape(-1, 3) + begin)
        if len(known.get(thing.name, ())) != len(mesh.vertices):
            known[thing.name] = vertex_colours(thing)
        colours.append(known[thing.name])
        begin += len(mesh.vertices)
    return PlyMesh(_vertices(things), np.concatenate(faces), np.concatenate(colours))


def _write_obj(stage: Stage, twins: Sequence[bpy.types.Object], path: Path) -> None:
    with stage.on_stage():
        bpy.ops.wm.obj_export(
            filepath=str(path),
            forward_axis="NEGATIVE_Z",
            up_axis="Y",
            path_mode="STRIP",
        )
    save_pictures(twins, path.with_suffix(".mtl"))


def _write_index(place: Path, stage: Stage, kind: str) -> None:
    render = stage.scene.render
    about = {
        "format": kind,
        "first_frame": stage.scene.frame_start,
        "last_frame": stage.scene.frame_end,
        "fps": round(render.fps / render.fps_base, 4),
        "unit": "metre",
        "up": "y",
        "front": "z",
    }
    (place / INDEX).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """The temporary folder that becomes `folder`; what the system says becomes one InputError."""
    try:
        with whole_folder(folder, INDEX) as place:
            yield place
    except (OSError, RuntimeError) as error:
        raise refused(folder, error) from error
