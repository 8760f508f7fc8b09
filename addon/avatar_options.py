"""The fields from scans to an avatar and its poses."""

import bpy

UPS = (
    ("auto", "Automatic", "Found by the scans' own shape"),
    *((name, name.upper(), f"The person stands along {name.upper()}") for name in ("y", "z", "x")),
    *((f"-{name}", f"-{name.upper()}", f"Head down along {name.upper()}") for name in "yzx"),
)
UNITS = (
    ("auto", "Automatic", "Found by the person's height"),
    ("m", "Metres", ""),
    ("cm", "Centimetres", ""),
    ("mm", "Millimetres", ""),
    ("in", "Inches", ""),
)
TRAINING_PRESETS = (
    ("quick", "Quick", "Minutes on a processor: small networks"),
    ("paper", "Paper", "As published: large networks. Wants a GPU"),
)
TRAINING_METHODS = (
    ("scanimate", "Implicit Surface", "SCANimate: one closed surface, a mesh that moves"),
    (
        *("scale", "Surface Elements"),
        "SCALE: dense oriented points, for clothes that a surface on the skeleton tears",
    ),
)


class AvatarOptions:
    """Mixin of the scene's settings: register scans, train, pose and rig an avatar."""

    # ------------------------------------------------------------ register
    scan_source: bpy.props.StringProperty(
        name="Scans",
        description="A scan (.ply .obj .glb .stl .off) or a folder of scans of one person: for a "
        "folder, open it and accept without choosing a file",
        subtype="FILE_PATH",
    )
    scan_poses: bpy.props.StringProperty(
        name="Poses",
        description="A folder with the pose of each scan (npz or pkl), where they are known. "
        "Empty: those beside the scans, and where there are none they are found",
        subtype="DIR_PATH",
    )
    scan_up: bpy.props.EnumProperty(
        name="Up", description="The axis of the scans that points up", items=UPS
    )
    scan_unit: bpy.props.EnumProperty(
        name="Unit", description="What the scans' numbers mean", items=UNITS
    )
    # ------------------------------------------------------------ train
    scans: bpy.props.StringProperty(
        name="Scans",
        description="A folder of registered scans; a registration that ends fills it in. "
        "Empty: the example that comes with Layfigure",
        subtype="DIR_PATH",
    )
    training_method: bpy.props.EnumProperty(
        name="Method", description="What the avatar is made of", items=TRAINING_METHODS
    )
    training_preset: bpy.props.EnumProperty(
        name="Preset", description="How the avatar is trained", items=TRAINING_PRESETS
    )
    steps_known: bpy.props.BoolProperty(
        name="Steps",
        description="Train a number of steps of your own: fewer are quicker and rougher",
    )
    training_steps: bpy.props.IntProperty(
        name="Steps",
        description="How many steps the training takes",
        default=500,
        min=1,
        soft_max=20000,
    )
    colour: bpy.props.BoolProperty(
        name="Colour", description="Learn the colours of the scans as well", default=True
    )
    avatar_name: bpy.props.StringProperty(
        name="Name", description="Name of the avatar's folder. Empty: after the scans"
    )
    # ------------------------------------------------------------ pose and rig
    avatar: bpy.props.StringProperty(
        name="Avatar",
        description="The folder of a trained avatar; a training that ends fills it in",
        subtype="DIR_PATH",
    )
    avatar_motion: bpy.props.StringProperty(
        name="Motion",
        description="A motion (npz of AMASS or of a fit, pkl of AIST++, BVH), or a folder of "
        "poses: for a folder, open it and accept without choosing a file",
        subtype="FILE_PATH",
    )
    remesh: bpy.props.BoolProperty(
        name="Mesh Every Frame",
        description="Extract a new surface in every frame, as in the paper: slower and larger, but "
        "clothes that touch come apart again",
    )
    density: bpy.props.FloatProperty(
        name="Density",
        description="How many points an avatar of surface elements gets, times its usual number",
        default=1.0,
        min=0.1,
        max=50.0,
    )
    correctives: bpy.props.IntProperty(
        name="Correctives",
        description="How many shape keys put right what bones alone cannot do",
        default=8,
        min=0,
        max=64,
    )
