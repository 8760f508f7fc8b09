"""The fields behind the folded options of a fit."""

import bpy

CAMERA_MOTIONS = (
    ("auto", "Auto", "Look at the background and decide"),
    ("fixed", "Fixed", "The camera stood still: on a tripod, or held with care"),
    ("moving", "Moving", "The camera turns or zooms; what it did is read off the background"),
)


class FitOptions:
    """Mixin of the scene's settings: what a fit may be told beyond its source."""

    body: bpy.props.StringProperty(
        name="Body",
        description="The body that is fitted: layfigure, or a model file that the engine knows",
        default="layfigure",
    )
    # ------------------------------------------------------------ people
    people_known: bpy.props.BoolProperty(
        name="Limit People", description="Fit only the people who are seen most"
    )
    people: bpy.props.IntProperty(
        name="People", description="How many people are fitted at most", default=1, min=1, max=99
    )
    independent: bpy.props.BoolProperty(
        name="Unrelated Pictures",
        description="Each picture shows another person: one body each, no motion between them",
    )
    # ------------------------------------------------------------ camera
    focal_known: bpy.props.BoolProperty(
        name="Known Focal Length",
        description="Give the focal length instead of having it read from the file or estimated",
    )
    focal: bpy.props.FloatProperty(
        name="Focal Length",
        description="Focal length in pixels (millimetres × picture width ÷ sensor width)",
        subtype="PIXEL",
        default=1200.0,
        min=10.0,
        soft_max=10000.0,
        precision=0,
        step=1000,
    )
    camera_motion: bpy.props.EnumProperty(
        name="Camera", description="Whether the camera moved while it filmed", items=CAMERA_MOTIONS
    )
    # ------------------------------------------------------------ pose prior
    prior: bpy.props.StringProperty(
        name="Prior",
        description="What tells likely poses from unlikely ones: layfigure, l2, angle, none, the "
        "name of a registered VPoser or GMM, a VPoser folder or a GMM file",
        default="layfigure",
        subtype="FILE_PATH",
    )
    config: bpy.props.StringProperty(
        name="SMPLify-X",
        description="A YAML file of SMPLify-X (fit_smplx.yaml and its like): fit by its stages and "
        "weights. Empty: Layfigure's own way, which is faster and more exact",
        subtype="FILE_PATH",
    )
    # ------------------------------------------------------------ hands and face
    hands: bpy.props.BoolProperty(
        name="Hands",
        description="Fit the fingers; without, they stay at rest and the fit is faster",
        default=True,
    )
    face: bpy.props.BoolProperty(
        name="Face",
        description="Fit jaw and expression; without, the face stays at rest",
        default=True,
    )
    # ------------------------------------------------------------ motion
    smooth: bpy.props.FloatProperty(
        name="Smoothing",
        description="How much a calm motion counts against the single frame: 1 is usual, 0 leaves "
        "every frame to itself, more is calmer and cuts off fast movements",
        default=1.0,
        min=0.0,
        max=10.0,
        soft_max=3.0,
    )
    collisions: bpy.props.BoolProperty(
        name="Avoid Collisions",
        description="Push arms and legs out of the body where they went into it. Takes longer",
    )
    # ------------------------------------------------------------ outputs
    texture: bpy.props.BoolProperty(
        name="Texture",
        description="Project the footage onto the body and bring it in with that texture; what the "
        "film never shows is filled in",
    )
    pc2: bpy.props.BoolProperty(
        name="Vertices",
        description="Also write the vertices of every frame as a point cache (PC2), which other "
        "programs and Blender's Mesh Cache can play",
    )
    legacy_output: bpy.props.BoolProperty(
        name="SMPLify-X Files",
        description="Also write folders and pickles as SMPLify-X does, for scripts that read them",
    )
