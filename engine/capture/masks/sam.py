"""Segment Anything: masks of what is pointed at, by official weights of SAM or SAM 2."""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...bodies.sam_file import read_sam
from .prompt import Answer, Prompt
from .sam_weights import network_of

# What the networks have learned from: colours less their mean, by their spread, of 0..1.
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load_sam(path: str | os.PathLike, device: str = "cpu") -> Sam:
    """Segment Anything from an official checkpoint.

    Raises InputError as `read_sam` and `network_of`.
    """
    file = read_sam(path)
    return Sam(network_of(file), file.size.version, device)


class Sam:
    """Answers prompts; a picture that is asked about several times is looked at once."""

    def __init__(self, network: Any, version: int, device: str = "cpu") -> None:
        """network: transformers' SamModel (version 1) or Sam2Model (version 2)."""
        self.network = network.to(device)
        self.version, self.device = version, device
        self.side = int(self.network.config.prompt_encoder_config.image_size)  # px it is shown
        self._known: tuple[object, Any] = (None, None)

    @torch.inference_mode()
    def ask(self, picture: np.ndarray, prompt: Prompt) -> Answer:
        """The mask of the thing in `picture` (H, W, 3) uint8 RGB; of a part and the whole that a
        single point may mean, what the network is surest of.
        """
        size = self._shown(picture)
        told = self.network(
            image_embeddings=self._embedding(picture, size),
            multimask_output=prompt.ambiguous,
            **self._prompt(prompt, np.array(size) / picture.shape[1::-1]),
        )
        scores = told.iou_scores[0, 0]
        best = int(scores.argmax())
        logits = told.pred_masks[0, 0, best]
        mask = self._enlarged(logits, size, picture.shape[:2]) > 0
        return Answer(mask.cpu().numpy(), float(scores[best]), logits.float().cpu().numpy())

    def _shown(self, picture: np.ndarray) -> tuple[int, int]:
        """Width and height, px, at which the network is shown a picture."""
        if self.version == 2:
            return self.side, self.side
        height, width = picture.shape[:2]
        scale = self.side / max(height, width)
        return int(width * scale + 0.5), int(height * scale + 0.5)

    def _embedding(self, picture: np.ndarray, size: tuple[int, int]) -> Any:
        name = (picture.shape, zlib.crc32(picture.tobytes()))
        if self._known[0] != name:
            self._known = name, self.network.get_image_embeddings(self._pixels(picture, size))
        return self._known[1]

    def _pixels(self, picture: np.ndarray, size: tuple[int, int]) -> Tensor:
        """(1, 3, side, side): the picture made smaller or larger just as the authors do it."""
        if self.version == 1:
            image = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
            levels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
        else:
            levels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
            levels = functional.interpolate(
                levels, size[::-1], mode="bilinear", align_corners=False, antialias=True
            )
        mean, spread = (torch.tensor(numbers)[:, None, None] for numbers in (_MEAN, _SPREAD))
        pixels = (levels - mean) / spread
        beside, below = self.side - size[0], self.side - size[1]
        return functional.pad(pixels, (0, beside, 0, below)).to(self.device)

    def _prompt(self, prompt: Prompt, scale: np.ndarray) -> dict[str, Tensor]:
        """What transformers' networks take, in px of what they are shown."""
        if prompt.box is None and (prompt.points is None or not len(prompt.points)):
            raise ValueError("a prompt has a box or points")
        told = {}
        if prompt.box is not None:
            told["input_boxes"] = self._tensor(prompt.box.reshape(2, 2) * scale).reshape(1, 1, 4)
        if prompt.points is not None and len(prompt.points):
            told["input_points"] = self._tensor(prompt.points * scale)[None, None]
            assert prompt.labels is not None
            told["input_labels"] = torch.as_tensor(prompt.labels, device=self.device)[None, None]
        if prompt.mask is not None:
            told["input_masks"] = self._tensor(prompt.mask)[None, None]
        return told

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self.device)

    def _enlarged(self, logits: Tensor, size: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
        """The answer (h, w) at the picture's size (H, W)."""
        answer = logits[None, None].float()
        if self.version == 1:  # what was added below or beside the picture goes
            answer = _resized(answer, (self.side, self.side))[..., : size[1], : size[0]]
        return _resized(answer, shape)[0, 0]


def _resized(answer: Tensor, shape: tuple[int, ...]) -> Tensor:
    return functional.interpolate(answer, shape, mode="bilinear", align_corners=False)
