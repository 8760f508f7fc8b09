"""Official weights of Segment Anything in the networks of the library transformers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...bodies.sam_file import SamFile, SamSize
from ...formats.errors import InputError

if TYPE_CHECKING:
    from transformers import Sam2Model, SamModel

_HEADS = r"(iou_prediction_head|pred_obj_score_head|output_hypernetworks_mlps\.\d)"
# Official names to those of transformers, one after the other. Both versions share the prompts'
# and the masks' half of the network but for the names of some layers.
_SHARED = (
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"\bnorm(\d)\.", r"layer_norm\1."),
    (r"\bnorm_final_attn\.", "layer_norm_final_attn."),
    (r"\bpe_layer\.positional_encoding_gaussian_matrix$", "shared_embedding.positional_embedding"),
    (r"\bpoint_embeddings\.", "point_embed."),
    *(
        (rf"\bmask_downscaling\.{index}\.", f"mask_embed.{name}.")
        for index, name in enumerate(
            ("conv1", "layer_norm1", "", "conv2", "layer_norm2", "", "conv3")
        )
        if name
    ),
    (r"\boutput_upscaling\.0\.", "upscale_conv1."),
    (r"\boutput_upscaling\.1\.", "upscale_layer_norm."),
    (r"\boutput_upscaling\.3\.", "upscale_conv2."),
    (rf"\b{_HEADS}\.layers\.0\.", r"\1.proj_in."),
    (rf"\b{_HEADS}\.layers\.1\.", r"\1.layers.0."),
    (rf"\b{_HEADS}\.layers\.2\.", r"\1.proj_out."),
)
_SAM = (
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    *(
        (rf"^image_encoder\.neck\.{index}\.", f"vision_encoder.neck.{name}.")
        for index, name in enumerate(("conv1", "layer_norm1", "conv2", "layer_norm2"))
    ),
    (r"^image_encoder\.", "vision_encoder."),
)
_SAM2 = (
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^sam_(prompt_encoder|mask_decoder)\.", r"\1."),
    (r"\bmlp\.layers\.0\.", "mlp.proj_in."),
    (r"\bmlp\.layers\.1\.", "mlp.proj_out."),
    (r"\bout_proj\.", "o_proj."),
    (r"^no_mem_embed$", "no_memory_embedding"),
)
# The matrix that places are told by stands twice in transformers' networks.
_PLACES = "prompt_encoder.shared_embedding.positional_embedding"
_PICTURE_PLACES = "shared_image_embedding.positional_embedding"


def network_of(file: SamFile) -> SamModel | Sam2Model:
    """The network with the weights of `file`, on the CPU, ready to evaluate.

    Raises InputError for tensors that the network lacks, or of another shape than its own.
    """
    with torch.device("meta"):  # the file's own tensors become the network's
        network = empty_network(file.size)
    weights = renamed(file.state, file.size.version)
    own = network.state_dict()
    for name in sorted(own.keys() ^ weights.keys()):
        raise InputError(
            f"{file.path}: {name} is {'in' if name in weights else 'missing from'} it."
        )
    for name, tensor in weights.items():
        if tensor.shape != own[name].shape:
            raise InputError(f"{file.path}: {name} is {_by(tensor)}, not {_by(own[name])}.", _HINT)
    network.load_state_dict(weights, assign=True)
    return network.eval().requires_grad_(False)


_HINT = "This is another network than the published ones; give one of those."


def renamed(state: dict[str, Tensor], version: int) -> dict[str, Tensor]:
    """The tensors of an official checkpoint of SAM or SAM 2 by transformers' names."""
    rules = _SHARED + (_SAM if version == 1 else _SAM2)
    weights = {}
    for name, tensor in state.items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        weights[name] = tensor
    if _PLACES in weights:
        weights[_PICTURE_PLACES] = weights[_PLACES]
    kinds = [name for name in weights if re.match(r"prompt_encoder\.point_embed\.\d\.", name)]
    if version == 2 and kinds:  # transformers holds the four kinds of points as one table
        table = torch.cat([weights.pop(name) for name in sorted(kinds)])
        weights["prompt_encoder.point_embed.weight"] = table
    return weights


def empty_network(size: SamSize) -> SamModel | Sam2Model:
    """A network of this size, with no weights yet. Raises InputError without transformers."""
    try:
        import transformers
    except ImportError as error:
        raise InputError(
            f"Segment Anything's networks cannot be loaded ({error}).",
            'Install them with pip install "layfigure[masks]".',
        ) from error
    if size.version == 1:
        vision = transformers.SamVisionConfig(
            hidden_size=size.width,
            num_hidden_layers=sum(size.stages),
            num_attention_heads=size.heads,
            global_attn_indexes=list(size.far),
            window_size=size.windows[0],
        )
        return transformers.SamModel(transformers.SamConfig(vision_config=vision.to_dict()))
    widths = [size.width << stage for stage in range(len(size.stages))]
    trunk = transformers.Sam2HieraDetConfig(
        hidden_size=size.width,
        num_attention_heads=size.heads,
        blocks_per_stage=list(size.stages),
        embed_dim_per_stage=widths,
        num_attention_heads_per_stage=[size.heads << stage for stage in range(len(size.stages))],
        window_size_per_stage=list(size.windows),
        global_attention_blocks=list(size.far),
        window_positional_embedding_background_size=[size.background] * 2,
    )
    vision2 = transformers.Sam2VisionConfig(
        backbone_config=trunk.to_dict(), backbone_channel_list=widths[::-1]
    )
    return transformers.Sam2Model(transformers.Sam2Config(vision_config=vision2.to_dict()))


def _by(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
