"""The camera of a clip, with the footage behind it."""

from __future__ import annotations

import bpy
import numpy as np

from ...engine.formats.camera import Camera
from .. import compat
from .axes import camera_poses
from .footage import Footage
from .keyframes import write_curves

_SENSOR = 36.0  # mm
_STILL = 1e-5  # m, quaternion units, zoom: below it the camera does not move


def build_camera(
    scene: bpy.types.Scene,
    name: str,
    camera: Camera,
    frames: np.ndarray,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """A camera object that sees what `camera` saw; sets the scene's camera and picture size.

    `frames` (T,) are the Blender frames of the camera's poses and zooms, keyed unless it stands
    still.
    """
    data = bpy.data.cameras.new(name)
    thing = bpy.data.objects.new(name, data)
    collection.objects.link(thing)
    _set_lens(scene, data, camera)
    places, turns = camera_poses(camera.world_to_camera)
    thing.rotation_mode = "QUATERNION"
    thing.location, thing.rotation_quaternion = places[0], turns[0]
    if np.ptp(places, axis=0).max() > _STILL or np.ptp(turns, axis=0).max() > _STILL:
        compat.new_action(thing, f"{name} motion")
        write_curves(thing, "location", frames, places, "Camera")
        write_curves(thing, "rotation_quaternion", frames, turns, "Camera")
    if camera.zoom is not None:
        _key_zoom(data, camera.zoom, frames)
    scene.camera = thing
    return thing


def _set_lens(scene: bpy.types.Scene, data: bpy.types.Camera, camera: Camera) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y = camera.width, camera.height
    render.resolution_percentage = 100
    ratio = camera.fx / camera.fy
    render.pixel_aspect_x, render.pixel_aspect_y = max(1.0, 1 / ratio), max(1.0, ratio)
    data.sensor_fit, data.sensor_width = "HORIZONTAL", _SENSOR
    data.lens = camera.fx * _SENSOR / camera.width
    # both shifts are in parts of the picture's width, and Blender's picture has y up
    data.shift_x = (camera.width / 2 - camera.cx) / camera.width
    data.shift_y = (camera.cy - camera.height / 2) * ratio / camera.width
    data.clip_start, data.clip_end = 0.02, 1000.0


def _key_zoom(data: bpy.types.Camera, zoom: np.ndarray, frames: np.ndarray) -> None:
    # the shifts are in parts of the sensor, which a zoom leaves as they are
    lens = data.lens * np.asarray(zoom, np.float64)
    data.lens = lens[0]
    if np.ptp(zoom) > _STILL:
        compat.new_action(data, f"{data.name} zoom")
        write_curves(data, "lens", frames, lens[:, None], "Lens")


def put_behind(thing: bpy.types.Object, footage: Footage) -> None:
    """Show `footage` behind the scene when one looks through the camera `thing`."""
    data = thing.data
    data.show_background_images = True
    background = data.background_images.new()
    background.image = footage.image
    background.alpha, background.display_depth = 1.0, "BACK"
    background.frame_method = "STRETCH"
    if footage.image.source != "FILE":
        footage.show(background.image_user)
