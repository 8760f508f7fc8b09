"""The networks of SCALE: a U-Net gives each pixel of a positional map a feature, a decoder makes
the points of the pixel's patch from it.

B poses, R pixels a side, C channels of a feature, M pixels, N points of each. Names and shapes of
parameters are those of the published checkpoints.
"""

from __future__ import annotations

import math
from itertools import repeat

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import ScaleConfig
from .norm import NormedSoftplus

_PIECE = 4096  # points that the decoder evaluates at once: what it makes stays in the cache


def pq_grid(config: ScaleConfig) -> Tensor:
    """Places (N, 2) of a patch's points on its unit square, p slow; N is a square number."""
    side = math.isqrt(config.npoints)
    if config.pq_include_end:
        line = torch.linspace(config.pqmin, config.pqmax, side)
    else:
        line = torch.linspace(config.pqmin, config.pqmax, side + 1)[:-1]
    return torch.cartesian_prod(line, line)


def uv_grid(size: int) -> Tensor:
    """Row and column (size², 2) of each pixel, 0 to 1 both included."""
    line = torch.linspace(0, 1, size)
    return torch.cartesian_prod(line, line)


def latent_code(config: ScaleConfig) -> nn.Embedding:
    """The outfit's code (1, latent_size), the same for every pose; it is kept in the unit ball."""
    code = nn.Embedding(1, config.latent_size, max_norm=1.0)
    nn.init.normal_(code.weight, std=0.01 / math.sqrt(config.latent_size))
    return code


class ScaleNetwork(nn.Module):
    """U-Net and decoder."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.config = config
        self.unet = UNet(config)
        self.map2Dto3D = Decoder(config.pix_feat_dim + config.place_size, config.hsize)

    def features(self, posmap: Tensor, latent: Tensor) -> Tensor:
        """Features (B, C, R, R) of positional maps (B, 3, R, R); latent (B, Z) or (1, Z)."""
        return self.unet(posmap, latent.expand(len(posmap), -1))

    def forward(self, posmap: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals and normals (B, R², N, 3) of all pixels, in the frames of their triangles."""
        rows = self.features(posmap, latent).flatten(2).transpose(1, 2)  # (B, R², C)
        uv = uv_grid(self.config.img_size).to(rows).expand(len(rows), -1, -1)
        found = self.decode(rows.flatten(0, 1), uv.flatten(0, 1), pq_grid(self.config).to(rows))
        residual, normal = (x.unflatten(0, rows.shape[:2]) for x in found)
        return residual, normal

    def decode(self, features: Tensor, uv: Tensor, pq: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals and normals (M, N, 3): the places pq (N, 2) of each of M pixels.

        features (M, C), uv (M, 2): `uv_grid` of the pixels.
        """
        return self._decode(features, uv, pq[None])

    def decode_points(self, features: Tensor, uv: Tensor, pq: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals and normals (M, 3): one place pq (M, 2) in each of M pixels, as `decode`."""
        residual, normal = self._decode(features, uv, pq[:, None])
        return residual[:, 0], normal[:, 0]

    def _decode(self, features: Tensor, uv: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """(M, N, 3) for places (M, N, 2), or (1, N, 2) for those of every pixel."""
        pixels = torch.cat([features, self._place(uv)], dim=-1)[:, None]
        if self.training:  # normalised over all points
            return self.map2Dto3D(pixels, places)
        some = max(1, _PIECE // places.shape[1])
        theirs = repeat(places) if len(places) == 1 else places.split(some)
        parts = [self.map2Dto3D(*both) for both in zip(pixels.split(some), theirs, strict=False)]
        residuals, normals = zip(*parts, strict=True)
        return torch.cat(residuals), torch.cat(normals)

    def _place(self, uv: Tensor) -> Tensor:
        """What the decoder is told of the pixel's place: (M, `place_size`)."""
        if not self.config.pos_encoding:
            return uv
        x = 2 * uv - 1
        blocks = [x] if self.config.posemb_incl_input else []
        for octave in range(self.config.num_emb_freqs):
            blocks += [(math.pi * 2**octave * x).sin(), (math.pi * 2**octave * x).cos()]
        return torch.cat(blocks, dim=-1)


class UNet(nn.Module):
    """Positional map to features; the outfit's code scales and shifts every level on the way up."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        levels = config.levels
        widths = [config.nf * min(2**level, 8) for level in range(levels)]
        self.down: list[str] = []
        self.up: list[str] = []
        for level, width in enumerate(widths):
            before = widths[level - 1] if level else 3
            self.down.append(f"conv{level + 1}")
            self.add_module(self.down[-1], _Down(before, width, level, levels))
        for step in range(1, levels):
            width = widths[levels - step]
            self.up.append(f"upconvC{step}" if step == levels - 1 else f"upconv{step}")
            up = _Up(width if step == 1 else 2 * width, widths[levels - step - 1], config)
            up.dropout = config.use_dropout and 1 < step < levels - 1
            self.add_module(self.up[-1], up)
        self.last = f"upconvC{levels}"
        self.add_module(self.last, _Last(2 * config.nf, config))

    def forward(self, posmap: Tensor, latent: Tensor) -> Tensor:
        """(B, C, R, R) of maps (B, 3, R, R) and codes (B, Z)."""
        x, skips = posmap, []
        for name in self.down:
            x = self.get_submodule(name)(x)
            skips.append(x)
        skips.pop()
        for name in self.up:
            x = torch.cat([self.get_submodule(name)(x, latent), skips.pop()], dim=1)
        return self.get_submodule(self.last)(x)


class _Down(nn.Module):
    """Half the size. The first level takes its input as it is; it and the last are not normed."""

    def __init__(self, inputs: int, outputs: int, level: int, levels: int) -> None:
        super().__init__()
        self.first = level == 0
        self.conv = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=False) if 0 < level < levels - 1 else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x if self.first else functional.leaky_relu(x, 0.2))
        return x if self.bn is None else self.bn(x)


def _doubling(inputs: int, outputs: int, config: ScaleConfig, bias: bool) -> nn.Module:
    if config.up_mode == "upconv":
        return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)
    larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    return nn.Sequential(larger, nn.Conv2d(inputs, outputs, 5, padding=2))


class _Up(nn.Module):
    """Twice the size."""

    def __init__(self, inputs: int, outputs: int, config: ScaleConfig) -> None:
        super().__init__()
        self.up = _doubling(inputs, outputs, config, bias=False)
        self.bn = _ConditionalNorm(outputs, config.latent_size)
        self.dropout = False

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        x = self.bn(self.up(x.relu()), latent)
        return functional.dropout(x, 0.5, self.training) if self.dropout else x


class _Last(nn.Module):
    """Twice the size: the features."""

    def __init__(self, inputs: int, config: ScaleConfig) -> None:
        super().__init__()
        self.up = _doubling(inputs, config.pix_feat_dim, config, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(x.relu())


class _ConditionalNorm(nn.Module):
    """Batch normalisation whose scale and shift follow from a code; at first they do nothing."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.conv_gamma, self.conv_beta = nn.Conv1d(code, channels, 1), nn.Conv1d(code, channels, 1)
        self.bn = nn.BatchNorm2d(channels, affine=False)
        for layer, value in ((self.conv_gamma, 1.0), (self.conv_beta, 0.0)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.get_parameter("bias"), value)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        scale, shift = (f(latent[..., None])[..., None] for f in (self.conv_gamma, self.conv_beta))
        return self.bn(x) * scale + shift


class Decoder(nn.Module):
    """Residual and normal of points, from what is known of the pixel and of the place in it.

    Layers are 1 x 1 convolutions by name only: points are rows. The first and the fifth layer see
    the input; what they make of a pixel is computed once for all its points.
    """

    def __init__(self, pixel: int, width: int) -> None:
        super().__init__()
        x = pixel + 2
        entering = {"1": x, "5": x + width, "8": width}
        for name in ("1", "2", "3", "4", "5", "6", "7", "8", "6N", "7N", "8N"):
            outputs = 3 if name[0] == "8" else width
            self.add_module(f"conv{name}", nn.Conv1d(entering.get(name, width), outputs, 1))
        for name in ("1", "2", "3", "4", "5", "6", "7", "6N", "7N"):
            self.add_module(f"bn{name}", NormedSoftplus(width))

    def forward(self, pixels: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals and normals (..., 3) of pixels (..., P) and places (..., 2).

        Their leading dimensions are broadcast: (M, 1, P) with (1, N, 2) are all pairs.
        """
        shape = torch.broadcast_shapes(pixels.shape[:-1], places.shape[:-1])
        inputs = pixels.shape[-1] + 2

        def seen(weight: Tensor, bias: Tensor | None = None) -> Tensor:
            """weight (width, P + 2) times the input, as rows."""
            of_pixel = functional.linear(pixels, weight[:, :-2], bias)
            return (of_pixel + functional.linear(places, weight[:, -2:])).flatten(0, -2)

        x = self._active("1", seen(*self._affine("1")))
        for name in ("2", "3", "4"):
            x = self._layer(name, x)
        weight, bias = self._affine("5")
        x = self._active("5", torch.addmm(seen(weight[:, :inputs], bias), x, weight[:, inputs:].T))
        residual, normal = (self._head(x, kind).view(*shape, 3) for kind in ("", "N"))
        return residual, normal

    def _head(self, x: Tensor, kind: str) -> Tensor:
        x = self._layer(f"7{kind}", self._layer(f"6{kind}", x))
        return functional.linear(x, *self._linear(f"8{kind}"))

    def _layer(self, name: str, x: Tensor) -> Tensor:
        return self._active(name, functional.linear(x, *self._affine(name)))

    def _affine(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight (width, inputs) and bias of a layer; with its normalisation once that is fixed."""
        layer = self._linear(name)
        return layer if self.training else self._norm(name).fold(*layer)

    def _linear(self, name: str) -> tuple[Tensor, Tensor]:
        layer = self.get_submodule(f"conv{name}")
        return layer.get_parameter("weight")[..., 0], layer.get_parameter("bias")

    def _active(self, name: str, x: Tensor) -> Tensor:
        return self._norm(name)(x) if self.training else functional.softplus(x)

    def _norm(self, name: str) -> NormedSoftplus:
        norm = self.get_submodule(f"bn{name}")
        assert isinstance(norm, NormedSoftplus)
        return norm
