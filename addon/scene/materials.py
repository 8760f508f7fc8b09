"""Plain materials that look alike in Workbench, EEVEE and Cycles."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import compat

SKIN = (0.62, 0.38, 0.28, 1.0)
FUR = (0.3, 0.17, 0.08, 1.0)


def plain_material(
    name: str, colour: tuple[float, float, float, float], roughness: float = 0.6
) -> bpy.types.Material:
    """A material of one linear RGBA `colour`."""
    material = bpy.data.materials.new(name)
    compat.use_nodes(material)
    material.diffuse_color = colour
    material.roughness = roughness
    shader = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = colour
    shader.inputs["Roughness"].default_value = roughness
    return material


def is_png(path: Path) -> bool:
    """True when the file begins as a PNG picture does."""
    with path.open("rb") as stream:
        return stream.read(8) == b"\x89PNG\r\n\x1a\n"


def texture_material(name: str, picture: Path) -> bpy.types.Material:
    """A material that shows `picture` in the mesh's UV map; the picture goes into the .blend file.

    Raises RuntimeError when Blender cannot read it.
    """
    material = plain_material(name, SKIN)
    image = bpy.data.images.load(str(picture))
    image.name = f"{name} texture"
    image.alpha_mode = "NONE"  # it says what was seen, not what is transparent
    image.pack()
    # of its own: an FBX file tells its textures apart by where they came from
    image.filepath_raw = f"//{image.name}.png"
    image.packed_files[0].filepath = image.filepath_raw  # where USD's exporter writes it
    tree = material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image, node.location = image, (-320, 300)
    tree.nodes.active = node  # Workbench shows the active one
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    return material


def vertex_colour_material(name: str, layer: str) -> bpy.types.Material:
    """A material that shows the colour attribute `layer` of the mesh."""
    material = plain_material(name, SKIN, 0.8)
    tree = material.node_tree
    node = tree.nodes.new("ShaderNodeVertexColor")
    node.layer_name, node.location = layer, (-320, 300)
    shader = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    return material
