"""Layfigure: videos, photographs and scans to animated characters. Package and extension."""

import tomllib
from pathlib import Path


def _version() -> str:
    """The manifest's: Blender reads it there, so everything else does, pip included."""
    manifest = Path(__file__).with_name("blender_manifest.toml")
    return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]


__version__ = _version()


def register() -> None:
    """Blender calls this when the extension is enabled."""
    from .addon import registration

    registration.register()


def unregister() -> None:
    """Blender calls this when the extension is disabled."""
    from .addon import registration

    registration.unregister()
