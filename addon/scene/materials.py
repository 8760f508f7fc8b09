"""Plain materials that look alike in Workbench, EEVEE and Cycles."""

from __future__ import annotations

import bpy

from .. import compat

SKIN = (0.62, 0.38, 0.28, 1.0)


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
