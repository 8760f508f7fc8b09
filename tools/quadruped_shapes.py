"""The shape space: many animals on one mesh, and the directions in which they differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from quadruped_anatomy import anatomy
from quadruped_field import Field
from quadruped_measures import CAT, DOG, FAMILIES, MEAN, Measures, as_row, from_row, mixture
from quadruped_rig import joint_places

from layfigure.engine.geometry.mesh_clean import half_smoothing

SIZE_STEP = 0.1  # of the template's size in a unit of that direction
_SPREAD = {"dog": 0.1}  # breeds; other families' animals are more alike
_USUAL_SPREAD = 0.06
_TURNS = {"neck_angle": 6.0, "head_angle": 5.0, "tail_angle": 6.0}
_TURNS |= {"ear_angle": 14.0, "ear_turn": 8.0, "ear_bend": 12.0}
_DIGITS = 7
_THIN = 0.035  # radius


def _times(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(factor * v for v in values)


def leg_length(m: Measures, by: float) -> Measures:
    """Legs longer by a share."""
    return replace(m, leg=m.leg * (1 + by))


def girth(m: Measures, by: float) -> Measures:
    """A fatter trunk and neck; the back stays nearly as it is."""
    low = tuple(b - 0.5 * by * (t - b) for t, b in zip(m.top, m.bottom, strict=True))
    width, depth = m.neck_root
    return replace(
        m,
        wide=_times(m.wide, 1 + by),
        bottom=low,
        top=_times(m.top, 1 + 0.15 * by),
        neck_root=(width * (1 + 0.7 * by), depth * (1 + 0.4 * by)),
        stance=_times(m.stance, 1 + 0.4 * by),
    )


def neck_length(m: Measures, by: float) -> Measures:
    """A longer neck."""
    return replace(m, neck=m.neck * (1 + by))


def head_size(m: Measures, by: float) -> Measures:
    """All of the head but its ears larger."""
    names = ["head", "stop", "cheek", "eye", "nose"]
    pairs = ["skull", "muzzle_root", "muzzle_end", "jaw"]
    larger: dict = {name: getattr(m, name) * (1 + by) for name in names}
    larger |= {name: _times(getattr(m, name), 1 + by) for name in pairs}
    return replace(m, **larger, neck_end=_times(m.neck_end, 1 + 0.5 * by))


def ear_size(m: Measures, by: float) -> Measures:
    """Larger ears."""
    return replace(m, ear=m.ear * (1 + by), ear_wide=m.ear_wide * (1 + by))


def tail_length(m: Measures, by: float) -> Measures:
    """A longer tail."""
    return replace(m, tail=m.tail * (1 + by))


# How a named direction changes the mean animal, and by what share to either side.
CHANGES: dict[str, tuple[Callable[[Measures, float], Measures], float]] = {
    "leg_length": (leg_length, 0.16),
    "girth": (girth, 0.18),
    "neck_length": (neck_length, 0.25),
    "head_size": (head_size, 0.16),
    "ear_size": (ear_size, 0.25),
    "tail_length": (tail_length, 0.3),
}


@dataclass
class Template:
    """The left half of the mean animal's skin, which others are deformed from."""

    field: Field
    vertices: np.ndarray  # (V, 3), of a trunk of length 1
    faces: np.ndarray

    @property
    def rim(self) -> np.ndarray:
        """(V,) which vertices lie in the mirror."""
        return self.vertices[:, 1] == 0

    def deformed(self, other: Measures) -> tuple[np.ndarray, np.ndarray]:
        """Another animal on the same half mesh, its trunk of length 1, and its joints (J, 3)."""
        body = anatomy(other)
        field = Field(body)
        rim = self.rim
        smooth = half_smoothing(self.faces, len(self.vertices))
        thin = self.field.belonging(self.vertices) @ self.field.radii.numpy().min((1, 2))
        share = np.minimum(thin / _THIN, 1)[:, None]
        places = self.field.carry(self.vertices, field)
        for steps in (1, 1, 3):
            # What moves is smooth over the skin, so triangles stay in order. Thin ears are left
            # nearly as carried: a vertex must not come nearer to their other side.
            moved = places - self.vertices
            for _ in range(2):
                moved += share * (smooth @ moved - moved)
            moved[rim, 1] = 0
            places = field.project(self.vertices + moved, steps)
            places[rim, 1] = 0
        return np.round(places, _DIGITS), joint_places(body)


def animals(seed: int, each: int) -> tuple[list[Measures], np.ndarray]:
    """The families, `each` animals of every family, and some between; and each one's family.

    An animal between families is of family -1.
    """
    draw = np.random.default_rng(seed)
    found, family = list(FAMILIES.values()), list(range(len(FAMILIES)))
    for number, (name, typical) in enumerate(FAMILIES.items()):
        for _ in range(each):
            found.append(_individual(typical, _SPREAD.get(name, _USUAL_SPREAD), draw))
            family.append(number)
    for _ in range(3 * each):
        shares = draw.dirichlet(np.full(len(FAMILIES), 0.5))
        found.append(_individual(mixture(list(FAMILIES.values()), shares), 0.08, draw))
        family.append(-1)
    erect = replace(DOG, ear_angle=CAT.ear_angle, ear_bend=CAT.ear_bend, ear=0.14)
    return [*found, erect], np.array([*family, -1])


def _individual(typical: Measures, spread: float, draw: np.random.Generator) -> Measures:
    """An animal near a typical one; the numbers of one measure mostly grow together."""
    place, row = 0, as_row(typical)
    for name, value in vars(typical).items():
        count = len(value) if isinstance(value, tuple) else 1
        part = slice(place, place + count)
        place += count
        together, apart = draw.normal(), draw.normal(size=count)
        if name == "size":
            row[part] += 1.2 * spread * together
        elif name in _TURNS:
            row[part] += _TURNS[name] * together
        else:
            row[part] *= 1 + spread * (0.9 * together + 0.35 * apart).clip(-2, 2)
    return from_row(row)


@dataclass
class ShapeSpace:
    """Half meshes as template + betas of directions. Template and directions are in metres."""

    template: np.ndarray  # (V, 3)
    directions: np.ndarray  # (B, V, 3)

    def betas(self, halves: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """(N, B) of half meshes (N, V, 3) whose trunks have length 1, of animals' sizes."""
        offset = halves * sizes[:, None, None] - self.template
        basis = self.directions.reshape(len(self.directions), -1)
        return np.linalg.solve(basis @ basis.T, basis @ offset.reshape(len(offset), -1).T).T


def shape_space(base: Template, halves: np.ndarray, count: int) -> ShapeSpace:
    """Named directions, then components of how (N, V, 3) differ beyond these, `count` in all.

    One unit of a named direction is the change of `CHANGES`, of size `SIZE_STEP`; of a component
    the usual deviation among the animals.
    """
    named = []
    for change, by in CHANGES.values():
        more, less = (base.deformed(change(MEAN, sign * by))[0] for sign in (1, -1))
        named.append((more - less) / 2)
    named.append(SIZE_STEP * base.vertices)
    # In a mean animal's size; that larger animals have larger betas keeps the space linear.
    fixed = np.stack(named).reshape(len(named), -1)
    offsets = (halves - base.vertices).reshape(len(halves), -1)
    known = np.linalg.solve(fixed @ fixed.T, fixed @ offsets.T).T
    rest = offsets - known @ fixed
    values, vectors = np.linalg.eigh(rest @ rest.T)
    best = np.argsort(values)[::-1][: count - len(named)]
    found = (vectors[:, best].T @ rest) / np.sqrt(len(rest) - 1)
    signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(1)])
    directions = np.concatenate([fixed, found * signs[:, None]])
    shape = (len(directions), *base.vertices.shape)
    return ShapeSpace(MEAN.size * base.vertices, MEAN.size * directions.reshape(shape))
