"""Pictures and colours of meshes for files that have no Blender materials."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np


def picture_node(material: bpy.types.Material | None) -> bpy.types.ShaderNodeTexImage | None:
    """The node of the picture that gives `material` its colour."""
    tree = material.node_tree if material is not None else None
    shader = next((n for n in tree.nodes if n.type == "BSDF_PRINCIPLED"), None) if tree else None
    links = shader.inputs["Base Color"].links if shader is not None else ()
    node = links[0].from_node if links else None
    return node if node is not None and node.type == "TEX_IMAGE" and node.image else None


def opaque_copy(image: bpy.types.Image) -> bpy.types.Image:
    """A packed copy of `image` without alpha, which says to come from the same place."""
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    pixels[3::4] = 1.0
    copy = bpy.data.images.new(image.name, *image.size, alpha=False)
    copy.pixels.foreach_set(pixels)
    copy.pack()
    copy.filepath_raw = image.filepath_raw
    copy.packed_files[0].filepath = image.filepath_raw
    return copy


def save_pictures(things: Sequence[bpy.types.Object], materials: Path) -> None:
    """Write the pictures of `things` beside `materials`, an .mtl file that Blender has written.

    They get names without blanks, which many readers of the format do not understand.
    """
    text = materials.read_text(encoding="utf-8")
    slots = [slot.material for thing in things for slot in thing.material_slots]
    nodes = [picture_node(material) for material in slots]
    for image in {node.image for node in nodes if node is not None}:
        old = bpy.path.basename(image.filepath_raw)
        new = bpy.path.clean_name(Path(old).stem) + (Path(old).suffix or ".png")
        text = text.replace(old, new)
        source = Path(bpy.path.abspath(image.filepath_raw))
        if image.packed_file is not None:
            materials.with_name(new).write_bytes(image.packed_file.data)
        elif source.is_file():
            shutil.copyfile(source, materials.with_name(new))
    materials.write_text(text, encoding="utf-8")


def vertex_colours(thing: bpy.types.Object) -> np.ndarray:
    """(V, 3) uint8 sRGB of the vertices of `thing`: painted, of its pictures, of its materials."""
    mesh = thing.data
    painted = mesh.color_attributes.active_color
    if painted is not None and painted.domain == "POINT":
        values = np.empty(4 * len(mesh.vertices), np.float32)
        painted.data.foreach_get("color_srgb", values)
        return _bytes(values.reshape(-1, 4)[:, :3])
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    slots = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", slots)
    sides = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_total", sides)
    slots = np.repeat(slots, sides)
    uv = np.zeros((len(mesh.loops), 2), np.float32)
    if mesh.uv_layers.active is not None:
        flat = np.empty(2 * len(mesh.loops), np.float32)
        mesh.uv_layers.active.data.foreach_get("uv", flat)
        uv = flat.reshape(-1, 2)
    colours = np.full((len(mesh.vertices), 3), 0.8, np.float32)
    for number, slot in enumerate(thing.material_slots):
        here = slots == number
        colours[corners[here]] = _colours(slot.material, uv[here])
    return _bytes(colours)


def _colours(material: bpy.types.Material | None, uv: np.ndarray) -> np.ndarray:
    """(N, 3) sRGB 0..1 of `material` at `uv` (N, 2)."""
    node = picture_node(material)
    if node is not None and len(node.image.pixels):
        image = node.image
        width, height = image.size
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        pixels = pixels.reshape(height, width, -1)
        x, y = (uv % 1 * (width, height)).astype(int).T
        return pixels[y.clip(0, height - 1), x.clip(0, width - 1), :3]
    if material is None:
        return np.full((len(uv), 3), 0.8, np.float32)
    return np.tile(_srgb(np.array(material.diffuse_color[:3])), (len(uv), 1))


def _srgb(linear: np.ndarray) -> np.ndarray:
    high = 1.055 * np.maximum(linear, 1e-8) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, high)


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.rint(colours.clip(0, 1) * 255).astype(np.uint8)
