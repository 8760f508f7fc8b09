"""A plain studio for films: floor, backdrop, lights, a camera that circles, footage behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from .. import compat
from .footage import Footage
from .keyframes import write_curves
from .materials import plain_material
from .mesh import VERTEX_COLOURS

ENGINES = {"workbench": "BLENDER_WORKBENCH", "cycles": "CYCLES", "eevee": compat.EEVEE}
_BACKDROP = (0.55, 0.57, 0.6)
_FLOOR = (0.55, 0.56, 0.58, 1.0)


def use_engine(
    scene: bpy.types.Scene, engine: str, samples: int, painted: bool = False, flat: bool = False
) -> None:
    """Choose the render engine by its short name, with settings that suit a figure.

    `painted`: its colours are its vertices', which Workbench shows only instead of textures.
    `flat`: Workbench shows them as they are, without light and shadow.
    """
    scene.render.engine = ENGINES[engine]
    scene.view_settings.view_transform = "Standard"  # so that footage keeps its colours
    if engine == "workbench":
        _use_workbench(scene.display, painted)
        if flat:
            shading = scene.display.shading
            shading.light, shading.show_cavity, shading.show_shadows = "FLAT", False, False
    elif engine == "cycles":
        scene.cycles.samples, scene.cycles.device = samples, "CPU"
        scene.cycles.max_bounces = 4
        compat.denoise(scene)
    else:
        scene.eevee.taa_render_samples = samples


def _use_workbench(display: bpy.types.SceneDisplay, painted: bool) -> None:
    shading = display.shading
    # where a mesh has no texture, TEXTURE shows its material's colour
    shading.light, shading.color_type = "STUDIO", "VERTEX" if painted else "TEXTURE"
    shading.studio_light = "paint.sl"  # the bright one of those that come with Blender
    shading.show_cavity, shading.cavity_type = True, "WORLD"
    shading.show_shadows, shading.shadow_intensity = True, 0.35
    shading.show_specular_highlight = True
    display.light_direction = (-0.35, 0.45, 0.82)  # from the front, left and above
    display.render_aa = "8"


def build_studio(
    scene: bpy.types.Scene, low: np.ndarray, high: np.ndarray, engine: str
) -> bpy.types.Collection:
    """A floor under the box `low`..`high` (3,), a grey backdrop and soft light."""
    collection = bpy.data.collections.new("studio")
    scene.collection.children.link(collection)
    middle = (low + high) / 2
    _add_floor(collection, (middle[0], middle[1], low[2]), 80.0)
    add_lights(scene, low, high, engine)
    return collection


def add_lights(scene: bpy.types.Scene, low: np.ndarray, high: np.ndarray, engine: str) -> None:
    """A grey world and, for engines that need them, three soft lights around the box."""
    world = bpy.data.worlds.new("studio")
    scene.world, world.color = world, _BACKDROP
    compat.use_nodes(world)
    background = next(n for n in world.node_tree.nodes if n.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*_BACKDROP, 1.0)
    if engine == "workbench":
        return
    middle, size = (low + high) / 2, float(np.max(high - low))
    for place, power in (((-2, -3, 3), 40), ((3, -2, 2), 12), ((0.5, 3, 3), 25)):
        _add_light(scene.collection, middle, np.array(place) * size, power * size**2)


def _add_floor(
    collection: bpy.types.Collection, centre: tuple[float, float, float], radius: float
) -> None:
    mesh = bpy.data.meshes.new("floor")
    angles = np.linspace(0, 2 * np.pi, 65)[:-1]  # round, so that its horizon is level
    rim = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1) * radius
    mesh.from_pydata(rim.tolist(), [], [tuple(range(64))])
    mesh.materials.append(plain_material("floor", _FLOOR, 0.9))
    painted = mesh.color_attributes.new(VERTEX_COLOURS, "FLOAT_COLOR", "POINT")
    painted.data.foreach_set("color", _FLOOR * len(rim))  # Workbench may show these alone
    floor = bpy.data.objects.new("floor", mesh)
    floor.location = centre
    collection.objects.link(floor)


def _add_light(
    collection: bpy.types.Collection, target: np.ndarray, offset: np.ndarray, power: float
) -> None:
    data = bpy.data.lights.new("soft light", "AREA")
    data.energy, data.size = power, float(np.linalg.norm(offset)) / 2
    light = bpy.data.objects.new("soft light", data)
    light.location = target + offset
    light.rotation_euler = looking_along(-offset)
    collection.objects.link(light)


def looking_along(direction: np.ndarray) -> tuple[float, float, float]:
    """The Euler angles of a camera or light that looks along `direction` (3,), upright."""
    x, y, z = direction / np.linalg.norm(direction)
    return math.acos(np.clip(-z, -1, 1)), 0.0, math.atan2(-x, y)


def motion_box(
    context: bpy.types.Context, meshes: Sequence[bpy.types.Object], frames: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest corner (3,), (3,) that the posed `meshes` reach in `frames`."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for frame in frames:
        context.scene.frame_set(frame)
        graph = context.evaluated_depsgraph_get()
        for thing in meshes:
            points = evaluated_vertices(thing, graph)
            low, high = np.minimum(low, points.min(0)), np.maximum(high, points.max(0))
    return low, high


def evaluated_vertices(thing: bpy.types.Object, graph: bpy.types.Depsgraph) -> np.ndarray:
    """(V, 3) world places of the vertices of `thing` after keys and modifiers."""
    evaluated = thing.evaluated_get(graph)
    points = np.empty(len(evaluated.data.vertices) * 3, np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def build_turntable(
    scene: bpy.types.Scene, low: np.ndarray, high: np.ndarray, turns: float = 1.0
) -> bpy.types.Object:
    """A camera that goes `turns` times around the box `low`..`high` in the scene's frame range."""
    data = bpy.data.cameras.new("turntable")
    camera = bpy.data.objects.new("turntable", data)
    scene.collection.objects.link(camera)
    width, height = scene.render.resolution_x, scene.render.resolution_y
    data.lens, data.sensor_width, data.sensor_fit = 50.0, 36.0, "HORIZONTAL"
    slope = 18.0 / data.lens * min(1.0, height / width)  # half the picture at 1 m
    across = np.hypot(*(high - low)[:2]) / 2
    distance = across + 1.08 * max((high - low)[2] / 2, across * height / width) / slope
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    angles = 2 * np.pi * turns * np.arange(len(frames)) / len(frames)
    tilt = math.radians(8)
    middle = (low + high) / 2
    around = np.stack([np.sin(angles), -np.cos(angles)], 1) * math.cos(tilt)
    places = np.column_stack([around, np.full(len(frames), math.sin(tilt))]) * distance + middle
    turns = np.column_stack([np.full(len(frames), np.pi / 2 - tilt), 0 * angles, angles])
    compat.new_action(camera, "turntable")
    write_curves(camera, "location", frames, places, "Camera")
    write_curves(camera, "rotation_euler", frames, turns, "Camera")
    scene.camera = camera
    return camera


def composite_over(scene: bpy.types.Scene, footage: Footage, opacity: float = 1.0) -> None:
    """Render the scene in front of `footage` instead of a world, as opaque as `opacity` says."""
    scene.render.film_transparent = True
    tree, out = compat.compositor(scene)
    layers, film = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeImage")
    film.image = footage.image
    if footage.image.source != "FILE":
        footage.show(film)
    size_in, sized = compat.fit_to_render_size(tree)
    under, over, result = compat.alpha_over(tree, opacity)
    layers.scene = scene
    for source, target in (
        *((film.outputs["Image"], size_in), (sized, under)),
        *((layers.outputs["Image"], over), (result, out)),
    ):
        tree.links.new(source, target)


def show_pictures(scene: bpy.types.Scene, picture: Path, last: int) -> None:
    """Show numbered pictures instead of the scene, each in its frame, transparency over grey.

    `picture` is one of them, `last` the greatest number.
    """
    scene.view_settings.view_transform = "Standard"
    tree, out = compat.compositor(scene)
    film = tree.nodes.new("CompositorNodeImage")
    film.image = bpy.data.images.load(str(picture))
    film.image.source = "SEQUENCE"
    # Blender looks for the file that bears the number of the frame
    Footage(film.image, last, frame_start=1, frame_offset=0).show(film)
    size_in, sized = compat.fit_to_render_size(tree)
    under, over, result = compat.alpha_over(tree)
    under.default_value = (*_BACKDROP, 1.0)
    for source, target in ((film.outputs["Image"], size_in), (sized, over), (result, out)):
        tree.links.new(source, target)
