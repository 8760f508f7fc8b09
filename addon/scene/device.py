"""What Cycles computes on."""

from __future__ import annotations

import bpy

from ...engine.formats.errors import InputError

DEVICES = ("cpu", "gpu", "auto")
_KINDS = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")  # the first that finds a card is taken


def use_device(scene: bpy.types.Scene, device: str) -> str:
    """Let Cycles compute on the processor, on the graphics cards, or on them where there are any.

    Returns the kind of the cards, or "CPU". Raises InputError when cards are asked for and this
    Blender finds none.
    """
    kind = _use_cards() if device != "cpu" else None
    if device == "gpu" and kind is None:
        raise InputError(
            "Cycles finds no graphics card here.", "Use --device cpu, or install the card's driver."
        )
    scene.cycles.device = "GPU" if kind else "CPU"
    return kind or "CPU"


def _use_cards() -> str | None:
    """Switch on every card of the first kind that has one."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    for kind in _KINDS:
        try:
            preferences.compute_device_type = kind
        except TypeError:  # not among the choices of this build
            continue
        preferences.refresh_devices()
        cards = [device for device in preferences.devices if device.type == kind]
        if cards:
            for device in preferences.devices:
                device.use = device in cards
            return kind
    preferences.compute_device_type = "NONE"
    return None
