"""Options of a fit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FitOptions:
    """What the user may choose about a fit."""

    focal: float | None = None  # px; None = what the footage says, else estimated
    independent: bool = False  # unrelated pictures: one body, shape and camera each
    hands: bool = True  # fit fingers where they are seen
    face: bool = True  # fit jaw and expression where the face is seen
    smooth: float = 1.0  # strength of the temporal terms
    collisions: bool = False  # push limbs out of the body they sink into
    device: str = "auto"  # auto, cpu, cuda, mps
