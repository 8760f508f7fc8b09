"""What is shown of avatars of surface elements, and how."""

import bpy

from ..addon.scene.points import SHOWN, points_of, set_look, show
from ..addon.scene.points_nodes import COLORINGS, SHAPES
from .base import LayfigureOperator


def chosen_points(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The point objects of the active and the selected characters, that of the active one first."""
    things = (context.view_layer.objects.active, *context.selected_objects)
    return list(dict.fromkeys(filter(None, map(points_of, things))))


class LAYFIGURE_OT_show_points(LayfigureOperator, bpy.types.Operator):
    """Show the points, the mesh or both of the selected avatars"""

    bl_idname = "layfigure.show_points"
    bl_label = "Show Points or Mesh"
    bl_options = {"REGISTER", "UNDO"}

    what: bpy.props.EnumProperty(
        name="Show",
        description="What is seen of the character",
        items=[(k, k.title(), "") for k in SHOWN],
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There are points."""
        return _has_points(cls, context)

    def run(self, context: bpy.types.Context) -> None:
        """Hide one, show the other."""
        for points in chosen_points(context):
            show(points, self.what)


class LAYFIGURE_OT_look_of_points(LayfigureOperator, bpy.types.Operator):
    """Choose shape and colours of the selected avatars' points; what is not named stays"""

    bl_idname = "layfigure.look_of_points"
    bl_label = "Look of Points"
    bl_options = {"REGISTER", "UNDO"}

    shape: bpy.props.EnumProperty(
        name="Shape",
        description="As what each element is drawn",
        items=[(key, label, "") for key, label in SHAPES.items()],
        options={"SKIP_SAVE"},
    )
    coloring: bpy.props.EnumProperty(
        name="Colouring",
        description="Where the elements have their colours from",
        items=[(key, label, "") for key, label in COLORINGS.items()],
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There are points."""
        return _has_points(cls, context)

    def run(self, context: bpy.types.Context) -> None:
        """Set what is named."""
        named = self.properties.is_property_set
        for points in chosen_points(context):
            set_look(
                points,
                self.shape if named("shape") else None,
                self.coloring if named("coloring") else None,
            )


def _has_points(operator: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if not chosen_points(context):
        operator.poll_message_set("Select an avatar that has points")
        return False
    return True
