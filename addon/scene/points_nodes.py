"""The Geometry Nodes and the material that show oriented points as discs or as points."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy

from .. import compat
from .mesh import VERTEX_COLOURS

# attributes of the point object's mesh
TRUE_COLOURS, PATCH_COLOURS, PATCH = "true_color", "patch_color", "patch"
_NORMAL, _FLAT = "point_normal", "flat"  # that the nodes add
SHAPES = {"disc": "Discs", "point": "Points"}  # what scripts say -> what the artist reads
COLORINGS = {"color": "Colour", "normal": "Normal", "patch": "Patch"}
_CORNERS = 6  # of a disc


def element_nodes(
    name: str, normals: bpy.types.Object, material: bpy.types.Material
) -> bpy.types.NodeTree:
    """A node group that turns the vertices of a mesh into surface elements.

    Its inputs are Shape, Colouring and Radius (metres). `normals` is an object whose vertices are
    the unit normals and that has the same colours to show by itself as what is made then.
    """
    tree = _Tree(name)
    shape = tree.menu_input("Shape", SHAPES.values())
    coloring = tree.menu_input("Colouring", COLORINGS.values())
    radius = tree.radius_input()

    places = tree.add("GeometryNodeObjectInfo", Object=normals).outputs["Geometry"]
    oriented = tree.store(tree.geometry, _NORMAL, "FLOAT_VECTOR", _unit_positions(tree, places))
    tree.link(_discs(tree, oriented, places, radius), shape.inputs[SHAPES["disc"]])
    points = tree.add("GeometryNodeMeshToPoints", Mesh=oriented, Radius=radius)
    tree.link(points.outputs[0], shape.inputs[SHAPES["point"]])
    for choice, color, flat in (
        ("color", tree.attribute(TRUE_COLOURS, "FLOAT_COLOR"), 0.0),
        ("normal", _normal_color(tree), 1.0),
        ("patch", tree.attribute(PATCH_COLOURS, "FLOAT_COLOR"), 1.0),
    ):
        painted = tree.store(shape.outputs[0], VERTEX_COLOURS, "BYTE_COLOR", color)
        painted = tree.store(painted, _FLAT, "FLOAT", flat)
        tree.link(painted, coloring.inputs[COLORINGS[choice]])
    dressed = tree.add("GeometryNodeSetMaterial", Geometry=coloring.outputs[0], Material=material)
    return tree.finish(dressed.outputs[0])


def element_material(name: str) -> bpy.types.Material:
    """Shows the colours of surface elements: lit, or as they are where they mean something else."""
    material = bpy.data.materials.new(name)
    compat.use_nodes(material)
    tree = material.node_tree
    lit = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
    out = next(n for n in tree.nodes if n.type == "OUTPUT_MATERIAL")
    lit.inputs["Roughness"].default_value = material.roughness = 0.8
    flat, color, glow, mix = (
        tree.nodes.new(f"ShaderNode{kind}")
        for kind in ("Attribute", "Attribute", "Emission", "MixShader")
    )
    flat.attribute_name, color.attribute_name = _FLAT, VERTEX_COLOURS
    for source, target in (
        (color.outputs["Color"], lit.inputs["Base Color"]),
        (color.outputs["Color"], glow.inputs["Color"]),
        (flat.outputs["Fac"], mix.inputs[0]),
        (lit.outputs[0], mix.inputs[1]),
        (glow.outputs[0], mix.inputs[2]),
        (mix.outputs[0], out.inputs["Surface"]),
    ):
        tree.links.new(source, target)
    for node, place in (
        *((flat, (-300, 500)), (color, (-300, 200)), (glow, (0, -200))),
        *((mix, (350, 300)), (out, (550, 300))),
    ):
        node.location = place
    return material


class _Tree:
    """A node group that grows to the right, a column a node."""

    def __init__(self, name: str) -> None:
        self.group = bpy.data.node_groups.new(name, "GeometryNodeTree")
        self.group.is_modifier = True
        for way in ("INPUT", "OUTPUT"):
            kind = "NodeSocketGeometry"
            self.group.interface.new_socket("Geometry", in_out=way, socket_type=kind)
        self.inputs = self.group.nodes.new("NodeGroupInput")
        self.geometry = self.inputs.outputs[0]

    def link(self, source: bpy.types.NodeSocket, target: bpy.types.NodeSocket) -> None:
        self.group.links.new(source, target)

    def add(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> Any:
        """A node with its `settings`; `inputs` by their names are sockets or values."""
        node = self.group.nodes.new(kind)
        node.location = (180 * len(self.group.nodes), -60 * (len(self.group.nodes) % 4))
        for name, value in (settings or {}).items():
            setattr(node, name, value)
        for name, value in inputs.items():
            socket = next(s for s in node.inputs if s.enabled and s.name == name)
            if isinstance(value, bpy.types.NodeSocket):
                self.link(value, socket)
            else:
                socket.default_value = value
        return node

    def store(
        self,
        geometry: bpy.types.NodeSocket,
        name: str,
        kind: str,
        value: bpy.types.NodeSocket | float,
    ) -> bpy.types.NodeSocket:
        """`geometry` with the attribute `name` of its points."""
        settings = {"data_type": kind, "domain": "POINT"}
        node = self.add(
            *("GeometryNodeStoreNamedAttribute", settings),
            Geometry=geometry,
            Name=name,
            Value=value,
        )
        return node.outputs[0]

    def attribute(self, name: str, kind: str) -> bpy.types.NodeSocket:
        """The attribute `name`."""
        node = self.add("GeometryNodeInputNamedAttribute", {"data_type": kind}, Name=name)
        return next(socket for socket in node.outputs if socket.enabled)

    def menu_input(self, name: str, choices: Iterable[str]) -> Any:
        """An input of the group, and the switch between geometries that it turns."""
        self.group.interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketMenu")
        switch = self.add("GeometryNodeMenuSwitch", {"data_type": "GEOMETRY"})
        items = switch.enum_items
        for number, choice in enumerate(choices):  # two are there
            if number < len(items):
                items[number].name = choice
            else:
                items.new(choice)
        self.link(self.inputs.outputs[name], switch.inputs["Menu"])
        return switch

    def radius_input(self) -> bpy.types.NodeSocket:
        """The size of an element, metres."""
        sockets = self.group.interface
        socket = sockets.new_socket("Radius", in_out="INPUT", socket_type="NodeSocketFloat")
        socket.subtype, socket.min_value = "DISTANCE", 0.0
        return self.inputs.outputs["Radius"]

    def finish(self, geometry: bpy.types.NodeSocket) -> bpy.types.NodeTree:
        """Make `geometry` what the group gives."""
        out = self.group.nodes.new("NodeGroupOutput")
        out.location = (180 * len(self.group.nodes), 0)
        self.link(geometry, out.inputs[0])
        return self.group


def _unit_positions(tree: _Tree, geometry: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """Where the vertices of `geometry` lie, by their numbers; of length 1 between frames too."""
    sample = tree.add(
        *("GeometryNodeSampleIndex", {"data_type": "FLOAT_VECTOR"}),
        Geometry=geometry,
        Value=tree.add("GeometryNodeInputPosition").outputs[0],
        Index=tree.add("GeometryNodeInputIndex").outputs[0],
    )
    unit = tree.add("ShaderNodeVectorMath", {"operation": "NORMALIZE"}, Vector=sample.outputs[0])
    return unit.outputs[0]


def _discs(
    tree: _Tree,
    points: bpy.types.NodeSocket,
    normals: bpy.types.NodeSocket,
    radius: bpy.types.NodeSocket,
) -> bpy.types.NodeSocket:
    """A disc at every point, turned to its normal, as one mesh: Workbench colours no instances."""
    circle = tree.add("GeometryNodeMeshCircle", {"fill_type": "NGON"}, Vertices=_CORNERS)
    # Which colours Blender shows by itself is handed down by the first of the meshes that are
    # joined: here a single vertex of the normals, which is taken away again.
    index = tree.add("GeometryNodeInputIndex").outputs[0]
    single = tree.add("GeometryNodeDeleteGeometry", Geometry=normals, Selection=index)
    joined = tree.add("GeometryNodeJoinGeometry")
    for part in (circle, single):  # the last link comes first
        tree.link(part.outputs[0], joined.inputs[0])
    first = tree.add("FunctionNodeBooleanMath", {"operation": "NOT"}, Boolean=index)
    disc = tree.add(
        "GeometryNodeDeleteGeometry", Geometry=joined.outputs[0], Selection=first.outputs[0]
    )
    turned = tree.add(
        *("FunctionNodeAlignRotationToVector", {"axis": "Z"}),
        Vector=tree.attribute(_NORMAL, "FLOAT_VECTOR"),
    )
    instances = tree.add(
        "GeometryNodeInstanceOnPoints",
        Points=points,
        Instance=disc.outputs[0],
        Rotation=turned.outputs[0],
        Scale=radius,
    )
    return tree.add("GeometryNodeRealizeInstances", Geometry=instances.outputs[0]).outputs[0]


def _normal_color(tree: _Tree) -> bpy.types.NodeSocket:
    """The normal in the engine's axes as a colour: -1..1 is 0..1 in sRGB, here made linear."""
    bent = tree.add(
        *("ShaderNodeVectorMath", {"operation": "MULTIPLY_ADD"}),
        Vector=tree.attribute(_NORMAL, "FLOAT_VECTOR"),
    )
    # ((c + 0.055) / 1.055)^2.4 of c = n / 2 + 1/2; engine x, y, z are Blender's x, z, -y
    for socket, values in zip(
        bent.inputs[1:], (((1, -1, 1), 0.5), ((1, 1, 1), 0.555)), strict=False
    ):
        socket.default_value = [value * values[1] / 1.055 for value in values[0]]
    x, y, z = tree.add("ShaderNodeSeparateXYZ", Vector=bent.outputs[0]).outputs
    mixed = tree.add("FunctionNodeCombineColor")
    for channel, value in zip(("Red", "Green", "Blue"), (x, z, y), strict=True):
        power = tree.add("ShaderNodeMath", {"operation": "POWER"}, Value=value)
        power.inputs[1].default_value = 2.4
        tree.link(power.outputs[0], mixed.inputs[channel])
    return mixed.outputs[0]
