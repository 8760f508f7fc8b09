"""The add-on's preferences: which engine, how one is installed, the user's model files."""

import bpy

from ..panels.models import draw_models
from ..panels.setup import draw_engine, draw_install, draw_tail
from .engine_setup import ROOT
from .session import session


def _engine_changed(_self: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    session.engine_changed()


def _wishes_changed(_self: bpy.types.AddonPreferences, _context: bpy.types.Context) -> None:
    session.setup.wishes_changed()


class LayfigurePreferences(bpy.types.AddonPreferences):
    """What the user sets once."""

    bl_idname = ROOT

    engine_python: bpy.props.StringProperty(
        name="Engine Python",
        description="The Python, 3.11 or newer, that has the engine's libraries (torch and others)",
        subtype="FILE_PATH",
        update=_engine_changed,
    )
    own_python: bpy.props.StringProperty(
        name="Python",
        description="A Python, 3.11 or newer, in which you have installed the engine's libraries: "
        "the program python of an environment",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="What the engine computes on",
        items=(
            ("auto", "Automatic", "A GPU where there is one"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "CUDA", "A GPU of NVIDIA"),
            ("mps", "Metal", "A GPU of Apple"),
        ),
    )
    keep_running: bpy.props.BoolProperty(
        name="Go On When Blender Closes",
        description="The engine finishes the jobs that run or wait when Blender is closed; their "
        "results stand in the panel Jobs the next time",
        default=True,
    )
    torch_build: bpy.props.EnumProperty(
        name="Torch",
        description="Which build of torch is installed",
        items=(
            ("AUTO", "Automatic", "The right one for this computer"),
            ("CPU", "CPU", "Smaller; it computes on the processor"),
            ("CUDA", "CUDA", "Larger; it computes on a GPU of NVIDIA"),
        ),
        update=_wishes_changed,
    )
    base_python: bpy.props.StringProperty(
        name="Made With",
        description="Python 3.11 or 3.12 from which the engine's environment is made. "
        "Empty: one is found",
        subtype="FILE_PATH",
        update=_wishes_changed,
    )
    wheels: bpy.props.StringProperty(
        name="Wheels",
        description="A folder of wheels to install from, without the network. Empty: from PyPI",
        subtype="DIR_PATH",
        update=_wishes_changed,
    )
    show_check: bpy.props.BoolProperty(
        name="What the Engine Has", description="All that its last check has found"
    )
    show_install: bpy.props.BoolProperty(
        name="Install Engine", description="Let the add-on install an engine", default=True
    )
    show_choices: bpy.props.BoolProperty(
        name="Other Choices", description="Torch, base Python, a folder of wheels"
    )
    show_log: bpy.props.BoolProperty(name="Log", description="The last lines of the installation")
    show_models: bpy.props.BoolProperty(
        name="Your Model Files", description="Bodies, animals, priors and networks of others"
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what the session knows; nothing is looked up here."""
        draw_engine(self.layout, context, self)
        self.layout.prop(self, "keep_running")
        draw_install(self.layout, context, self)
        draw_models(self.layout, context, self)
        draw_tail(self.layout)
