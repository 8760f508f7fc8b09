"""Moving vertices as shape keys."""

import bpy

from ..addon.scene.bake_cache import bake_cache, cache_of
from ..engine.formats.errors import InputError
from .base import LayfigureOperator

KINDS = (
    ("FRAMES", "Every Frame", "A shape key for each frame: exact, for short sequences"),
    (
        "COMPONENTS",
        "Components",
        "A few shape keys, mixed anew in each frame: light and nearly exact, for long sequences",
    ),
)


class LAYFIGURE_OT_bake_keys(LayfigureOperator, bpy.types.Operator):
    """Turn what the active mesh plays from a point cache into shape keys, which need no file and \
which other programs read"""

    bl_idname = "layfigure.bake_keys"
    bl_label = "Bake to Shape Keys"
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Keys", description="What the keys hold", items=KINDS)
    first: bpy.props.IntProperty(
        name="First Frame", description="The first frame to bake", subtype="TIME"
    )
    last: bpy.props.IntProperty(
        name="Last Frame", description="The last frame to bake", subtype="TIME"
    )
    components: bpy.props.IntProperty(
        name="Components",
        description="How many shape keys; the report says how many millimetres are lost",
        default=50,
        min=1,
        soft_max=200,
    )
    most: bpy.props.IntProperty(
        name="Most Frames",
        description="More frames than these are refused: each is a whole shape key, and playing "
        "gets slow and heavy with hundreds",
        default=120,
        min=1,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The active mesh plays a cache."""
        thing = context.view_layer.objects.active
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
        elif cache_of(thing) is None or not thing.data.polygons:
            cls.poll_message_set("Select a mesh that plays a point cache")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask how; the frames are those of the scene."""
        self.first, self.last = context.scene.frame_start, context.scene.frame_end
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        """What matters for the kind that is chosen."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "kind", expand=True)
        layout.prop(self, "first")
        layout.prop(self, "last")
        layout.prop(self, "most" if self.kind == "FRAMES" else "components")

    def run(self, context: bpy.types.Context) -> None:
        """Bake, and say how exact it is."""
        scene, named = context.scene, self.properties.is_property_set
        first = self.first if named("first") else scene.frame_start
        last = self.last if named("last") else scene.frame_end
        frames = range(first, last + 1)
        if not frames:
            raise InputError(f"Frames {first} to {last} are none.", "Turn them around.")
        if self.kind == "FRAMES" and len(frames) > self.most:
            raise InputError(
                f"{len(frames)} frames are more shape keys than {self.most}.",
                "Choose Components, or bake a shorter range.",
            )
        thing = context.view_layer.objects.active
        residual = bake_cache(
            context, thing, frames, self.components if self.kind == "COMPONENTS" else 0
        )
        done = f"{len(thing.data.shape_keys.key_blocks) - 1} shape keys for {len(frames)} frames"
        if residual is not None:
            done += (
                f", {residual.mean_mm:.2f} mm off in the mean, {residual.worst_mm:.1f} mm at worst"
            )
        self.report({"INFO"}, done)
