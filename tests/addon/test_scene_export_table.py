"""Every cell of the table of export formats, by readers that are not this product.

FBX by ufbx, glTF by pygltflib, USD by Pixar's library, OBJ and PLY by trimesh, PC2 and MDD by
Blender's Mesh Cache. No other library on PyPI reads Alembic; Blender reads its own.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from scene_helpers import bpy, clean_scene, make_result, posed_vertices  # noqa: F401

trimesh = pytest.importorskip("trimesh")
for reader in ("ufbx", "pygltflib", "pxr"):
    pytest.importorskip(reader)
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(Path(__file__).parent)]

from export_table import PROPERTIES, TABLE, markdown  # noqa: E402
from foreign_readers import read_character  # noqa: E402
from layfigure.addon.scene.axes import to_blender  # noqa: E402
from layfigure.addon.scene.export import FORMATS, ExportOptions, export  # noqa: E402
from layfigure.addon.scene.import_result import import_result  # noqa: E402
from layfigure.addon.scene.stage import evaluated_vertices  # noqa: E402

FRAMES = 6
SEEN = (0, 3, 5)
KINDS = dict(zip(TABLE, FORMATS, strict=True))  # FBX: fbx
RIGGED = ("FBX", "glTF", "USD")
MM = 1e-3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One character, what it is in Blender, and where it lies in each format."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    folder = tmp_path_factory.mktemp("export")
    body, motion, _ = make_result(folder / "walk", FRAMES, texture=True)
    person = import_result(bpy.context, folder / "walk").people[0]
    truth = SimpleNamespace(folder=folder, joints=[], keys=[])
    truth.posed = [posed_vertices(body, motion, k) for k in range(FRAMES)]
    bones = person.armature.data.bones
    truth.parents = {bone.name: bone.parent.name if bone.parent else "" for bone in bones}
    for k in range(FRAMES):
        bpy.context.scene.frame_set(k + 1)
        heads = {b.name: person.armature.matrix_world @ b.head for b in person.armature.pose.bones}
        truth.joints.append({name: np.array(head) for name, head in heads.items()})
        blocks = person.mesh.data.shape_keys.key_blocks[1:]
        truth.keys.append({b.name: b.value for b in blocks if not b.name.startswith("shape_")})
    truth.picture = (folder / "walk" / "person_00" / "texture.png").read_bytes()
    truth.fps = 30
    truth.path, truth.found = {}, {}
    for name, kind in KINDS.items():
        ending = "" if FORMATS[kind].folder else FORMATS[kind].ending
        truth.path[name] = folder / f"character_{kind}{ending}"
        assert export(bpy.context, [person.armature], truth.path[name], ExportOptions(kind)) == []
    for name in RIGGED:
        truth.found[name] = read_character(truth.path[name], FRAMES)
    return truth


@pytest.mark.parametrize("what", PROPERTIES)
@pytest.mark.parametrize("name", list(TABLE))
def test_cell(files, name, what):
    cell = TABLE[name][PROPERTIES.index(what)]
    check = globals()[f"check_{what.replace(' ', '_')}"]
    check(files, name, cell)


def test_the_page_shows_this_table():
    assert markdown() in (ROOT / "docs" / "export.md").read_text()


def in_blender(points: np.ndarray, up: str) -> np.ndarray:
    """(..., 3) of a file, y or z up, in Blender's axes."""
    return to_blender(points) if up == "y" else points


def check_skeleton(files, name, cell):
    if cell == "no":
        return nothing_but_meshes(files, name)
    found = files.found[name]
    names = found["joint_names"].tolist()
    parents = found["parents"].tolist()
    assert dict(zip(names, parents, strict=True)) == files.parents
    for k in SEEN:
        joints = in_blender(found["joints"][k], str(found["up"]))
        expected = np.array([files.joints[k][joint] for joint in names])
        assert np.abs(joints - expected).max() < MM


def check_skin(files, name, cell):
    if cell == "no":
        return nothing_but_meshes(files, name)
    found = files.found[name]
    most = int(found["influences"])
    assert most == 4 if cell == "4 weights" else 4 < most <= 8
    # glTF cuts a mesh along its seams: by places at rest, then, which are the first file's
    rest = in_blender(found["rest"], str(found["up"]))
    order = nearest(rest, in_blender(files.found["USD"]["rest"], "z")) if most == 4 else slice(None)
    for k in SEEN:
        posed = in_blender(found["posed"][k], str(found["up"]))
        gaps = np.linalg.norm(posed - to_blender(files.posed[k])[order], axis=1)
        assert gaps.mean() < MM / 20 and gaps.max() < (5 * MM if most == 4 else MM)


def check_shape_keys(files, name, cell):
    if cell == "no":
        return nothing_but_meshes(files, name)
    found = files.found[name]
    names = found["key_names"].tolist()
    assert sorted(names) == sorted(files.keys[0]) and len(names) == 52
    for k in SEEN:
        expected = [files.keys[k][key] for key in names]
        assert np.abs(found["key_values"][k] - expected).max() < 1e-3
    assert np.ptp(found["key_values"], axis=0).max() > 0.1


def check_motion(files, name, cell):
    if name in RIGGED:
        found = files.found[name]
        assert int(found["length"]) == FRAMES and float(found["fps"]) == pytest.approx(30)
        assert np.ptp(found["joints"], axis=0).max() > 0.03
    elif cell == "a file a frame":
        index = json.loads((files.path[name] / "sequence.json").read_text())
        assert (index["first_frame"], index["last_frame"], index["fps"]) == (1, FRAMES, 30)
        assert len(list(files.path[name].glob(f"*.{KINDS[name]}"))) == FRAMES
    for k in SEEN if name not in RIGGED else ():
        assert farthest_vertex(files, name, k) < MM


def check_texture(files, name, cell):
    if cell == "in the file":
        same_picture(files.found[name]["texture"].tobytes(), files)
    elif cell == "UVs alone":
        thing = read_alembic(files)
        assert thing.data.uv_layers.active is not None and not bpy.data.images
    elif cell == "colours of vertices":
        mesh = load(files, name, 0)
        colours = mesh.visual.vertex_colors[:, :3]
        assert set(map(tuple, colours.tolist())) == {(200, 0, 0), (0, 200, 0)}
    else:
        (picture,) = files.path[name].glob("*.png")
        same_picture(picture.read_bytes(), files)
        seen = load(files, name, 0).visual.material.image
        assert seen.size == (64, 64) and seen.convert("RGB").getpixel((0, 0)) == (200, 0, 0)


def same_picture(data: bytes, files) -> None:
    """The same colours; the alpha, which says what the footage showed, is not in the file."""
    found = Image.open(io.BytesIO(data))
    assert found.mode == "RGB"
    assert np.array_equal(found, np.array(Image.open(io.BytesIO(files.picture)))[..., :3])


def check_scale(files, name, cell):
    height = np.ptp(to_blender(files.posed[0])[:, 2])
    if name in RIGGED:
        found = files.found[name]
        assert float(found["unit"]) == (0.01 if cell == "cm, declared" else 1.0)
        found_height = np.ptp(found["posed"][0][:, "xyz".index(str(found["up"]))])
    else:
        found_height = np.ptp(vertices(files, name, 0)[:, 2])
    assert abs(found_height - height) < 2 * MM


def check_up_axis(files, name, cell):
    if name in RIGGED:
        found = files.found[name]
        assert str(found["up"]) == cell[0]
        joints = dict(zip(found["joint_names"].tolist(), found["joints"][0], strict=True))
        assert (joints["head"] - joints["foot_L"])["xyz".index(cell[0])] > 1.2
    elif name == "Alembic":  # whose reader knows that y is up
        assert farthest_vertex(files, name, 0) < MM
    else:
        raw = raw_vertices(files, name, 0)
        assert np.ptp(raw, axis=0).argmax() == "xyz".index(cell[0])


def nothing_but_meshes(files, name):
    """The file holds neither bones nor keys."""
    if name == "Alembic":
        thing = read_alembic(files)
        assert thing.data.shape_keys is None and not thing.vertex_groups
        assert not bpy.data.armatures
    else:
        endings = {path.suffix for path in files.path[name].iterdir()}
        mesh = {".ply", ".json"} if name == "PLY" else {".obj", ".mtl", ".png", ".json"}
        assert endings == mesh | {f".{KINDS[name]}"}
        text = "" if name == "PLY" else next(files.path[name].glob("*.obj")).read_text()
        known = {"#", "mtllib", "usemtl", "o", "s", "v", "vn", "vt", "f"}
        assert {line.split()[0] for line in text.splitlines()} <= known


def farthest_vertex(files, name, frame) -> float:
    """Metres between the vertices that the reader of `name` finds and the true ones."""
    found, expected = vertices(files, name, frame), to_blender(files.posed[frame])
    if len(found) != len(expected):  # trimesh cuts along the seams
        expected = expected[nearest(found, expected)]
    return float(np.linalg.norm(found - expected, axis=1).max())


def vertices(files, name, frame) -> np.ndarray:
    """(V, 3) in Blender's axes, as the reader of `name` finds them."""
    if name == "Alembic":
        thing = read_alembic(files)
        bpy.context.scene.frame_set(frame + 1)
        return evaluated_vertices(thing, bpy.context.evaluated_depsgraph_get())
    return to_blender(raw_vertices(files, name, frame))


def raw_vertices(files, name, frame) -> np.ndarray:
    """(V, 3) as they stand in the file, for point caches as Blender plays them, untouched."""
    if name in ("OBJ", "PLY"):
        return np.array(load(files, name, frame).vertices)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    source = files.path[name]
    where = str(source / f"{source.name}.obj")
    bpy.ops.wm.obj_import(filepath=where, forward_axis="Y", up_axis="Z")
    thing = bpy.context.selected_objects[0]
    cache = thing.modifiers.new("Cache", "MESH_CACHE")
    cache.cache_format, cache.filepath = name, str(source / f"{source.name}.{KINDS[name]}")
    cache.forward_axis, cache.up_axis = "POS_Y", "POS_Z"
    cache.frame_start = 1
    bpy.context.scene.render.fps = files.fps
    bpy.context.scene.frame_set(frame + 1)
    return evaluated_vertices(thing, bpy.context.evaluated_depsgraph_get())


def load(files, name, frame):
    """One mesh of a folder, by trimesh."""
    folder, kind = files.path[name], KINDS[name]
    numbered = folder / f"{folder.name}_{frame + 1:04d}.{kind}"
    path = numbered if name in ("OBJ", "PLY") else folder / f"{folder.name}.obj"
    return trimesh.load(path, process=False, force="mesh")


def read_alembic(files):
    """The mesh, by Blender."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = files.fps
    bpy.ops.wm.alembic_import(filepath=str(files.path["Alembic"]), as_background_job=False)
    return next(thing for thing in bpy.data.objects if thing.type == "MESH")


def nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) for each of `points` the row of the nearest of `others`."""
    from scipy.spatial import cKDTree

    return cKDTree(others).query(points)[1]
