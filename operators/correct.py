"""Correct a fit by hand: its keypoints as tracks over the footage, and the fit again with them."""

from pathlib import Path

import bpy

from ..addon import clip_editor
from ..addon.requests import refit_request
from ..addon.scene.origin import clip_of, origin, origin_in
from ..addon.scene.tracks import keypoints_to_clip, read_changes
from ..engine.formats.corrections import save_corrections
from ..engine.formats.errors import InputError
from ..engine.formats.result import read_result
from .base import LayfigureOperator, engine_is_set, give


class LAYFIGURE_OT_keypoints_to_tracks(LayfigureOperator, bpy.types.Operator):
    """Show the keypoints that the body was fitted to as tracks over the footage, to drag, delete,
    disable or track again. Disabled ones are those that the detector itself doubts"""

    bl_idname = "layfigure.keypoints_to_tracks"
    bl_label = "Edit Keypoints"
    bl_options = {"REGISTER", "UNDO"}

    hands: bpy.props.BoolProperty(name="Hands", description="The points of the hands as well")
    face: bpy.props.BoolProperty(name="Face", description="The points of the face as well")
    start_over: bpy.props.BoolProperty(
        name="Start Over",
        description="Throw away what was changed and show the keypoints as they were detected",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a result to correct."""
        if origin_in(context) is None:
            cls.poll_message_set("Select a character that came from a fit")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Make the tracks and open them."""
        found = origin_in(context)
        result = read_result(found.folder)
        parts = ("body", *(["hands"] * self.hands), *(["face"] * self.face))
        clip = keypoints_to_clip(result, found.start_frame, parts, self.start_over)
        clip_editor.show(context, clip)


class LAYFIGURE_OT_refit(LayfigureOperator, bpy.types.Operator):
    """Fit again with the changed keypoints, starting from the last result, and put the new
    character in the place of the old one, which is hidden"""

    bl_idname = "layfigure.refit"
    bl_label = "Refit"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an engine, and there are tracks."""
        found = origin_in(context)
        if found is None or clip_of(found.folder) is None:
            cls.poll_message_set("Press Edit Keypoints first")
            return False
        return engine_is_set(cls)

    def run(self, context: bpy.types.Context) -> None:
        """Write down what changed and give the job to the engine."""
        clip = clip_of(origin_in(context).folder)
        found = origin(clip)
        result = read_result(found.folder)
        change = read_changes(clip, result)
        if not len(change.corrections.frame):
            raise InputError(
                "No keypoint was changed.", "Drag, delete or track some again, then press Refit."
            )
        path = Path(found.folder) / "corrections.npz"
        try:
            save_corrections(path, change.corrections)
        except OSError as error:
            raise InputError(
                f"{path}: it cannot be written ({error.strerror or error}).",
                "Copy the result folder to a place where you may write.",
            ) from error
        arrival = {"replaces": found.folder, "start_frame": found.start_frame}
        self.report({"INFO"}, told(change.moved, change.deleted, change.added))
        give("refit", refit_request(Path(found.folder), path), True, arrival)


def told(moved: int, deleted: int, added: int) -> str:
    """The changes in words."""
    counts = ((moved, "moved"), (deleted, "deleted"), (added, "added"))
    return "Keypoints " + ", ".join(f"{what}: {count}" for count, what in counts if count)
