"""In a real Blender with the zip installed: off and on twice, import, export; no engine."""

import sys
from pathlib import Path

import bpy

# The repository that it came from is in the name: user_default for a zip from the disk.
(ADDON,) = (a.module for a in bpy.context.preferences.addons if a.module.endswith(".layfigure"))


def left() -> list[str]:
    """What of the add-on Blender still knows."""
    found = [name for name in dir(bpy.types) if name.startswith("LAYFIGURE_")]
    found += [name for name in dir(bpy.types.Scene) if name.startswith("layfigure")]
    found += [name for name in dir(bpy.ops.layfigure)]
    session = sys.modules[f"{ADDON}.addon.session"].session
    if bpy.app.timers.is_registered(session._tick):
        found.append("timer")
    for handlers in (bpy.app.handlers.load_post, bpy.app.handlers.save_pre):
        found += [str(h) for h in handlers if h.__module__.startswith(ADDON)]
    for menu in (bpy.types.TOPBAR_MT_file_import, bpy.types.TOPBAR_MT_file_export):
        found += [f.__name__ for f in menu.draw._draw_funcs if f.__module__.startswith(ADDON)]
    return found


for _ in range(2):
    assert left(), "nothing is registered"
    bpy.ops.preferences.addon_disable(module=ADDON)
    assert left() == [], left()
    bpy.ops.preferences.addon_enable(module=ADDON)
assert not bpy.ops.layfigure.fit_body.poll(), "no engine is set"
assert "torch" not in sys.modules

result, fbx = (Path(name) for name in sys.argv[sys.argv.index("--") + 1 :])
bpy.ops.layfigure.import_result(directory=str(result))
assert [thing.type for thing in bpy.context.scene.objects].count("ARMATURE") == 1
for preset in ("GENERIC", "UNREAL", "UNITY"):
    bpy.ops.layfigure.export_fbx(filepath=str(fbx), preset=preset)
    assert fbx.stat().st_size > 100_000
    fbx.unlink()
print("check_extension: ok")
