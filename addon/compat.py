"""The one place that knows how Blender 4.2 to 5.x differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

BLENDER_5 = bpy.app.version >= (5, 0, 0)
EEVEE = "BLENDER_EEVEE" if BLENDER_5 else "BLENDER_EEVEE_NEXT"


def new_action(datablock: bpy.types.ID, name: str) -> bpy.types.Action:
    """A new action that animates `datablock` from now on."""
    action = bpy.data.actions.new(name)
    datablock.animation_data_create().action = action
    return action


def refresh_action(datablock: bpy.types.ID) -> None:
    """Let Blender see the curves that the action of `datablock` was given since it got it."""
    animation = datablock.animation_data
    slot = getattr(animation, "action_slot", None)  # 4.4 on
    animation.action = animation.action
    if slot is not None:
        animation.action_slot = slot


def new_fcurve(datablock: bpy.types.ID, path: str, index: int, group: str) -> bpy.types.FCurve:
    """An empty curve for one channel in the action of `datablock`."""
    action = datablock.animation_data.action
    if BLENDER_5:
        return action.fcurve_ensure_for_datablock(datablock, path, index=index, group_name=group)
    if not hasattr(action, "fcurve_ensure_for_datablock"):  # 4.2, 4.3: no slots
        return action.fcurves.new(path, index=index, action_group=group)
    curve = action.fcurve_ensure_for_datablock(datablock, path, index=index)
    curve.group = action.groups.get(group) or action.groups.new(group)
    return curve


def fcurves(datablock: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The curves that animate `datablock`."""
    return list(_owner_of_curves(datablock) or ())


def remove_fcurve(datablock: bpy.types.ID, path: str) -> None:
    """Take the curves of `path`, one for each of its components, away from `datablock`."""
    curves = _owner_of_curves(datablock)
    for curve in [curve for curve in curves or () if curve.data_path == path]:
        curves.remove(curve)


def _owner_of_curves(datablock: bpy.types.ID) -> Any:
    """The collection that holds the curves of `datablock`, None without any."""
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return None
    if not BLENDER_5:
        return animation.action.fcurves
    from bpy_extras import anim_utils

    bag = anim_utils.action_get_channelbag_for_slot(animation.action, animation.action_slot)
    return bag.fcurves if bag else None


def share_action(source: bpy.types.ID, copy: bpy.types.ID, action: bpy.types.Action) -> None:
    """Let `copy` play `action`, itself a copy of the one that `source` plays."""
    animation = copy.animation_data_create()
    animation.action = action
    if hasattr(animation, "action_slot"):  # 4.4 on
        handle = source.animation_data.action_slot_handle
        animation.action_slot = next(s for s in action.slots if s.handle == handle)


def set_film_output(render: bpy.types.RenderSettings) -> None:
    """H.264 in an mp4 file, by Blender's own FFmpeg."""
    if BLENDER_5:
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    render.image_settings.color_mode = "RGB"
    render.ffmpeg.format = "MPEG4"
    render.ffmpeg.codec = "H264"
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.ffmpeg.audio_codec = "NONE"


def set_still_output(
    render: bpy.types.RenderSettings, exr: bool = False, transparent: bool = False
) -> None:
    """PNG pictures, or OpenEXR ones of 16 bits."""
    settings = render.image_settings
    if BLENDER_5:
        settings.media_type = "IMAGE"
    settings.file_format = "OPEN_EXR" if exr else "PNG"
    settings.color_mode = "RGBA" if transparent else "RGB"
    if exr:
        settings.color_depth, settings.exr_codec = "16", "ZIP"


def compositor(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, Any]:
    """An empty compositor tree for `scene`, and the socket that takes the final picture."""
    if BLENDER_5:
        tree = bpy.data.node_groups.new(f"{scene.name} film", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        return tree, tree.nodes.new("NodeGroupOutput").inputs[0]
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    return tree, tree.nodes.new("CompositorNodeComposite").inputs["Image"]


def alpha_over(tree: bpy.types.NodeTree, opacity: float = 1.0) -> tuple[Any, Any, Any]:
    """A node that lays a picture over another: its sockets background, foreground, result."""
    node = tree.nodes.new("CompositorNodeAlphaOver")
    pictures = [socket for socket in node.inputs if socket.type == "RGBA"]
    next(socket for socket in node.inputs if socket.type == "VALUE").default_value = opacity
    return pictures[0], pictures[1], node.outputs[0]


def fit_to_render_size(tree: bpy.types.NodeTree) -> tuple[Any, Any]:
    """A node that scales a picture to the render size: its sockets in and out."""
    node = tree.nodes.new("CompositorNodeScale")
    if hasattr(node, "space"):
        node.space, node.frame_method = "RENDER_SIZE", "STRETCH"
    else:
        node.inputs["Type"].default_value = "Render Size"
        node.inputs["Frame Type"].default_value = "Stretch"
    return node.inputs["Image"], node.outputs[0]


def use_nodes(material: bpy.types.Material | bpy.types.World) -> None:
    """Give `material` its node tree; from 5.0 it always has one."""
    if not BLENDER_5:
        material.use_nodes = True


def set_input(modifier: bpy.types.NodesModifier, name: str, value: Any) -> None:
    """Give the input `name` of a modifier's node group a value."""
    owner, key = _input(modifier, name)
    if isinstance(owner, bpy.types.NodesModifier):
        owner[key] = value
    else:
        setattr(owner, key, value)


def set_menu(
    modifier: bpy.types.NodesModifier, name: str, labels: Sequence[str], number: int
) -> None:
    """Choose the item `number` of the input `name`, a menu that shows `labels`."""
    owner, _ = _input(modifier, name)
    numbered = isinstance(owner, bpy.types.NodesModifier)
    set_input(modifier, name, number if numbered else labels[number])


def menu(modifier: bpy.types.NodesModifier, name: str, labels: Sequence[str]) -> int:
    """The number of the item that is chosen."""
    owner, key = _input(modifier, name)
    chosen = owner[key] if isinstance(owner, bpy.types.NodesModifier) else owner.value
    return labels.index(chosen) if isinstance(chosen, str) else chosen


def draw_input(layout: bpy.types.UILayout, modifier: bpy.types.NodesModifier, name: str) -> None:
    """The field of the input `name`."""
    owner, key = _input(modifier, name)
    path = f'["{key}"]' if isinstance(owner, bpy.types.NodesModifier) else key
    layout.prop(owner, path, text=name)


def _input(modifier: bpy.types.NodesModifier, name: str) -> tuple[Any, str]:
    """Who holds the input `name`, and under which key: from 5.2 no longer the modifier itself."""
    key = next(
        item.identifier
        for item in modifier.node_group.interface.items_tree
        if item.item_type == "SOCKET" and item.in_out == "INPUT" and item.name == name
    )
    if hasattr(modifier, "properties"):
        return getattr(modifier.properties.inputs, key), "value"
    return modifier, key


def denoise(scene: bpy.types.Scene) -> None:
    """Let Cycles clean its pictures where this build of Blender has the denoiser."""
    try:
        scene.cycles.denoiser = "OPENIMAGEDENOISE"
    except TypeError:  # not among the choices of this build
        scene.cycles.use_denoising = False
        return
    scene.cycles.use_denoising = True


def call(operator: Any, **options: Any) -> set[str]:
    """Run `operator` with those of the `options` that it has in this Blender."""
    known = operator.get_rna_type().properties
    return operator(**{name: value for name, value in options.items() if name in known})
