"""The fields of the panel that sees a body in a picture, besides those that it shares."""

import bpy

FIRST_LOOK = (
    ("auto", "Automatic", "At the person for the network that ships, at a grid for others"),
    ("mask", "Person", "At points on the person, by an outline that is found in the picture"),
    ("grid", "Grid", "At a grid over the whole crop, as the published PyMAF does"),
)


class PictureOptions:
    """Mixin of the scene's settings: what a network looks at, and how."""

    picture_source: bpy.props.StringProperty(
        name="Picture",
        description="A picture or a film with people. For a folder of pictures, open it and accept "
        "without choosing a file",
        subtype="FILE_PATH",
    )
    picture_refine: bpy.props.BoolProperty(
        name="Refine",
        description="Go on with a fit to the keypoints that starts from what the network saw: "
        "closer, with fingers and face, but slower",
    )
    picture_network: bpy.props.StringProperty(
        name="Network",
        description="A network of your own training, or an official checkpoint of PyMAF or SPIN. "
        "Empty: the one that ships",
        subtype="FILE_PATH",
    )
    picture_body: bpy.props.StringProperty(
        name="Body",
        description="The body that the network tells of: a registered name or a model file. "
        "Empty: the network knows it",
        subtype="FILE_PATH",
    )
    picture_points: bpy.props.EnumProperty(
        name="First Look", description="Where the network looks first", items=FIRST_LOOK
    )
    picture_suppress: bpy.props.BoolProperty(
        name="Ignore Background",
        description="Let nothing outside the person's outline count. Helps where the background "
        "confuses, harms where the outline misses a limb",
    )
    picture_outlines: bpy.props.StringProperty(
        name="Outlines",
        description="Where the outlines of people come from: the registered name or the file of a "
        "Segment Anything, or a folder that `layfigure masks save` wrote. Empty: they are found "
        "without",
        subtype="FILE_PATH",
    )
