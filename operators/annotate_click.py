"""Keypoints of an animal set by clicking, one name after the other."""

import bpy

from ..addon.scene import annotate
from ..engine.formats.errors import InputError
from .annotate import AnnotateOperator

_KEYS = "H: hidden here   S: skip   Backspace: back   Esc: done"


class LAYFIGURE_OT_annotate_point(AnnotateOperator, bpy.types.Operator):
    """Click on each keypoint that this frame lacks, in the order of the list. The header says which
    is next"""

    bl_idname = "layfigure.annotate_point"
    bl_label = "Click Keypoints"
    bl_options = {"REGISTER", "UNDO"}

    keypoint: bpy.props.StringProperty(
        name="Keypoint", description="Empty: the first that is not set", options={"SKIP_SAVE"}
    )
    place: bpy.props.FloatVectorProperty(
        name="Place", description="In pixels of the film from its top left", size=2
    )
    hidden: bpy.props.BoolProperty(
        name="Hidden", description="The point is there but cannot be seen", options={"SKIP_SAVE"}
    )

    def run(self, context: bpy.types.Context) -> None:
        """Set one keypoint."""
        clip = annotate.clip_in(context)
        frame = self.film_frame(context, clip)
        left = [self.keypoint] if self.keypoint else annotate.unset_at(clip, frame)
        if not left:
            raise InputError("All keypoints of this frame are set.", "Drag those that are wrong.")
        annotate.set_point(clip, left[0], frame, self.place, self.hidden)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Wait for clicks in the Clip Editor at hand."""
        space = context.space_data
        if not annotate.in_clip_editor(context):
            self.report({"ERROR"}, "Click keypoints in the Clip Editor.")
            return {"CANCELLED"}
        clip = space.clip
        space.mode = "TRACKING"
        self._frame = annotate.film_frame(clip, context.scene.frame_current)
        try:
            self._names = annotate.unset_at(clip, self._frame)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not self._names:
            self.report({"INFO"}, "All keypoints of this frame are set. Drag those that are wrong.")
            return {"CANCELLED"}
        self._next, self._clip = 0, clip
        context.window_manager.modal_handler_add(self)
        self._tell(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """A click sets the next keypoint; the wheel and the middle button move the view."""
        if context.area is None or event.type in ("ESC", "RET", "RIGHTMOUSE"):
            return self._end(context)
        if event.value != "PRESS" or event.type not in ("LEFTMOUSE", "H", "S", "BACK_SPACE"):
            return {"PASS_THROUGH"}
        if annotate.film_frame(self._clip, context.scene.frame_current) != self._frame:
            return self._end(context)  # the film went on
        if event.type == "BACK_SPACE":
            self._next = max(self._next - 1, 0)
            annotate.clear_point(self._clip, self._names[self._next], self._frame)
        elif event.type == "S":
            self._next += 1
        else:
            place = self._place(context, event)
            if place is None:  # a button of the sidebar
                self._end(context)
                return {"FINISHED", "PASS_THROUGH"}
            self._set(place, event.type == "H")
        if self._next == len(self._names):
            return self._end(context)
        self._tell(context)
        return {"RUNNING_MODAL"}

    def _set(self, place: annotate.Point, hidden: bool) -> None:
        name = self._names[self._next]
        annotate.set_point(self._clip, name, self._frame, place, hidden)
        for track in annotate.require_animal(self._clip).tracks:
            track.select = track.name == name
        self._next += 1

    def _place(self, context: bpy.types.Context, event: bpy.types.Event) -> annotate.Point | None:
        """Where in the film the mouse is; None outside of the picture's region."""
        x, y = event.mouse_x, event.mouse_y
        under = [
            region
            for region in context.area.regions
            if 0 <= x - region.x < region.width and 0 <= y - region.y < region.height
        ]
        if [region.type for region in under] != ["WINDOW"]:  # the sidebar lies over the picture
            return None
        (region,) = under
        u, v = region.view2d.region_to_view(x - region.x, y - region.y)
        width, height = self._clip.size
        return u * width, (1 - v) * height

    def _tell(self, context: bpy.types.Context) -> None:
        count = f"{self._next + 1} of {len(self._names)}"
        text = f"Click on: {self._names[self._next]} ({count})   {_KEYS}"
        context.area.header_text_set(text)
        context.area.tag_redraw()

    def _end(self, context: bpy.types.Context) -> set[str]:
        if context.area is not None:
            context.area.header_text_set(None)
            context.area.tag_redraw()
        return {"FINISHED"}
