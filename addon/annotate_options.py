"""The fields of the panel in which an animal is annotated."""

from pathlib import Path

import bpy

from ..engine.formats.animal_file import load_animal
from ..engine.formats.animal_names import ORDERS
from ..engine.formats.errors import InputError

LISTS = (
    ("stanfordextra", "Dog (24)", "Legs, tail, ears and face, as StanfordExtra has them"),
    ("animalkey", "Cow (30)", "Five points a leg, and head and trunk, as AnimalKey has them"),
    ("body", "Of a Body", "The keypoints of a body file, for example of your own rigged animal"),
)


class AnnotateOptions:
    """Mixin of the scene's settings: what is annotated."""

    annotate_film: bpy.props.StringProperty(
        name="Film",
        description="The film of the animal, or a folder with its pictures",
        subtype="FILE_PATH",
    )
    annotate_animal: bpy.props.StringProperty(
        name="Animal", description="What the animal is called in the file", default="animal"
    )
    annotate_list: bpy.props.EnumProperty(
        name="Keypoints", description="Which points are set in each frame", items=LISTS
    )
    annotate_body: bpy.props.StringProperty(
        name="Body", description="The npz file of the body", subtype="FILE_PATH"
    )


def names_in(choice: str, body: str) -> tuple[str, ...]:
    """The names of a list of LISTS. Raises InputError for a body file without keypoints."""
    if choice != "body":
        return ORDERS[choice]
    if not body:
        raise InputError("No body is chosen.", "Choose the npz file of the rigged animal.")
    names = load_animal(Path(body)).keypoint_names
    if not names:
        raise InputError(f"{body}: this body has no keypoints.", "Map some in its panel first.")
    return names
