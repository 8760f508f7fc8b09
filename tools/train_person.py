"""Train the network that ships for people: python tools/train_person.py POOL --steps 4000

Its pictures are drawn (POOL is made first, where it is not whole: `--count` pictures of 128 px by
engine/regression/synthetic_people); nothing else is looked at. Before them it learns from people
who are imagined as keypoints alone. `--inputs` and `--points` train the networks that it is
compared with. Prints PA-MPJPE on pictures of another seed; killed, the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.progress import Progress
from layfigure.engine.regression.pymaf.architecture import SMALL
from layfigure.engine.regression.pymaf.data.dense import DensePainter, cut_by_joints
from layfigure.engine.regression.pymaf.faults import with_faults
from layfigure.engine.regression.pymaf.fresh import new_network, resting
from layfigure.engine.regression.pymaf.made import DrawnPeople, ImaginedPeople, drawn_samples
from layfigure.engine.regression.pymaf.network import PymafNetwork
from layfigure.engine.regression.pymaf.network_file import PERSON, About, save_person_network
from layfigure.engine.regression.pymaf.samples import Samples
from layfigure.engine.regression.pymaf.stage import LossWeights, RegressorStage, Schedule
from layfigure.engine.regression.synthetic_people.pool import read_people, write_people
from layfigure.engine.training.loop import TrainOptions, train

INPUTS = {
    "all": SMALL,
    "mask": replace(SMALL, keypoints=False),
    "rgb": replace(SMALL, keypoints=False, mask=False),
}
WEIGHTS = LossWeights(joints_2d=150.0, betas=0.3, openpose=1.0)
TEST_SEED = 2  # of the pictures that are only measured on


def report(step: int, total: int, message: str, eta: float | None) -> None:
    if step % 20 == 0 or step == total:
        left = "" if eta is None else f", {eta / 60:.0f} min left"
        print(f"{100 * step / total:5.1f} % {message}{left}", flush=True)


def samples_of(folder: Path, count: int, seed: int, data: BodyData) -> Samples:
    write_people(folder, count, seed=seed, size=SMALL.size)
    return drawn_samples(read_people(folder, count), data)


def painted(samples: Samples, file: Path, data: BodyData) -> Samples:
    """With dense targets, which are kept in `file`."""
    painter = DensePainter(data, cut_by_joints(data))
    done = torch.from_numpy(np.load(file)) if file.is_file() else torch.zeros(0, 3, 56, 56)
    parts = [done.to(torch.uint8)]
    for start in range(len(done), len(samples), 250):
        some = samples[slice(start, start + 250)]
        parts.append(painter.painted(some).targets.dense)
    dense = torch.cat(parts)
    if len(dense) > len(done):
        np.save(file, dense.numpy())
    samples.targets.dense = dense[: len(samples)]
    samples.targets.dense_known = (samples.targets.dense[:, 0] > 0).flatten(1).any(1)
    return samples


def main() -> None:
    args = arguments()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    data = smpl24_body(load_shipped())
    test = samples_of(args.pool.with_name(args.pool.name + "_test"), 500, TEST_SEED, data)
    test.sight = with_faults(test.sight, torch.Generator().manual_seed(0))
    drawn = samples_of(args.pool, args.count, 1, data)
    drawn = painted(drawn, args.pool / "dense.npy", data)
    network = new_network(data, resting(), INPUTS[args.inputs])
    told = network.architecture.keypoints
    parts = [("pictures", args.steps)]
    if told and args.imagined_steps:
        parts.insert(0, ("imagined", args.imagined_steps))
    progress = Progress(report)
    progress.plan(*(steps for _, steps in parts))
    for name, steps in parts:
        blind = name == "imagined"
        source = ImaginedPeople(data, 256) if blind else DrawnPeople(drawn, args.batch)
        stage = RegressorStage(
            network,
            data,
            source,
            weights=WEIGHTS,
            # Regressors that have learned from imagined people must not forget it.
            schedule=Schedule(args.rate, 0.2 if told and not blind else 1.0, 100, cosine=steps),
            points=args.points,
            held_back=test,
            blind=blind,
            bfloat16=True,
        )
        folder = args.pool.with_name(f"{args.pool.name}_{args.inputs}_{args.points}_{name}")
        options = TrainOptions(
            folder, steps, title=name, device="cpu", log_every=50, val_every=250, patience=1000
        )
        done = train(stage, options, progress)
        with torch.no_grad():
            error = float(stage.eval().validation_loss() or 0)
        print(f"{name}: {done.steps} steps, {done.seconds / 60:.0f} min, {1000 * error:.1f} mm")
        network.train()
    write(network, args, error)


def write(network: PymafNetwork, args: argparse.Namespace, error: float) -> None:
    training = {
        "pictures": args.count,
        "steps": args.steps,
        "batch": args.batch,
        "imagined_steps": args.imagined_steps if network.architecture.keypoints else 0,
        "points": args.points,
        "pa_mpjpe_mm": round(1000 * error, 1),
    }
    about = About(network.architecture, "layfigure", along_ray=True, training=training)
    save_person_network(args.out, network, about)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pool", type=Path, help="folder of drawn pictures")
    parser.add_argument("--count", type=int, default=24_000, help="pictures")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--imagined-steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--inputs", choices=INPUTS, default="all")
    parser.add_argument("--points", choices=("mask", "grid"), default="mask")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=PERSON)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
