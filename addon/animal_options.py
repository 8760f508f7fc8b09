"""The fields of the panel that fits an animal, besides those that it shares."""

import bpy


class AnimalOptions:
    """Mixin of the scene's settings: what an animal is fitted to, and how."""

    animal_annotations: bpy.props.StringProperty(
        name="Points",
        description="The annotations of the film: what Export Annotations wrote, or files of an "
        "animal data set. For a folder, open it and accept without choosing a file",
        subtype="FILE_PATH",
    )
    animal_body: bpy.props.StringProperty(
        name="Animal",
        description="What is fitted: quadruped, the name of a registered SMAL file, or the file of "
        "a rigged animal",
        default="quadruped",
        subtype="FILE_PATH",
    )
    animal_family: bpy.props.StringProperty(
        name="Family",
        description="The kind of the animal: cat, dog, horse, cow and so on. Empty: all are tried "
        "and the one that fits best is taken",
    )
    animal_frames: bpy.props.StringProperty(
        name="Frames",
        description="First and last frame, counted from 0, as in 20:80. Empty: from the first "
        "annotated one to the last",
    )
    animal_silhouettes: bpy.props.BoolProperty(
        name="Silhouettes",
        description="Fit to the outlines as well, where some frames have one",
        default=True,
    )
    animal_limbs: bpy.props.BoolProperty(
        name="Limb Scales",
        description="Let legs, tail and ears be longer or thicker by themselves",
        default=True,
    )
    animal_legacy: bpy.props.BoolProperty(
        name="SMALify Files",
        description="Also write a folder a frame with picture, pickle and mesh, as SMALify does",
    )
    animal_effort: bpy.props.FloatProperty(
        name="Effort",
        description="Share of the usual steps: 0.3 is a quick look, 1 the whole fit",
        default=1.0,
        min=0.05,
        soft_max=2.0,
        max=10.0,
    )
