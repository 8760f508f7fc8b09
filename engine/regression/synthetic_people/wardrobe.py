"""Anybody's looks: skins, hair and clothes by chance."""

from __future__ import annotations

import numpy as np

from .outfit import Garment, Logo, Outfit
from .pattern import Pattern, plain, random_colour, random_pattern

_SKINS = np.array([(0.96, 0.80, 0.70), (0.87, 0.66, 0.53), (0.66, 0.45, 0.33), (0.33, 0.20, 0.14)])
_HAIRS = np.array(
    [
        (0.07, 0.055, 0.05),
        (0.22, 0.13, 0.08),
        (0.45, 0.28, 0.15),
        (0.75, 0.6, 0.38),
        (0.6, 0.6, 0.6),
    ]
)


def random_outfit(
    eyes: np.ndarray, nose: np.ndarray, skirts: bool, rng: np.random.Generator
) -> Outfit:
    """Anybody's looks; `eyes` (2, 3) and `nose` (3,) at rest."""
    place = rng.random(3)
    between = rng.uniform(0, len(_SKINS) - 1)
    tone = _SKINS[int(between)]
    tone = tone + (between % 1) * (_SKINS[int(between) + 1] - tone)
    tone = np.clip(tone * rng.uniform(0.9, 1.08) + rng.normal(0, 0.015, 3), 0.05, 1)
    dye = _HAIRS[rng.integers(len(_HAIRS))] * rng.uniform(0.7, 1.2)
    hair = plain(random_colour(rng) if rng.random() < 0.05 else dye, 0.35, 0.03, place)
    bald, long = rng.random() < 0.08, rng.random() < 0.35
    line = (0.9, 0.0, 9.0) if bald else (rng.normal(0.745, 0.008), 1.15, 9.0)
    if long and not bald:
        line = (line[0], 1.3, rng.uniform(0.3, 0.54))
    outfit = Outfit(
        skin=plain(tone, 0.04, 0.15, place),
        hair=hair,
        hairline=np.array(line),
        bulk=rng.uniform(0.002, 0.035),
        beard=rng.uniform(0.3, 0.9) if not skirts and not long and rng.random() < 0.3 else 0.0,
        eyes=eyes,
        mouth=nose - (0, 0.037, 0.01),
        garments=[],
        logos=[],
        skirt=None,
        place=place,
    )
    _dress(outfit, skirts, rng)
    return outfit


def _dress(outfit: Outfit, skirts: bool, rng: np.random.Generator) -> None:
    """Clothes, from the legs up."""
    garments = outfit.garments
    waist = rng.uniform(0.02, 0.12)
    if rng.random() < 0.5:
        socks = random_pattern(rng, (0.03, 0.1))
        garments.append(Garment(-1.0, rng.uniform(-0.78, -0.5), socks, folds=0.1))
    suit = rng.random() < 0.12  # above and below of one cloth
    cloth = random_pattern(rng, (0.02, 0.3))
    below = random_pattern(rng, (0.02, 0.3), None if rng.random() < 0.35 else "plain")
    if rng.random() < 0.25:  # jeans
        below = plain(
            np.array([0.16, 0.22, 0.36]) * rng.uniform(0.5, 1.6), 0.15, 0.05, rng.random(3)
        )
    cuff = rng.choice((-0.82, -0.5, -0.3, -0.16), p=(0.62, 0.1, 0.2, 0.08)) + rng.normal(0, 0.02)
    loose = rng.random() ** 2
    thick, flare = 0.003 + 0.014 * loose, rng.random() * 0.04 * loose
    garments.append(Garment(cuff, waist, cloth if suit else below, 0.4, thick=thick, flare=flare))
    _shoes(garments, rng)
    if rng.random() > 0.03:
        _shirt(outfit, waist, cloth, rng)
    if skirts:
        hem = rng.uniform(-0.75, -0.15)
        outfit.skirt = hem, rng.uniform(0.02, 0.25), cloth if rng.random() < 0.5 else below
    if rng.random() < 0.06:
        garments.append(Garment(-1, 1, random_pattern(rng, (0.02, 0.1)), 1.0, 0.655))
    if rng.random() < 0.3 and not suit:
        _logo(outfit, rng)
    if rng.random() < 0.12:  # a hat is hair of another stuff
        outfit.hair, outfit.bulk = random_pattern(rng, (0.02, 0.2)), rng.uniform(0.01, 0.03)
        outfit.hairline = np.array([rng.uniform(0.71, 0.735), rng.uniform(0.0, 0.6), 9.0])


def _shoes(garments: list[Garment], rng: np.random.Generator) -> None:
    if rng.random() < 0.12:
        return
    top = rng.uniform(-0.85, -0.8) if rng.random() < 0.8 else rng.uniform(-0.8, -0.55)
    leather = random_pattern(rng, (0.05, 0.2), "plain" if rng.random() < 0.7 else None)
    garments.append(Garment(-1.0, top, leather, thick=rng.uniform(0.003, 0.012), folds=0.1))
    sole = plain(random_colour(rng), 0.05, 0.1, rng.random(3))
    garments.append(Garment(-1.0, -0.88, sole, thick=0.008, folds=0.0))


def _shirt(outfit: Outfit, waist: float, cloth: Pattern, rng: np.random.Generator) -> None:
    """A shirt, and over it now and then an open jacket."""
    sleeve = rng.choice((0.165, 0.34, 0.655), p=(0.15, 0.45, 0.4))
    sleeve += rng.normal(0, 0.03) if sleeve > 0.3 else 0.0
    hem = waist - rng.uniform(0.0, 0.16) if rng.random() < 0.8 else waist + rng.uniform(-0.02, 0.1)
    collar = (rng.uniform(0.0, 0.12), rng.uniform(0.04, 0.1))
    loose = rng.random() ** 2
    thick, flare = 0.003 + 0.016 * loose, rng.random() * 0.035 * loose
    outfit.garments.append(
        Garment(
            hem,
            rng.uniform(0.49, 0.53),
            cloth,
            min(sleeve, 0.67),
            dip=collar,
            thick=thick,
            flare=flare,
        )
    )
    if rng.random() < 0.2:
        coat = Garment(
            rng.uniform(-0.4, 0.0),
            0.52,
            random_pattern(rng, (0.02, 0.3)),
            rng.uniform(0.6, 0.67),
            dip=(1.0, rng.uniform(0.02, 0.09)),
            thick=thick + 0.01,
            flare=0.02,
        )
        outfit.garments.append(coat)


def _logo(outfit: Outfit, rng: np.random.Generator) -> None:
    half = rng.uniform(0.02, 0.11, 2)
    centre = np.array([rng.uniform(-0.06, 0.06), rng.uniform(0.18, 0.36)])
    kind = str(rng.choice(("plain", "blobs", "checks", "stripes")))
    outfit.logos.append(
        Logo(centre, half, bool(rng.random() < 0.75), random_pattern(rng, (0.02, 0.08), kind))
    )
