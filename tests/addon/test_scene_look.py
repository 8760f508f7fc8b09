"""What a result looks like in Blender: the texture from its footage, the camera that moved."""

import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from layfigure.addon import compat
from layfigure.addon.scene.axes import to_blender
from layfigure.addon.scene.export_fbx import export_fbx
from layfigure.addon.scene.import_result import ImportOptions, import_result
from layfigure.engine.formats.errors import InputError
from scene_helpers import bpy, clean_scene, made_texture, make_result, posed_vertices  # noqa: F401


def image_of(mesh):
    """The picture behind the base colour of the one material of `mesh`."""
    (material,) = mesh.data.materials
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    assert not shader.inputs["Alpha"].is_linked and shader.inputs["Alpha"].default_value == 1
    return shader.inputs["Base Color"].links[0].from_node.image


def test_the_texture_is_on_the_body_and_in_the_file(tmp_path):
    make_result(tmp_path / "walk", 2, texture=True)
    mesh = import_result(bpy.context, tmp_path / "walk").people[0].mesh
    image = image_of(mesh)
    assert image.packed_file is not None and image.alpha_mode == "NONE"
    pixels = np.array(image.pixels[:]).reshape(64, 64, 4)[::-1]  # Blender's first row is the lowest
    np.testing.assert_allclose(pixels[..., :3] * 255, made_texture()[..., :3], atol=1)
    uv = np.empty(len(mesh.data.loops) * 2, np.float32)
    mesh.data.uv_layers[0].data.foreach_get("uv", uv)
    assert 0 <= uv.min() < 0.2 and 0.8 < uv.max() <= 1


def test_without_the_texture_clothes_are_plain(tmp_path):
    make_result(tmp_path / "walk", 2, texture=True)
    options = ImportOptions(texture=False)
    mesh = import_result(bpy.context, tmp_path / "walk", options).people[0].mesh
    assert len(mesh.data.materials) > 5 and not bpy.data.images


def test_a_texture_that_is_none_builds_nothing(tmp_path):
    make_result(tmp_path / "walk", 2, texture=True)
    (tmp_path / "walk" / "person_00" / "texture.png").write_text("no picture")
    with pytest.raises(InputError, match=r"texture\.png: this is not a PNG"):
        import_result(bpy.context, tmp_path / "walk")
    assert not bpy.data.objects
    import_result(bpy.context, tmp_path / "walk", ImportOptions(texture=False))


def test_a_textured_character_is_exported(tmp_path):
    make_result(tmp_path / "walk", 2, texture=True)
    imported = import_result(bpy.context, tmp_path / "walk")
    export_fbx(bpy.context, [imported.people[0].armature], tmp_path / "a.fbx", "generic")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "a.fbx"))
    assert bpy.data.images and tuple(bpy.data.images[0].size) == (64, 64)


def test_a_camera_that_turns_and_zooms_sees_what_the_footage_shows(tmp_path):
    body, motion, camera = make_result(tmp_path / "walk", 12, turning=True)
    thing = import_result(bpy.context, tmp_path / "walk", ImportOptions(start_frame=5)).camera
    assert [c.data_path for c in compat.fcurves(thing.data)] == ["lens"]
    vertices = np.stack([posed_vertices(body, motion, k)[::500] for k in range(12)])
    expected = camera.project(camera.to_camera(vertices))
    scene = bpy.context.scene
    for frame in (0, 5, 11):
        scene.frame_set(frame + 5)
        for point, pixel in zip(vertices[frame], expected[frame], strict=True):
            view = world_to_camera_view(scene, thing, Vector(to_blender(point)))
            found = np.array((view.x, 1 - view.y)) * (camera.width, camera.height)
            np.testing.assert_allclose(found, pixel, atol=0.1)
