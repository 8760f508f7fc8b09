"""The camera of a clip, with the footage behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.camera import Camera
from .. import compat
from .axes import camera_poses
from .keyframes import write_curves

_SENSOR = 36.0  # mm
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
_STILL = 1e-5  # m and quaternion units: below it the camera does not move


@dataclass
class Footage:
    """The pictures behind a camera, and which of them the timeline shows."""

    image: bpy.types.Image
    frames: int  # how many there are
    frame_start: int  # the Blender frame of the first one shown
    frame_offset: int  # how many are skipped before it

    def show(self, user: bpy.types.ImageUser | bpy.types.CompositorNodeImage) -> None:
        """Make an image user or a compositor node play the footage in step with the timeline."""
        user.frame_duration = max(self.frames, 1)
        user.frame_start, user.frame_offset = self.frame_start, self.frame_offset
        user.use_auto_refresh = True


def build_camera(
    scene: bpy.types.Scene,
    name: str,
    camera: Camera,
    frames: np.ndarray,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """A camera object that sees what `camera` saw; sets the scene's camera and picture size.

    `frames` (T,) are the Blender frames of the camera's poses, keyed unless it stands still.
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


def load_footage(source: str, frame_start: int, skipped: int) -> Footage | None:
    """The video or picture folder at `source`, first shown at Blender frame `frame_start`.

    None when it is not there any more or Blender cannot read it: a result outlives its footage.
    """
    path = Path(source) if source else None
    if path is None or not path.exists():
        return None
    count = 0
    if path.is_dir():
        pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in _PICTURES)
        if not pictures:
            return None
        path, count = pictures[0], len(pictures)
    try:
        image = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError:
        return None
    if count > 1:
        image.source = "SEQUENCE"
    frames = count or image.frame_duration
    if not frames or not image.size[0]:
        return None
    return Footage(image, frames, frame_start, skipped)


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
