"""Bodies from single pictures: python benchmarks/regression.py --data DIR

Accuracy of the network that ships on drawn people that it never saw and on the public single
pictures (DIR holds `clips` and `body`), beside the mean pose, the keypoints alone and other
networks (`--compare`); the fit alone and started by the network; speed beside the official layer
sizes. PA-MPJPE is of the 22 body joints, millimetres.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from regression_people import JOINTS, Known, Still, as_clip, film_stills, held_back, stills
from torch import Tensor

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.pose_prior import mean_pose
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.fitting.clip import fit_clip
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints
from layfigure.engine.fitting.regressed import Regressed
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.geometry.rotations import matrix_to_axis_angle, turn_to_ray
from layfigure.engine.regression.pymaf.architecture import OFFICIAL
from layfigure.engine.regression.pymaf.estimate import Estimate
from layfigure.engine.regression.pymaf.fresh import new_network, resting
from layfigure.engine.regression.pymaf.metrics import aligned, joint_error
from layfigure.engine.regression.pymaf.network import PymafNetwork
from layfigure.engine.regression.pymaf.network_file import load_person_network
from layfigure.engine.regression.pymaf.predict import PredictOptions, predict
from layfigure.engine.regression.pymaf.sight import Sight, see_person

Row = dict[str, float]


def seen(pictures: list[Still], size: int) -> Known:
    """The stills as a network is shown them."""
    rows = []
    for still in pictures:
        centre, side = still.square.centre, still.square.side
        points, mask = still.points[:25], still.mask
        rows.append(see_person(still.picture, centre, side, size, points, mask))
    joints = np.stack([still.joints for still in pictures])
    return Known(Sight.join(rows), torch.from_numpy(joints))


def error(joints: Tensor, truth: Tensor) -> float:
    """PA-MPJPE of joints (N, 22, 3), millimetres."""
    return 1000 * float(joint_error(aligned(joints, truth), truth).mean())


def joints_of(data: BodyData, estimate: Estimate) -> Tensor:
    """(N, 22, 3)."""
    with torch.no_grad():
        return Body(data).turned(estimate.betas, estimate.rotations)[1][:, :JOINTS]


def accuracy(known: Known, networks: dict[str, PymafNetwork], data: BodyData) -> Row:
    """PA-MPJPE of the mean pose, of where the shipped network starts, and of all networks."""
    count = len(known.joints)
    pose = mean_pose(data.joint_names)[None].float()
    with torch.no_grad():
        mean = Body(data)(torch.zeros(1, 10), pose, torch.zeros(1, 3))[1][:, :JOINTS]
    found = {"mean pose": error(mean.expand(count, -1, -1), known.joints)}
    first = networks["shipped"]
    with torch.no_grad():
        start = first.from_keypoints(known.sight.keypoints, first.seen_body(data))[0]
    found["keypoints alone"] = error(joints_of(data, start), known.joints)
    for name, network in networks.items():
        for points in ("mask", "grid"):
            estimate, _ = predict(network, data, known.sight, PredictOptions(points))
            found[f"{name}, {points} points"] = error(joints_of(data, estimate), known.joints)
    blind, _ = predict(first, data, known.sight.without_masks(), PredictOptions("grid"))
    found["shipped, no mask"] = error(joints_of(data, blind), known.joints)
    return found


def refinement(pictures: list[Still], network: PymafNetwork) -> Row:
    """The fit of pictures alone, and started by the network; CPU seconds of all of it.

    Masks are made beforehand, as detections are; the fit alone needs none.
    """
    body, clip = load_shipped(), as_clip(pictures)
    data = smpl24_body(body)
    truth = torch.from_numpy(np.stack([still.joints for still in pictures]))
    options = FitOptions(independent=True)
    found = {}
    for name in ("alone", "started by the network"):
        began, start = time.process_time(), None
        if name != "alone":
            start = _start(pictures, seen(pictures, network.architecture.size), network, data)
        fit = fit_clip(clip, body, options, lambda _: None, start)
        found[f"{name}, CPU s"] = time.process_time() - began
        tracks = sorted(fit.tracks, key=lambda track: int(track.frame_ids[0]))
        joints = np.concatenate([posed_joints(body, track)[:, :JOINTS] for track in tracks])
        found[f"{name}, mm"] = error(torch.from_numpy(joints).float(), truth)
    found["ratio of CPU s"] = found["started by the network, CPU s"] / found["alone, CPU s"]
    return found


def _start(pictures: list[Still], known: Known, network: PymafNetwork, data: BodyData) -> Regressed:
    """What the network says, before the cameras of the whole pictures."""
    estimate, _ = predict(network, data, known.sight, PredictOptions())
    middles = [np.array(still.picture.shape[1::-1]) / 2 for still in pictures]
    rays = [
        (np.array(still.square.centre) - middle) / still.focal
        for still, middle in zip(pictures, middles, strict=True)
    ]
    turns = estimate.rotations
    root = turn_to_ray(torch.tensor(np.array(rays)).float()).mT @ turns[:, 0]
    pose = matrix_to_axis_angle(turns[:, 1:JOINTS])
    return Regressed(root[:, None].double().numpy(), pose[:, None].double().numpy())


def cpu_seconds(work: Callable[[], object], times: int) -> float:
    """CPU seconds of one call, the median of `times`."""
    taken = []
    for _ in range(times):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return float(np.median(taken))


def speed(network: PymafNetwork, data: BodyData, count: int = 8) -> Row:
    """CPU seconds a person of the shipped and of the official layer sizes, in one run."""
    taken = {}
    official = new_network(data, resting(), OFFICIAL).eval()
    for name, one in (("shipped", network), ("official", official)):
        size = one.architecture.size
        sight = Sight(
            torch.randint(0, 255, (count, 3, size, size), dtype=torch.uint8),
            torch.rand(count, size, size) > 0.5,
            torch.rand(count, 25, 3) * 2 - 1,
        )

        def work(one: PymafNetwork = one, sight: Sight = sight) -> object:
            return predict(one, data, sight, PredictOptions())

        work()
        taken[name] = cpu_seconds(work, 5) / count
    return {
        "shipped, CPU s a person": taken["shipped"],
        "official sizes, CPU s a person": taken["official"],
        "ratio": taken["official"] / taken["shipped"],
        "shipped, people a CPU second": 1 / taken["shipped"],
    }


def main() -> None:
    """Print the tables and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the public data")
    parser.add_argument("--count", type=int, default=300, help="held-back pictures")
    parser.add_argument("--compare", type=Path, nargs="*", default=[], help="other networks")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = smpl24_body(load_shipped())
    networks = {"shipped": load_person_network()[0]}
    networks |= {path.stem: load_person_network(path)[0] for path in args.compare}
    size = networks["shipped"].architecture.size
    with tempfile.TemporaryDirectory() as folder:
        unseen = held_back(Path(folder) / "people", args.count, size, data)
    pictures = stills(args.data, load_shipped())
    frames = film_stills(args.data)
    tables = {
        f"PA-MPJPE, {args.count} held-back pictures (mm)": accuracy(unseen, networks, data),
        "PA-MPJPE, public stills (mm)": accuracy(seen(pictures, size), networks, data),
        f"PA-MPJPE, {len(frames)} frames of the public films (mm)": accuracy(
            seen(frames, size), networks, data
        ),
        "the fit of the stills, alone and started": refinement(pictures, networks["shipped"]),
        "the fit of the frames, alone and started": refinement(frames, networks["shipped"]),
        "speed, one thread": speed(networks["shipped"], data),
    }
    for title, rows in tables.items():
        print(title)
        for name, value in rows.items():
            print(f"  {name:40}{value:9.3f}" if value < 10 else f"  {name:40}{value:9.1f}")
    if args.json:
        args.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
