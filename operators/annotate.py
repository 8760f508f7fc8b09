"""Annotate an animal in a film: start, set and hide keypoints, silhouettes, to a file and back.

Every operator runs from a script as well: frames are the film's, counted from 0, and places px from
its top left. Without a frame it is the one shown now.
"""

import json
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ..addon import clip_editor
from ..addon.annotate_options import LISTS, names_in
from ..addon.scene import annotate
from ..addon.scene.annotate_file import (
    annotated_frames,
    clip_of_film,
    export_annotations,
    import_annotations,
)
from ..addon.scene.annotate_mask import (
    choose_silhouette,
    hull_silhouette,
    set_silhouette,
    silhouette_frames,
)
from ..engine.formats.errors import InputError
from .base import LayfigureOperator

_NOW = -1  # the frame that is shown


class NeedsAnimal(LayfigureOperator):
    """Mixin: only where an animal is annotated."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is one."""
        if annotate.animal_of(annotate.clip_in(context)) is None:
            cls.poll_message_set("Press Start Annotating first")
            return False
        return True


class AnnotateOperator(NeedsAnimal):
    """Mixin: does something in one frame of an annotated animal."""

    frame: bpy.props.IntProperty(
        name="Frame",
        description="The film's frame, counted from 0; -1: the one shown",
        default=_NOW,
        min=_NOW,
        options={"SKIP_SAVE"},
    )

    def film_frame(self, context: bpy.types.Context, clip: bpy.types.MovieClip) -> int:
        """The film's frame that is meant."""
        if self.frame != _NOW:
            return self.frame
        return annotate.film_frame(clip, context.scene.frame_current)


class LAYFIGURE_OT_annotate_start(LayfigureOperator, bpy.types.Operator):
    """Make a track for each keypoint of the animal in the film of the Clip Editor, or in the film
    that is chosen"""

    bl_idname = "layfigure.annotate_start"
    bl_label = "Start Annotating"
    bl_options = {"REGISTER", "UNDO"}

    film: bpy.props.StringProperty(
        name="Film", description="Empty: the clip of the Clip Editor", subtype="FILE_PATH"
    )
    animal: bpy.props.StringProperty(
        name="Animal", description="What the animal is called", default="animal"
    )
    points: bpy.props.EnumProperty(name="Keypoints", description="Which points it has", items=LISTS)
    body: bpy.props.StringProperty(
        name="Body", description="The file whose keypoints are taken", subtype="FILE_PATH"
    )

    def run(self, context: bpy.types.Context) -> None:
        """Make them and open the clip."""
        names = names_in(self.points, bpy.path.abspath(self.body))
        opened = context.space_data.clip if annotate.in_clip_editor(context) else None
        if opened is None and not self.film:
            raise InputError("No film is chosen.", "Choose the film of the animal.")
        film = bpy.path.abspath(self.film).rstrip("/\\")
        clip = opened or clip_of_film(film)
        annotate.begin(clip, self.animal, names)
        context.scene.frame_end = max(context.scene.frame_end, clip.frame_duration)
        clip_editor.show(context, clip)


class LAYFIGURE_OT_annotate_hide(AnnotateOperator, bpy.types.Operator):
    """Mark the selected keypoints as hidden in this frame: they are kept in the file but do not
    count. Dragging one, or pressing this with Alt, shows it again"""

    bl_idname = "layfigure.annotate_hide"
    bl_label = "Hide Keypoints"
    bl_options = {"REGISTER", "UNDO"}

    keypoint: bpy.props.StringProperty(
        name="Keypoint", description="Empty: the selected ones", options={"SKIP_SAVE"}
    )
    hidden: bpy.props.BoolProperty(
        name="Hidden",
        description="The point cannot be seen in this frame; off: it can",
        default=True,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Alt shows again."""
        self.hidden = not event.alt
        return self.execute(context)

    def run(self, context: bpy.types.Context) -> None:
        """Disable the markers."""
        clip = annotate.clip_in(context)
        tracks = annotate.require_animal(clip).tracks
        names = [self.keypoint] if self.keypoint else [t.name for t in tracks if t.select]
        if not annotate.hide_points(clip, self.film_frame(context, clip), names, self.hidden):
            raise InputError("No keypoint is selected.", "Click on one first.")


class LAYFIGURE_OT_annotate_copy(AnnotateOperator, bpy.types.Operator):
    """Set the keypoints that this frame lacks where they are in the annotated frame before it"""

    bl_idname = "layfigure.annotate_copy"
    bl_label = "Copy Previous"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> None:
        """Copy them."""
        clip = annotate.clip_in(context)
        frame = self.film_frame(context, clip)
        source = annotate.neighbour(annotate.keyed_frames(clip), frame, -1)
        if source is None:
            raise InputError("No frame before this one has keypoints.", "Set them by clicking.")
        count = annotate.copy_points(clip, source, frame)
        self.report({"INFO"}, f"{count} keypoints copied from frame {source}")


class LAYFIGURE_OT_annotate_jump(AnnotateOperator, bpy.types.Operator):
    """Go to the annotated frame before or after this one"""

    bl_idname = "layfigure.annotate_jump"
    bl_label = "Jump to Annotated Frame"
    bl_options = {"REGISTER"}

    step: bpy.props.IntProperty(
        name="Step",
        description="1: the next annotated frame; -1: the one before",
        default=1,
        min=-1,
        max=1,
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> None:
        """Show it."""
        clip = annotate.clip_in(context)
        frames = annotated_frames(clip)
        found = annotate.neighbour(frames, self.film_frame(context, clip), self.step or 1)
        if found is None:
            where = "after" if self.step >= 0 else "before"
            raise InputError(f"No frame {where} this one is annotated.", "")
        clip_editor.go_to(context, annotate.scene_frame(clip, found))


class LAYFIGURE_OT_annotate_silhouette(AnnotateOperator, bpy.types.Operator):
    """Edit the outline of the animal in this frame; a new one is round, about its keypoints. Drag
    its points, add one with Ctrl and a click"""

    bl_idname = "layfigure.annotate_silhouette"
    bl_label = "Silhouette Here"
    bl_options = {"REGISTER", "UNDO"}

    outline: bpy.props.StringProperty(
        name="Outline",
        description="JSON list of its corners [[x, y], …] in pixels of the film from its top left, "
        "which takes the place of what is there",
        options={"SKIP_SAVE"},
    )

    def run(self, context: bpy.types.Context) -> None:
        """Make it where there is none, and show it."""
        clip = annotate.clip_in(context)
        frame = self.film_frame(context, clip)
        if self.outline:
            set_silhouette(clip, frame, [_corners(self.outline)])
        elif frame not in silhouette_frames(clip):
            hull_silhouette(clip, frame)
        mask = choose_silhouette(clip, frame)
        if annotate.in_clip_editor(context):
            space = context.space_data
            space.mode, space.mask = "MASK", mask


def _corners(text: str) -> np.ndarray:
    try:
        corners = np.array(json.loads(text), np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"The outline is no JSON list of corners ({error}).", _CORNERS) from error
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise InputError(f"The outline has corners {corners.shape}, not (N, 2).", _CORNERS)
    return corners


class LAYFIGURE_OT_annotate_export(NeedsAnimal, ExportHelper, bpy.types.Operator):
    """Write the annotated frames as COCO's keypoints (JSON)"""

    bl_idname = "layfigure.annotate_export"
    bl_label = "Export Annotations"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask where to; at first beside the .blend, else beside the film."""
        clip = annotate.clip_in(context)
        film = Path(bpy.path.abspath(clip.filepath))
        beside = Path(bpy.data.filepath or film).parent
        name = bpy.path.clean_name(f"{film.stem}_{annotate.require_animal(clip).name}")
        self.filepath = str(beside / f"{name}.json")
        return ExportHelper.invoke(self, context, event)

    def run(self, context: bpy.types.Context) -> None:
        """Write it."""
        path = bpy.path.abspath(self.filepath)
        count = export_annotations(annotate.clip_in(context), path)
        frames = "1 frame" if count == 1 else f"{count} frames"
        self.report({"INFO"}, f"Wrote {frames} to {path}")


class LAYFIGURE_OT_annotate_import(LayfigureOperator, ImportHelper, bpy.types.Operator):
    """Read annotations (COCO's keypoints, JSON) of the film in the Clip Editor, else of the film
    that the file names"""

    bl_idname = "layfigure.annotate_import"
    bl_label = "Import Annotations"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})

    def run(self, context: bpy.types.Context) -> None:
        """Read it and open the clip."""
        opened = context.space_data.clip if annotate.in_clip_editor(context) else None
        clip, left_out = import_annotations(bpy.path.abspath(self.filepath), opened)
        if left_out:
            self.report(
                {"WARNING"}, f"{left_out} silhouettes are run lengths, which cannot be edited"
            )
        clip_editor.show(context, clip)


_CORNERS = "Give [[x, y], …] with at least three."
