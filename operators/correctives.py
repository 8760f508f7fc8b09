"""Key the pose correctives of a rig anew after its pose was changed."""

import bpy

from ..addon.scene.correctives import has_correctives, update_correctives
from ..addon.scene.export_stage import skinned_meshes
from .base import LayfigureOperator
from .export import characters


def rigs(context: bpy.types.Context) -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """The chosen armatures that have meshes with correctives, and these."""
    found = {
        armature: [mesh for mesh in skinned_meshes(armature) if has_correctives(mesh)]
        for armature in characters(context)
    }
    return {armature: meshes for armature, meshes in found.items() if meshes}


class LAYFIGURE_OT_update_correctives(LayfigureOperator, bpy.types.Operator):
    """Key the corrective shape keys of the selected rigs anew, to the pose that they have now in
    every frame of the scene. Needs no engine"""

    bl_idname = "layfigure.update_correctives"
    bl_label = "Update Correctives"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a rig."""
        if not rigs(context):
            cls.poll_message_set("Select an avatar's rig")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Key them."""
        for armature, meshes in rigs(context).items():
            count = update_correctives(context, armature, meshes)
            self.report({"INFO"}, f"{armature.name}: {count} frames")
