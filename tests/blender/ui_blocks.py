"""Measures, inside a Blender on a screen, how long its main thread is away."""

import sys
import time

import bpy


class Blocks:
    """How long Blender's main thread was away: a timer of 10 ms that notes when it came late, and
    a look at how long the add-on itself held it in its timer, its panels and its import.

    What the story does in that thread, such as taking pictures, is not counted.
    """

    PERIOD = 0.01

    def __init__(self, addon, story_seconds):
        self._story_seconds = story_seconds  # [by the wall, of computing], which the story adds to
        self.gaps, self.work, self.ours = [], [], {}
        self._last, self._story = (time.perf_counter(), time.thread_time()), list(story_seconds)
        self._timer = self._tick  # Blender knows it by the object: a method is a new one
        bpy.app.timers.register(self._timer, persistent=True)
        modules, kinds = sys.modules, []
        session = modules[f"{addon}.addon.session"].session
        self._wrapped = [(session, "drain", session.drain)]
        kinds += modules[f"{addon}.panels"].CLASSES
        kinds += [modules[f"{addon}.operators.import_job"].LAYFIGURE_OT_import_job]
        for kind in kinds:
            names = [name for name in ("draw", "modal", "invoke") if hasattr(kind, name)]
            self._wrapped += [(kind, name, getattr(kind, name)) for name in names]
        for owner, name, function in self._wrapped:
            setattr(owner, name, self._timed(function))

    def _timed(self, function):
        def timed(*args):
            began = time.thread_time()
            try:
                return function(*args)
            finally:
                took, name = time.thread_time() - began, function.__qualname__
                self.ours[name] = max(took, self.ours.get(name, 0.0))

        # Blender counts the names of a method's arguments
        return {
            "drain": lambda: timed(),
            "draw": lambda self, context: timed(self, context),
        }.get(function.__name__, lambda self, context, event: timed(self, context, event))

    def _tick(self):
        now = (time.perf_counter(), time.thread_time())
        gap, work = (
            new - old - (told_new - told_old)
            for new, old, told_new, told_old in zip(
                now, self._last, self._story_seconds, self._story, strict=True
            )
        )
        self.gaps.append(gap - self.PERIOD)
        self.work.append(work)
        self._last, self._story = now, list(self._story_seconds)
        return self.PERIOD

    def tell(self):
        """Stop, and tell in milliseconds: the longest gaps; the most that the thread computed from
        one tick to the next, without the waiting for a processor or for software that draws; of
        that the longest calls of the add-on."""
        bpy.app.timers.unregister(self._timer)
        for owner, name, function in self._wrapped:
            setattr(owner, name, function)
        gaps, work = (sorted(found, reverse=True)[:5] for found in (self.gaps, self.work))
        ours = sorted(self.ours.items(), key=lambda item: -item[1])
        return {
            "gaps_ms": [round(1000 * gap) for gap in gaps],
            "work_ms": [round(1000 * part) for part in work],
            "ours_ms": {name: round(1000 * took, 1) for name, took in ours[:6]},
        }
