"""What the operators of the panel Motion share."""

import bpy

from .base import LayfigureOperator
from .rig_body import rig_of


class OnCharacter(LayfigureOperator):
    """Mixin: works on the active armature, or the one that moves the active mesh."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is one, and it is not being edited."""
        if context.mode not in ("OBJECT", "POSE"):
            cls.poll_message_set("Only in Object Mode or Pose Mode")
        elif rig_of(context) is None:
            cls.poll_message_set("Select a character: its armature or its mesh")
        else:
            return True
        return False
