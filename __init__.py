"""Layfigure: videos, photographs and scans to animated characters. Package and extension."""

__version__ = "0.1.0"


def register() -> None:
    """Blender calls this when the extension is enabled."""
    from .addon import registration

    registration.register()


def unregister() -> None:
    """Blender calls this when the extension is disabled."""
    from .addon import registration

    registration.unregister()
