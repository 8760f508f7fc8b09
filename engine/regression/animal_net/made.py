"""Samples that are made, of the shipped quadruped: all of the truth comes with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ...progress import Progress
from ..synthetic.clip import SyntheticClip, make_picture
from .samples import (
    STORED_MARGIN,
    AnimalSamples,
    Seen,
    Truth,
    gather_samples,
    join_samples,
    read_samples,
    write_samples,
)

_PICTURE, _STORED = 176, 160  # px of a picture that is made, and of its crop that is kept
_SHARD = 500  # pictures of one file
_HIDDEN = 0.3  # what counts a keypoint that is there but not to be seen


def make_samples(seeds: Sequence[int], progress: Progress | None = None) -> AnimalSamples:
    """One picture for each seed. Ticks `progress` for each."""
    every, clips = [], []
    for seed in seeds:
        clip = make_picture(seed, _PICTURE)
        every.append(seen_of(clip, 0))
        clips.append(clip)
        if progress:
            progress.tick()
    samples = gather_samples(every, _STORED, STORED_MARGIN)
    samples.truth = Truth(
        betas=torch.from_numpy(np.stack([clip.betas for clip in clips])),
        limb_logscale=torch.from_numpy(np.stack([clip.limb_logscale for clip in clips])),
        pose=torch.from_numpy(np.concatenate([clip.pose for clip in clips])),
        transl=torch.from_numpy(np.concatenate([clip.transl for clip in clips])),
    )
    return samples


def kept_samples(folder: Path, first: int, count: int, progress: Progress) -> AnimalSamples:
    """`count` pictures of the seeds from `first`, those in `folder` read, the others made.

    Begins a part of `progress`. What is made stays in the folder for the next time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress.begin(count, "Making pictures")
    parts = []
    for start in range(first, first + count, _SHARD):
        seeds = range(start, min(start + _SHARD, first + count))
        path = folder / f"made_{seeds.start}_{seeds.stop}.npz"
        if path.is_file():
            parts.append(read_samples(path))
            progress.tick(advance=len(seeds))
            continue
        parts.append(make_samples(seeds, progress))
        temporary = path.with_name(f".{path.name}")
        write_samples(temporary, parts[-1])
        os.replace(temporary, path)
    return join_samples(parts)


def seen_of(clip: SyntheticClip, frame: int) -> Seen:
    """A frame of a clip that was made; hidden keypoints count a little, since they are known."""
    points = clip.keypoints[frame].copy()
    points[:, 2] = np.maximum(points[:, 2], _HIDDEN)
    mask = clip.masks[frame]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    low = np.array([columns[0], rows[0]])
    box = np.concatenate([low, [columns[-1] + 1, rows[-1] + 1] - low]).astype(np.float32)
    return Seen(clip.frames[frame], box, points, mask, 1.0, clip.focal)
