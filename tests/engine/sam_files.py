"""Official checkpoints of Segment Anything as their names and shapes are published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from layfigure.engine.bodies.sam_file import SIZES, SamSize

Shapes = dict[str, tuple[int, ...]]


def size(name: str) -> SamSize:
    return next(one for one in SIZES if one.name == name)


def official_shapes(one: SamSize) -> Shapes:
    """Every tensor that a single picture needs, by its official name."""
    made = _image1(one) if one.version == 1 else _image2(one)
    prefix = "" if one.version == 1 else "sam_"
    made |= {f"{prefix}prompt_encoder.{k}": v for k, v in _prompts().items()}
    return made | {f"{prefix}mask_decoder.{k}": v for k, v in _masks(one.version).items()}


def write_checkpoint(path: Path, shapes: Shapes, seed: int | None = None) -> Path:
    """A file of these tensors: zeros that take no room, or with a seed random ones."""
    state = {name: torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    if seed is not None:
        draw = torch.Generator().manual_seed(seed)
        for name, shape in shapes.items():
            fan = max(int(torch.tensor(shape[1:]).prod()), 1) if len(shape) > 1 else 1
            state[name] = torch.randn(shape, generator=draw) / fan**0.5
            if "norm" in name and name.endswith("weight"):
                state[name] = torch.ones(shape)
    torch.save(state if path.suffix == ".pth" else {"model": state}, path)
    return path


def _linear(name: str, out: int, into: int, *kernel: int) -> Shapes:
    return {f"{name}.weight": (out, into, *kernel), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _image1(one: SamSize) -> Shapes:
    wide = one.width
    made = {"pos_embed": (1, 64, 64, wide), **_linear("patch_embed.proj", wide, 3, 16, 16)}
    for i in range(one.stages[0]):
        block, reach = f"blocks.{i}", 127 if i in one.far else 27
        made |= _norm(f"{block}.norm1", wide) | _norm(f"{block}.norm2", wide)
        made |= {f"{block}.attn.rel_pos_{a}": (reach, wide // one.heads) for a in "hw"}
        made |= _linear(f"{block}.attn.qkv", 3 * wide, wide)
        made |= _linear(f"{block}.attn.proj", wide, wide)
        made |= _linear(f"{block}.mlp.lin1", 4 * wide, wide)
        made |= _linear(f"{block}.mlp.lin2", wide, 4 * wide)
    made |= {"neck.0.weight": (256, wide, 1, 1), "neck.2.weight": (256, 256, 3, 3)}
    made |= _norm("neck.1", 256) | _norm("neck.3", 256)
    return {f"image_encoder.{name}": shape for name, shape in made.items()}


def _image2(one: SamSize) -> Shapes:
    edge = one.windows[0]
    made = {
        "pos_embed": (1, one.width, one.background, one.background),
        "pos_embed_window": (1, one.width, edge, edge),
        **_linear("patch_embed.proj", one.width, 3, 7, 7),
    }
    for i, (into, wide) in enumerate(_widths(one)):
        block = f"blocks.{i}"
        made |= _norm(f"{block}.norm1", into) | _norm(f"{block}.norm2", wide)
        made |= _linear(f"{block}.attn.qkv", 3 * wide, into)
        made |= _linear(f"{block}.attn.proj", wide, wide)
        made |= _linear(f"{block}.mlp.layers.0", 4 * wide, wide)
        made |= _linear(f"{block}.mlp.layers.1", wide, 4 * wide)
        if into != wide:
            made |= _linear(f"{block}.proj", wide, into)
    encoder = {f"image_encoder.trunk.{name}": shape for name, shape in made.items()}
    for i in range(4):
        wide = one.width << (3 - i)
        encoder |= _linear(f"image_encoder.neck.convs.{i}.conv", 256, wide, 1, 1)
    return encoder | {"no_mem_embed": (1, 1, 256)}


def _widths(one: SamSize) -> Iterator[tuple[int, int]]:
    """Channels before and after every block: a stage widens in its first."""
    before = one.width
    for stage, count in enumerate(one.stages):
        for _ in range(count):
            yield before, one.width << stage
            before = one.width << stage


def _prompts() -> Shapes:
    made: Shapes = {"pe_layer.positional_encoding_gaussian_matrix": (2, 128)}
    made |= {f"point_embeddings.{i}.weight": (1, 256) for i in range(4)}
    made |= {f"{name}.weight": (1, 256) for name in ("not_a_point_embed", "no_mask_embed")}
    for i, out, into, kernel in ((0, 4, 1, 2), (3, 16, 4, 2), (6, 256, 16, 1)):
        made |= _linear(f"mask_downscaling.{i}", out, into, kernel, kernel)
    return made | _norm("mask_downscaling.1", 4) | _norm("mask_downscaling.4", 16)


def _masks(version: int) -> Shapes:
    first, second = ("lin1", "lin2") if version == 1 else ("layers.0", "layers.1")
    made: Shapes = {"iou_token.weight": (1, 256), "mask_tokens.weight": (4, 256)}
    for i in range(2):
        layer = f"transformer.layers.{i}"
        made |= _attention(f"{layer}.self_attn", 256)
        made |= _attention(f"{layer}.cross_attn_token_to_image", 128)
        made |= _attention(f"{layer}.cross_attn_image_to_token", 128)
        made |= _linear(f"{layer}.mlp.{first}", 2048, 256)
        made |= _linear(f"{layer}.mlp.{second}", 256, 2048)
        for n in range(1, 5):
            made |= _norm(f"{layer}.norm{n}", 256)
    made |= _attention("transformer.final_attn_token_to_image", 128)
    made |= _norm("transformer.norm_final_attn", 256)
    made |= {"output_upscaling.0.weight": (256, 64, 2, 2), "output_upscaling.0.bias": (64,)}
    made |= {"output_upscaling.3.weight": (64, 32, 2, 2), "output_upscaling.3.bias": (32,)}
    made |= _norm("output_upscaling.1", 64)
    for i in range(4):
        made |= _head(f"output_hypernetworks_mlps.{i}", 32)
    made |= _head("iou_prediction_head", 4)
    if version == 2:
        made |= _linear("conv_s0", 32, 256, 1, 1) | _linear("conv_s1", 64, 256, 1, 1)
        made |= {"obj_score_token.weight": (1, 256)} | _head("pred_obj_score_head", 1)
    return made


def _attention(name: str, inner: int) -> Shapes:
    made = _linear(f"{name}.out_proj", 256, inner)
    for part in "qkv":
        made |= _linear(f"{name}.{part}_proj", inner, 256)
    return made


def _head(name: str, out: int) -> Shapes:
    made = _linear(f"{name}.layers.0", 256, 256) | _linear(f"{name}.layers.1", 256, 256)
    return made | _linear(f"{name}.layers.2", out, 256)
