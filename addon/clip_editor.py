"""Show a movie clip to the person at the screen."""

import contextlib

import bpy

_SHARE = 0.62  # of the 3D view: the film needs more room than the character


def show(context: bpy.types.Context, clip: bpy.types.MovieClip) -> None:
    """Put `clip` into a Clip Editor: the one that is open, else one beside the 3D view.

    It happens a moment later, since Blender does not like an editor to change under the button that
    was just pressed. Without a window nothing happens.
    """
    if bpy.app.background or context.window is None:
        return
    window, name = context.window.as_pointer(), clip.name

    def begin() -> None:
        found = next((w for w in _windows() if w.as_pointer() == window), None)
        shown = bpy.data.movieclips.get(name)
        if found is not None and shown is not None:
            _open(found, shown)

    bpy.app.timers.register(begin, first_interval=0.01)


def go_to(context: bpy.types.Context, frame: int) -> None:
    """Show a frame of the timeline; Clip Editors do not hear of it by themselves."""
    context.scene.frame_set(frame)
    for area in context.screen.areas if context.screen is not None else ():
        if area.type == "CLIP_EDITOR":
            area.spaces.active.clip_user.frame_current = frame


def _windows() -> list[bpy.types.Window]:
    return list(bpy.context.window_manager.windows)


def _open(window: bpy.types.Window, clip: bpy.types.MovieClip) -> None:
    areas = list(window.screen.areas)
    area = next((area for area in areas if area.type == "CLIP_EDITOR"), None) or _split(window)
    space = area.spaces.active
    space.clip, space.mode, space.view = clip, "TRACKING", "CLIP"
    # boxes tell left and right by their colour; with search areas and paths 25 of them would hide
    # the person
    space.show_marker_pattern, space.show_names, space.show_disabled = True, True, True
    space.show_marker_search = space.show_track_path = False
    space.show_region_ui, space.show_region_toolbar = True, False
    pointer = area.as_pointer()

    def fit() -> None:  # a new area has its size only after Blender has drawn it
        for shown in _windows():
            for found in shown.screen.areas:
                if found.as_pointer() == pointer and found.type == "CLIP_EDITOR":
                    region = next(region for region in found.regions if region.type == "WINDOW")
                    with bpy.context.temp_override(window=shown, area=found, region=region):
                        bpy.ops.clip.view_all(fit_view=True)

    bpy.app.timers.register(fit, first_interval=0.2)


def _split(window: bpy.types.Window) -> bpy.types.Area:
    """A part of the largest 3D view, or of the largest area, becomes a Clip Editor."""
    areas = list(window.screen.areas)
    views = [area for area in areas if area.type == "VIEW_3D"] or areas
    view = max(views, key=lambda area: area.width * area.height)
    with bpy.context.temp_override(window=window, area=view), contextlib.suppress(RuntimeError):
        # too small a window cannot be split; then the area itself is taken
        bpy.ops.screen.area_split(direction="VERTICAL", factor=_SHARE)
    halves = [view, *(area for area in window.screen.areas if area not in areas)]
    larger = max(halves, key=lambda area: area.width)
    larger.type = "CLIP_EDITOR"
    for area in halves:
        if area.type == "VIEW_3D":  # its sidebar would hide what is left of it
            area.spaces.active.show_region_ui = False
    return larger
