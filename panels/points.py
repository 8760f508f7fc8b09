"""How an avatar of surface elements is shown."""

from collections.abc import Mapping

import bpy

from ..addon import compat
from ..addon.scene.points import MODIFIER, SHOWN, look, points_of, shown
from ..addon.scene.points_nodes import COLORINGS, SHAPES
from .base import LayfigurePanel


class LAYFIGURE_PT_points(LayfigurePanel, bpy.types.Panel):
    """Of the active character: points or mesh, discs or points, their colours and size."""

    bl_idname = "LAYFIGURE_PT_points"
    bl_label = "Surface Elements"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for a character that has points."""
        return points_of(context.view_layer.objects.active) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices, the present ones pressed."""
        layout, points = self.layout, points_of(context.view_layer.objects.active)
        what, (shape, coloring) = shown(points), look(points)
        show = {key: key.title() for key in SHOWN}
        _choices(layout, "layfigure.show_points", "what", show, what)
        column = layout.column()
        column.enabled = what != "mesh"
        _choices(column, "layfigure.look_of_points", "shape", SHAPES, shape)
        _choices(column, "layfigure.look_of_points", "coloring", COLORINGS, coloring)
        compat.draw_input(column, points.modifiers[MODIFIER], "Radius")


def _choices(
    layout: bpy.types.UILayout, operator: str, name: str, labels: Mapping[str, str], now: str
) -> None:
    """A row of buttons for the operator's property `name`."""
    row = layout.row(align=True)
    for key, label in labels.items():
        setattr(row.operator(operator, text=label, depress=key == now), name, key)
