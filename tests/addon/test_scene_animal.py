"""An animal in the scene: its bones, its fur, where it stands, its FBX file; its panel."""

from pathlib import Path

import numpy as np
import pytest

from addon_helpers import all_panels
from layfigure.addon.animal_requests import animal_request
from layfigure.addon.scene.export_fbx import export_fbx
from layfigure.addon.scene.import_result import import_result
from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import AnimalFitParams
from make_animal import make_animal
from scene_helpers import bpy, clean_scene, farthest, posed_vertices  # noqa: F401

FRAMES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("animal")
    make_animal(place, FRAMES, overlay=False)
    return place / "result"


def test_it_stands_in_the_scene_as_it_was_fitted(folder):
    result = read_result(folder)
    body, motion = load_body(result.body), load_motion(result.people[0].motion)
    imported = import_result(bpy.context, folder)
    (animal,) = imported.people
    assert (imported.frame_start, imported.frame_end) == (1, FRAMES)
    assert imported.camera is not None and imported.footage is not None
    assert [m.name for m in animal.mesh.data.materials] == ["animal_00 fur"]
    assert len(animal.mesh.data.shape_keys.key_blocks) == 1 + len(motion.betas)
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(frame + 1)
        assert farthest(animal.mesh, posed_vertices(body, motion, frame)) < 1e-3


def test_its_bones_follow_its_limbs(folder):
    animal = import_result(bpy.context, folder).people[0]
    bones = animal.armature.data.bones
    for upper, lower in (("spine3", "Neck"), ("LLeg1", "LLeg2"), ("Tail1", "Tail2")):
        assert (bones[upper].tail_local - bones[lower].head_local).length < 1e-5
    assert all(bone.length > 0.005 for bone in bones)
    assert bones["LFoot"].tail_local.z < bones["LLeg3"].head_local.z


def test_it_comes_back_from_fbx(folder, tmp_path):
    animal = import_result(bpy.context, folder).people[0]
    names = {bone.name for bone in animal.armature.data.bones}
    export_fbx(bpy.context, [animal.armature], tmp_path / "dog.fbx", "generic")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "dog.fbx"))
    (armature,) = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    assert names <= {bone.name for bone in armature.data.bones}
    (mesh,) = (thing for thing in bpy.data.objects if thing.type == "MESH")
    assert np.ptp([v.co.z for v in mesh.data.vertices]) > 0


def test_the_panel_asks_for_a_fit(engine, tmp_path):
    settings = bpy.context.scene.layfigure
    assert "Annotate, above, makes them." in all_panels().replace(" | ", " ")
    assert not bpy.ops.layfigure.fit_animal.poll()
    film, points = tmp_path / "cow.mp4", tmp_path / "cow.json"
    settings.annotate_film, settings.animal_annotations = str(film), str(points)
    settings.output = str(tmp_path)
    with pytest.raises(InputError, match="cow.mp4: no such film"):
        animal_request(settings)
    film.touch(), points.touch()
    settings.animal_family, settings.animal_frames = " cow ", "3:9"
    name, params, out = animal_request(settings)
    checked = AnimalFitParams.model_validate(params)
    assert (name, out) == ("cow", tmp_path / "cow_animal")
    assert (checked.animal, checked.family, checked.frames) == ("quadruped", "cow", "3:9")
    assert checked.focal is None and checked.limb_scales
    settings.animal_body = str(tmp_path / "dragon.npz")
    with pytest.raises(InputError, match="dragon.npz: no such animal"):
        animal_request(settings)
