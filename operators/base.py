"""What all operators share: a wrong input becomes one sentence, never a broken Blender."""

import logging
from collections.abc import Callable

import bpy

from ..engine.formats.errors import InputError

log = logging.getLogger("layfigure")


class LayfigureOperator:
    """Mixin: subclasses write `run`, which raises InputError where the user has to do something."""

    bl_label: str
    run: Callable[[bpy.types.Context], None]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run and report."""
        try:
            self.run(context)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except Exception as error:  # ours: the trace goes to the console, Blender goes on
            log.exception("%s failed", self.bl_label)
            self.report({"ERROR"}, f"{self.bl_label} failed: {error}. The console has the details.")
            return {"CANCELLED"}
        return {"FINISHED"}
