"""Pack for Moving, Find Missing Files, Bake to Shape Keys and their panel."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from addon_helpers import drawn
from layfigure.addon.scene import pack
from layfigure.addon.scene.bake_cache import cache_of
from layfigure.addon.scene.external import External, external_files, missing_files
from layfigure.addon.scene.import_result import import_result
from layfigure.engine.formats.errors import InputError
from layfigure.panels.sequence import LAYFIGURE_PT_sequence
from scene_helpers import bpy, clean_scene  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[1]))

from make_avatar import make_avatar  # noqa: E402
from make_result import write_png  # noqa: E402

NOTHING = "Select an object that plays a point cache."


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "coat"
    make_avatar(folder, frames=6)
    return folder


def picture(path: Path, grey: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.full((8, 8, 4), grey, np.uint8))
    return path


@pytest.fixture
def scene(made, tmp_path):
    """A saved file: two coats, numbered footage behind a camera, a texture that is not packed."""
    sources = tmp_path / "sources"
    for name in ("one", "two"):
        shutil.copytree(made, sources / name)
        import_result(bpy.context, sources / name)
    two = sources / "two" / "person_00" / "vertices.pc2"
    data = bytearray(two.read_bytes())
    data[-4:] = b"\0\0\0\0"
    two.write_bytes(data)
    for number in range(1, 5):
        picture(sources / "film" / f"f{number}.png", 50 * number)
    picture(sources / "film" / "other.png", 1)
    footage = bpy.data.images.load(str(sources / "film" / "f1.png"))
    footage.source = "SEQUENCE"
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.collection.objects.link(camera)
    camera.data.background_images.new().image = footage
    material = bpy.data.objects["person_00 body"].material_slots[0].material
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(picture(sources / "skin.png", 99)))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work" / "dance.blend"))
    return bpy.context.scene


def packed(scene) -> pack.Packing:
    packing, steps = pack.start_packing(scene)
    assert pack.advance(steps)
    assert packing.done == packing.total
    pack.finish(scene, packing)
    return packing


@pytest.fixture(autouse=True)
def _work(tmp_path):
    (tmp_path / "work").mkdir()


def test_everything_moves_with_the_file(scene, tmp_path):
    packing = packed(scene)
    beside = tmp_path / "work" / "dance_files"
    names = {path.relative_to(beside).as_posix() for path in beside.rglob("*") if path.is_file()}
    assert names == {
        *("vertices.pc2", "person_00_vertices.pc2", "skin.png"),
        *(f"film/f{number}.png" for number in range(1, 5)),
    }
    assert packing.files == 7 and packing.copied == packing.total > 900_000
    assert all(one.owner.filepath.startswith("//dance_files") for one in external_files(scene))
    bpy.ops.wm.save_mainfile()
    shutil.move(tmp_path / "work", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "sources")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere" / "dance.blend"))
    assert not missing_files(bpy.context.scene) and len(external_files(bpy.context.scene)) == 4
    one, two = (
        Path(bpy.path.abspath(cache_of(bpy.data.objects[name]).filepath)).read_bytes()
        for name in ("person_00 body", "person_00 body.001")
    )
    assert one[:-4] == two[:-4] and one[-4:] != two[-4:]
    assert packed(bpy.context.scene).files == 0


def test_what_is_there_is_not_copied_again(scene, tmp_path):
    packed(scene)
    import_result(bpy.context, tmp_path / "sources" / "one")
    packing = packed(scene)
    assert packing.files == 0 and packing.copied == 0
    caches = [cache_of(thing) for thing in scene.objects if cache_of(thing)]
    assert [cache.filepath for cache in caches].count("//dance_files/vertices.pc2") == 2


def test_a_cancelled_copy_leaves_nothing_half(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "_CHUNK", 1000)
    before = [one.owner.filepath for one in external_files(scene)]
    packing, steps = pack.start_packing(scene)
    assert not pack.advance(steps, 0.0)
    beside = tmp_path / "work" / "dance_files"
    assert [path.name for path in beside.iterdir()] == [".vertices.pc2.tmp"]
    assert 0 < packing.part < 0.1
    steps.close()
    assert not list(beside.iterdir())
    assert [one.owner.filepath for one in external_files(scene)] == before


def test_a_copy_that_fails_says_so(scene, tmp_path):
    (tmp_path / "work" / "dance_files").write_text("in the way")
    _, steps = pack.start_packing(scene)
    with pytest.raises(InputError, match=r"vertices\.pc2: it cannot be copied"):
        pack.advance(steps)


def test_a_file_that_was_never_saved(made):
    import_result(bpy.context, made)
    with pytest.raises(InputError, match="it has never been saved"):
        pack.start_packing(bpy.context.scene)


def test_missing_files_are_named_and_found(addon, scene, tmp_path):
    shutil.move(tmp_path / "sources", tmp_path / "moved" / "deep")
    assert len(missing_files(scene)) == 4
    assert bpy.ops.layfigure.pack() == {"FINISHED"}
    assert not (tmp_path / "work" / "dance_files").exists()
    with pytest.raises(RuntimeError, match=r"Not there: .*vertices\.pc2; .*Choose a folder"):
        bpy.ops.layfigure.find_files()
    assert bpy.ops.layfigure.find_files(directory=str(tmp_path / "moved")) == {"FINISHED"}
    assert not missing_files(scene)
    paths = [cache_of(t).filepath for t in scene.objects if cache_of(t)]
    assert paths == [f"//../moved/deep/{name}/person_00/vertices.pc2" for name in ("one", "two")]
    assert bpy.ops.layfigure.find_files() == {"FINISHED"}


def test_numbered_pictures_and_tiles(tmp_path):
    for name in ("a_001.png", "a_2.png", "b_001.png", "t.1001.png", "t.1002.png"):
        picture(tmp_path / name, 1)
    film = External("film", None, tmp_path / "a_001.png", True)
    tiles = External("tiles", None, tmp_path / "t.<UDIM>.png", True)
    assert [path.name for path in film.files()] == ["a_001.png", "a_2.png"]
    assert [path.name for path in tiles.files()] == ["t.1001.png", "t.1002.png"]
    assert not External("gone", None, tmp_path / "none" / "a_001.png", True).files()


def test_the_panel_and_its_operators(addon, made, tmp_path):
    save = "Save the file to pack what | it needs beside it. | Save | Find Missing Files"
    assert drawn(LAYFIGURE_PT_sequence).replace(" | ", " ").startswith(NOTHING)
    with pytest.raises(RuntimeError, match="never been saved"):
        bpy.ops.layfigure.pack()
    assert not bpy.ops.layfigure.bake_keys.poll()
    bpy.ops.layfigure.import_result(directory=str(made))
    said = drawn(LAYFIGURE_PT_sequence)
    assert "person_00/vertices.pc2" in said and "Frame of 0 to 5 | Bake to Shape Keys…" in said
    assert said.replace(" | ", " ").endswith(save.replace(" | ", " "))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work" / "a.blend"))
    assert drawn(LAYFIGURE_PT_sequence).endswith("Pack for Moving | Find Missing Files")
    with pytest.raises(RuntimeError, match="6 frames are more shape keys than 5"):
        bpy.ops.layfigure.bake_keys(most=5)
    with pytest.raises(RuntimeError, match="Frames 9 to 3 are none"):
        bpy.ops.layfigure.bake_keys(first=9, last=3)
    assert bpy.ops.layfigure.bake_keys(kind="COMPONENTS", components=2) == {"FINISHED"}
    mesh = bpy.context.view_layer.objects.active
    assert len(mesh.data.shape_keys.key_blocks) == 3
    assert drawn(LAYFIGURE_PT_sequence).replace(" | ", " ").startswith(NOTHING)
