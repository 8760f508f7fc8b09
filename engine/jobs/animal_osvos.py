"""Silhouettes by OSVOS, for those who have its weights, instead of those carried along the flow."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from ..capture.animals.annotations import read_annotations
from ..capture.video import Excerpt, Footage
from ..fitting.clip import choose_device
from ..formats.animal_clip import AnimalClip
from ..formats.errors import InputError
from ..progress import Progress
from ..regression.osvos import OsvosNetwork
from ..regression.osvos_checkpoint import load_osvos
from ..regression.osvos_clip import PRESETS, Preset, outline_certainty, probabilities, teach
from .animal_params import AnimalFitParams
from .training_folder import training_folder


@dataclass
class OsvosJob:
    """What is needed to replace a clip's masks, checked before the long work begins."""

    params: AnimalFitParams
    footage: Footage
    network: OsvosNetwork
    drawn: dict[int, np.ndarray]  # (H, W) bool by the footage's frame number
    folder: Path  # of the training
    shares = (0.8, 0.1)  # of the work, by that of the fit: the teaching, the masks

    @property
    def preset(self) -> Preset:
        """How long it is taught."""
        preset = PRESETS[self.params.osvos_preset]
        return replace(preset, steps=self.params.osvos_steps or preset.steps)

    def with_masks(self, clip: AnimalClip, progress: Progress) -> AnimalClip:
        """The clip with OSVOS's masks in all frames but those whose mask was drawn.

        Begins two parts of `progress`. Raises InputError where no frame of the clip has a drawn
        mask, or the teaching fails.
        """
        rows = {number: row for row, number in enumerate(clip.frame_ids.tolist())}
        drawn = {rows[number]: mask for number, mask in self.drawn.items() if number in rows}
        if not drawn:
            raise InputError(
                f"{self.params.annotations}: no mask is drawn in the frames "
                f"{clip.frame_ids[0]} to {clip.frame_ids[-1]}; OSVOS learns from one or more.",
                f"Drawn are {min(self.drawn)} to {max(self.drawn)}.",
            )
        device = choose_device(self.params.device)
        excerpt = Excerpt(self.footage, int(clip.frame_ids[0]), int(clip.frame_ids[-1]))
        self._teach(excerpt, drawn, device, progress)
        progress.begin(len(clip), "Masks by OSVOS")
        masks, confidence = list(clip.masks), clip.mask_confidence.copy()
        told = probabilities(self.network, excerpt, self.preset.longest, device)
        for row, probability in enumerate(told):
            if row not in drawn:
                mask = _mask(probability, clip.size)
                masks[row] = mask
                confidence[row] = 0 if mask is None else outline_certainty(probability)
            progress.tick()
        return replace(clip, masks=masks, mask_confidence=confidence)

    def forget(self) -> None:
        """Delete what was learned."""
        shutil.rmtree(self.folder)

    def _teach(
        self, excerpt: Footage, drawn: dict[int, np.ndarray], device: str, progress: Progress
    ) -> None:
        """Teach the network the rows of `excerpt` that are drawn."""
        known = {row: (frame, drawn[row]) for row, frame in enumerate(excerpt) if row in drawn}
        folder = training_folder(self.folder, self._settings(drawn))
        seed = self.params.seed
        trained = teach(
            self.network, known, self.preset, folder, progress, device=device, seed=seed
        )
        if trained.stopped == "diverged":
            self.forget()
            raise InputError(
                f"{self.params.osvos}: OSVOS does not learn this clip, its loss grew without end.",
                "Fit without --osvos.",
            )

    def _settings(self, drawn: dict[int, np.ndarray]) -> dict[str, object]:
        asked = {"source", "osvos", "osvos_preset", "osvos_steps", "seed"}
        digest = hashlib.sha256()
        for row, mask in sorted(drawn.items()):
            digest.update(f"{row} {mask.shape}".encode() + np.packbits(mask).tobytes())
        return self.params.model_dump(mode="json", include=asked) | {"masks": digest.hexdigest()}


def osvos_job(params: AnimalFitParams, checkpoint: Path, footage: Footage, out: Path) -> OsvosJob:
    """What `params` ask of OSVOS for the result `out`.

    What is learned lies beside the result, in OUT.osvos. Raises InputError for an unusable
    checkpoint, and annotations without a mask.
    """
    if not params.silhouettes:
        raise InputError(
            "OSVOS makes silhouettes, and the fit is asked to leave them out.",
            "Drop --osvos or --no-silhouettes.",
        )
    masks = read_annotations(params.annotations, footage).masks
    drawn = {number: mask for number, mask in masks.items() if mask.any()}
    if not drawn:
        raise InputError(
            f"{params.annotations}: no mask is drawn; OSVOS learns from one or more.",
            "Draw the animal's outline in a frame, or fit without --osvos.",
        )
    folder = out.with_name(f"{out.name}.osvos")
    return OsvosJob(params, footage, load_osvos(checkpoint), drawn, folder)


def _mask(probability: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """(H, W) bool of the clip's size; None where the animal was not found."""
    mask = cv2.resize(probability, size, interpolation=cv2.INTER_LINEAR) > 0.5
    return mask if mask.any() else None
