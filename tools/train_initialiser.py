"""Train the network that starts a fit: python tools/train_initialiser.py --minutes 40

Everything is made on the spot: poses by the engine's sampler (regression.synthetic_people), random
adults of the shipped body, random cameras, and keypoints with the faults of detectors (noise, gaps,
hidden and cut-off parts, outliers). A CPU core draws and learns some thousand people a second.
Prints the likelihood of the truth and the error of the joints about the root, of the likeliest
hypothesis and of the best one (the nearest way of each limb), on people it never saw.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from layfigure.engine.bodies.initialiser import (
    LIMBS,
    TRUNK,
    TURNS,
    WEIGHTS,
    Answer,
    Initialiser,
    look_at,
    read_answers,
)
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.evidence import BODY_POINTS, RIGID_FACE
from layfigure.engine.fitting.kinematics import Kinematics, Parameters
from layfigure.engine.geometry.rotations import axis_angle_to_matrix, matrix_to_rotation_6d
from layfigure.engine.regression.synthetic_people.poses import JOINTS, Dice, Sampler

POOL, BATCH = 200_000, 1024
normal, uniform = Dice().normal, Dice().uniform
_DOWN = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # body axes (y up) to a camera's (y down)
_HEAD = (0, 15, 16, 17, 18)  # nose, eyes, ears among BODY_POINTS


def about(axis: int, angle: Tensor) -> Tensor:
    vector = torch.zeros(len(angle), 3)
    vector[:, axis] = angle
    return axis_angle_to_matrix(vector)


class People:
    """An endless stream of people seen by cameras."""

    def __init__(self, pool: int) -> None:
        body = load_shipped()
        rows = {name: i for i, name in enumerate(body.keypoint_names)}
        from layfigure.engine.formats.keypoints import KEYPOINT_NAMES

        table = [rows[KEYPOINT_NAMES[k]] for k in BODY_POINTS]
        free = Parameters((), False, 0)
        self.kinematics = Kinematics(body, table, free, torch.zeros(0, dtype=torch.float32))
        self.betas = body.shapedirs.shape[2]
        self.poses = Sampler().draw(pool)
        face = [i for i, k in enumerate(BODY_POINTS) if k in RIGID_FACE]
        palms = [i for i, k in enumerate(BODY_POINTS) if 25 <= k < 67]
        self.face, self.palms = torch.tensor(face), torch.tensor(palms)
        self.error = torch.full((len(BODY_POINTS),), 0.008)
        self.error[self.face], self.error[self.palms] = 0.002, 0.004

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Points (N, K, 2), confidence (N, K), root (N, 3, 3) and pose (N, 21, 3)."""
        pose = self.poses[torch.randint(len(self.poses), (count,))].clone()
        pose[:, 1:] += 0.03 * torch.randn(count, JOINTS - 1, 3)
        world = about(1, uniform(count, -math.pi, math.pi)) @ axis_angle_to_matrix(pose[:, 0])
        camera = about(0, normal(count, 0.06, 0.18)) @ about(2, normal(count, 0.0, 0.04))
        root = camera @ _DOWN @ world
        depth = torch.exp(uniform(count, math.log(1.3), math.log(9.0)))
        plane = torch.randn(count, 2) * torch.tensor([0.25, 0.12])
        place = torch.cat([plane * depth[:, None], depth[:, None]], 1)
        full = torch.zeros(count, len(self.kinematics.parents), 3)
        full[:, :JOINTS] = pose
        betas = 1.2 * torch.randn(count, self.betas)
        points = self.kinematics.pose(root, place, full, betas, torch.zeros(count, 0)).points
        seen, weight = self._measure(points)
        return seen, weight, root, pose[:, 1:]

    def _measure(self, points: Tensor) -> tuple[Tensor, Tensor]:
        count, number = points.shape[:2]
        plane = points[..., :2] / points[..., 2:].clamp_min(0.2)
        low, high = plane[:, :25].min(1).values, plane[:, :25].max(1).values
        size = (high - low).max(1).values[:, None, None]
        hidden = torch.rand(count, number) < 0.10
        limb = torch.rand(count, 4) < 0.12  # a whole arm or leg behind something
        for k, part in enumerate(((3, 4), (6, 7), (10, 11, 22, 23, 24), (13, 14, 19, 20, 21))):
            hidden[:, part] |= limb[:, k : k + 1]
        nose, ears = points[:, 0], points[:, 17:19].mean(1)
        away = ((nose - ears) * nose).sum(1) > 0.02 * nose.norm(dim=1)
        hidden[:, 0] |= away
        hidden[:, 15:17] |= away[:, None]
        sloppy = torch.exp(normal(count, 0.0, 0.35))[:, None, None]
        noise = torch.randn(count, number, 2) * self.error[None, :, None] * size * sloppy
        noise = torch.where(hidden[..., None], 2.2 * noise, noise)
        wild = torch.rand(count, number) < 0.007
        angle, far = uniform(count, 0, 2 * math.pi), uniform(count, 0.1, 0.4)
        outlier = torch.stack([angle.cos(), angle.sin()], 1) * far[:, None]
        noise = torch.where(wild[..., None], outlier[:, None] * size, noise)
        weight = uniform(count * number, 0.55, 1.0).view(count, number)
        weight = torch.where(hidden | wild, 0.05 + 0.5 * torch.rand(count, number), weight)
        gone = torch.rand(count, number) < torch.where(hidden, 0.3, 0.035)
        no_face = away | (torch.rand(count) < 0.15)
        gone[:, self.face] |= no_face[:, None]
        gone[:, self.palms[:5]] |= (torch.rand(count) < 0.2)[:, None]
        gone[:, self.palms[5:]] |= (torch.rand(count) < 0.2)[:, None]
        plane = plane + noise
        gone |= self._cut(plane, low, high)
        slip = torch.exp(torch.where(torch.rand(count) < 0.3, normal(count, 0, 0.15), 0.0))
        return plane * slip[:, None, None], torch.where(gone, 0.0, weight)

    def _cut(self, plane: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """(N, K) points beyond an edge of the picture, for a fifth of the people."""
        count = len(plane)
        share = uniform(count, 0.35, 1.0)
        line = low[:, 1] + share * (high[:, 1] - low[:, 1])
        below = plane[..., 1] > line[:, None]
        side = plane[..., 0] > (low[:, 0] + uniform(count, 0.5, 1.0) * (high - low)[:, 0])[:, None]
        kind = torch.rand(count, 1)
        return (below & (kind < 0.15)) | (side & (kind > 0.95))


def density(gap: Tensor, spread: Tensor) -> Tensor:
    """Log density up to a constant, with heavier tails than a normal's."""
    return -2.5 * torch.log1p((gap / spread).square() / 4) - spread.log()


def likelihood(answer: Answer, root: Tensor, pose: Tensor) -> Tensor:
    """(N,) log of the mixture's density at the truth, up to a constant."""
    turn = (answer.root - root[:, None]).square().sum((-1, -2)) / 2  # about the angle squared
    total = answer.share + 3 * density(turn.clamp_min(1e-12).sqrt(), answer.root_spread)
    trunk = density(pose[:, None, list(TRUNK)] - answer.trunk, answer.trunk_spread)
    total = total + trunk.sum((-1, -2))
    parts = zip(LIMBS, answer.limbs, answer.limb_spreads, answer.limb_shares, strict=True)
    for joints, way, spread, share in parts:
        limb = density(pose[:, None, None, list(joints)] - way, spread).sum((-1, -2))
        total = total + (limb + share).logsumexp(-1)
    return total.logsumexp(-1)


def poses_of(answer: Answer, likeliest: bool, pose: Tensor) -> Tensor:
    """(N, H, 21, 3) with the likeliest way of each limb, or the way that is nearest the truth."""
    result = pose.new_zeros(*answer.share.shape, JOINTS - 1, 3)
    result[:, :, list(TRUNK)] = answer.trunk
    for joints, way, share in zip(LIMBS, answer.limbs, answer.limb_shares, strict=True):
        gap = (way - pose[:, None, None, list(joints)]).square().sum((-1, -2))
        index = share.argmax(-1) if likeliest else gap.argmin(-1)
        chosen = way.take_along_dim(index[..., None, None, None], 2)[:, :, 0]
        result[:, :, list(joints)] = chosen
    return result


@torch.no_grad()
def report(network: Initialiser, people: People, sets: tuple[Tensor, ...]) -> str:
    points, weight, root, pose = sets
    features, turn = look_at(points, weight)
    answer = read_answers(network(features), turn)

    def place(root: Tensor, pose: Tensor) -> Tensor:
        full = torch.zeros(len(pose), len(people.kinematics.parents), 3)
        full[:, 1:JOINTS] = pose
        zero = torch.zeros(len(pose), people.betas)
        empty = torch.zeros(len(pose), 0)
        return people.kinematics.pose(root, torch.zeros(len(pose), 3), full, zero, empty).joints

    truth = place(root, pose)[:, :JOINTS]
    errors = []
    for likeliest in (True, False):
        poses = poses_of(answer, likeliest, pose)
        placed = [place(answer.root[:, h], poses[:, h])[:, :JOINTS] for h in range(TURNS)]
        gaps = torch.stack([(p - truth).norm(dim=-1).mean(1) for p in placed], 1)
        index = answer.share.argmax(1, keepdim=True)
        errors.append(gaps.gather(1, index).mean() if likeliest else gaps.min(1).values.mean())
    score = likelihood(answer, root, pose).mean()
    return (
        f"log likelihood {score:8.2f}, joints: "
        f"likeliest {1000 * errors[0]:.0f} mm, best {1000 * errors[1]:.0f} mm"
    )


def train(minutes: float, threads: int, begin: Path | None, rate: float, out: Path) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    people = People(POOL)
    test = people.draw(4000)
    network = Initialiser(len(BODY_POINTS))
    with torch.no_grad():  # the hypotheses begin evenly turned apart
        bias = network.leave.bias.view(TURNS, -1)
        for h in range(TURNS):
            facing = _DOWN @ about(1, torch.tensor([h * 2 * math.pi / TURNS]))[0]
            bias[h, :6] = matrix_to_rotation_6d(facing)
    if begin is not None:
        network.load_state_dict({k: v.float() for k, v in load_file(begin).items()})
        torch.manual_seed(time.time_ns())  # people that the first training did not see
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    began, step, told = time.time(), 0, 0.0
    fresh = Sampler()
    while (share := (time.time() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = (
                rate * min(1.0, (step + 1) / 500) * (0.5 + 0.5 * math.cos(math.pi * share))
            )
        points, weight, root, pose = people.draw(BATCH)
        features, turn = look_at(points, weight)
        with torch.autocast("cpu", torch.bfloat16):
            raw = network(features)
        loss = -likelihood(read_answers(raw.float(), turn), root, pose).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 50.0)
        optimiser.step()
        step += 1
        if step % 20 == 0:  # the pool is renewed little by little
            index = torch.randint(POOL, (2048,))
            people.poses[index] = fresh.draw(2048)
        if time.time() - told > 60:
            told = time.time()
            print(f"{100 * share:3.0f} %, step {step}: {report(network, people, test)}", flush=True)
            _save(network, out)
    _save(network, out)
    print(f"done, {step * BATCH / 1e6:.1f} million people: {report(network, people, test)}")


def _save(network: Initialiser, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--begin", type=Path, help="go on from these weights")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate at the start")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    train(args.minutes, args.threads, args.begin, args.rate, args.out)
