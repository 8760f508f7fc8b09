"""The feet of a motion that was brought onto another skeleton: they stand as the source's do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .foot_contacts import FootOptions, contacts, skate
from .foot_lock import Leg, bend, corrections
from .retarget_maths import leg_length
from .retarget_rig import Rig, Sampled

_STANDS = 0.25  # of a leg: at rest its feet are so near to the object's origin, or hang in the air


@dataclass
class Wanted:
    """How the target's bones are to stand: (T, 3, 3) and (T, 3) by our names, world axes."""

    turns: dict[str, np.ndarray]
    across: np.ndarray  # (3, 3) from the way that the source faces to the target's
    places: dict[str, np.ndarray] = field(default_factory=dict)


def ankle_height(rest: dict[str, np.ndarray], rig: Rig) -> float | None:
    """Metres of the ankles above the floor at rest; None for a rest that does not stand on it."""
    height = min(rest["foot_L"][2], rest["foot_R"][2]) - rig.origin[2]
    return float(height) if abs(height) < _STANDS * leg_length(rest) else None


def keep_feet(
    motion: Wanted,
    ours: Rig,
    sampled: Sampled,
    theirs: Rig,
    fps: float,
    lock: FootOptions | None,
) -> tuple[float, float, float]:
    """Hold the feet while the source's stand, unless `lock` is None.

    Returns millimetres a frame that feet slide meanwhile: of the source, without the lock, with it.
    """
    feet = lock or FootOptions()
    slid = np.zeros((2, 3))
    for k, side in enumerate("LR"):
        joints = [slot for slot in (f"foot_{side}", f"toes_{side}") if slot in ours.row]
        seen = sampled.places[:, [ours.row[slot] for slot in joints]]
        standing = contacts(seen, fps, feet)
        slid[k, 0] = skate(seen, standing)
        slid[k, 1] = slid[k, 2] = skate(_shown(motion, joints), standing[:, : len(joints)])
        if lock is not None:
            if standing.shape[1] == 1:
                standing = np.hstack([standing, np.zeros_like(standing)])
            _lock(motion, side, standing, lock, _floor(theirs, side))
            slid[k, 2] = skate(_shown(motion, joints), standing[:, : len(joints)])
    before, unlocked, after = slid.mean(0)
    return float(before), float(unlocked), float(after)


def _shown(motion: Wanted, joints: Sequence[str]) -> np.ndarray:
    """(T, N, 3) where the joints are; a toe that the target has not is its ankle."""
    ankle = motion.places[joints[0]]
    return np.stack([motion.places.get(slot, ankle) for slot in joints], 1)


def _floor(theirs: Rig, side: str) -> float | None:
    """World height of the ball, or the ankle, of a foot that stands; None where no rest tells."""
    rest = theirs.rest()
    if ankle_height(rest, theirs) is None:
        return None
    return float(rest.get(f"toes_{side}", rest[f"foot_{side}"])[2])


def _lock(
    motion: Wanted, side: str, standing: np.ndarray, feet: FootOptions, floor: float | None
) -> None:
    """Bend a leg so that its foot stands still, and never sinks."""
    thigh, shin, foot, toes = (f"{stem}_{side}" for stem in ("thigh", "shin", "foot", "toes"))
    at, turns = motion.places, motion.turns
    leg = Leg(at[thigh], at[shin], at[foot], at.get(toes), turns[thigh], turns[shin], turns[foot])
    offsets = corrections(leg, standing, feet, floor)
    bent = bend(leg, leg.ankle + offsets)
    moved = (np.linalg.norm(offsets, axis=1) > 1e-7)[:, None]
    at[shin], at[foot] = (
        np.where(moved, bent.knee, leg.knee),
        np.where(moved, bent.ankle, leg.ankle),
    )
    if leg.ball is not None and bent.ball is not None:
        at[toes] = np.where(moved, bent.ball, leg.ball)
    turns[thigh] = np.where(moved[:, None], bent.thigh, leg.thigh)
    turns[shin] = np.where(moved[:, None], bent.shin, leg.shin)
