"""Raw scans of a dressed person, made by Blender's cloth simulation: data to train an avatar from.

    blender -b -P headless/simulate_scans.py -- --output DIR [--poses 10 | --motion FILE] ...
    python headless/simulate_scans.py --output DIR ...          (with the bpy wheel)

The clothes are made from the body itself, draped over the motion, and seen by a ring of virtual
cameras: holes, noise and colours as of a scanner. Exit code 2 with one sentence on stderr when the
input is wrong; nothing half-written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `blender -P` does not do it

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402
import numpy as np  # noqa: E402

from layfigure.addon.scene.garment import OUTFITS, dress_person  # noqa: E402
from layfigure.addon.scene.posing import Skeleton  # noqa: E402
from layfigure.addon.scene.scan_camera import Scanner  # noqa: E402
from layfigure.addon.scene.scan_set import (  # noqa: E402
    POSES,
    motion_take,
    pose_takes,
    simulate_take,
)
from layfigure.engine.formats.body_file import load_body  # noqa: E402
from layfigure.engine.formats.folder import whole_folder  # noqa: E402
from layfigure.engine.formats.motion import load_motion  # noqa: E402
from layfigure.engine.formats.ply import PlyMesh  # noqa: E402
from layfigure.engine.formats.result import read_result  # noqa: E402
from layfigure.engine.formats.scan_folder import PosedScan, write_scan_folder  # noqa: E402

_BODY = bootstrap.ROOT / "engine" / "bodies" / "data" / "layfigure.npz"
_MARK = "simulated.json"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(2, f"Error: {message}. See --help.\n")


def parse() -> argparse.Namespace:
    """The command line. Raises SystemExit(2) for a wrong one."""
    parser = _Parser(prog="simulate_scans.py", description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--motion", type=Path, help="result folder or its motion.npz")
    parser.add_argument("--poses", type=_count, default=len(POSES), help="hand-made poses")
    parser.add_argument("--scans", type=_count, default=8, help="scans spread over the --motion")
    parser.add_argument("--garment", choices=OUTFITS, default=OUTFITS[0])
    parser.add_argument("--betas", type=_numbers, default=[], help="shape, as 0.5,-1,...")
    parser.add_argument("--vertices", type=_count, default=12000, help="about so many a scan")
    parser.add_argument("--noise", type=float, default=0.0007, help="metres")
    parser.add_argument("--detail", type=float, default=0.02, help="edges of the cloth, metres")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(bootstrap.arguments())
    if options.poses > len(POSES):
        parser.error(f"--poses: there are {len(POSES)}")
    if not 0 <= options.noise <= 0.05:
        parser.error("--noise: give metres, 0 to 0.05")
    if not 0.008 <= options.detail <= 0.05:
        parser.error("--detail: give metres, 0.008 to 0.05")
    return options


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def _numbers(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no list like 0.5,-1") from error


def main() -> None:
    """Dress the body, simulate, scan, write the folder."""
    options = parse()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    body, betas, motion = load_body(_BODY), np.array(options.betas, np.float32), None
    if options.motion:
        source = options.motion
        if source.is_dir():
            result = read_result(source)
            body, source = load_body(result.body), result.people[0].motion
        motion = load_motion(source)
        betas = betas if len(betas) else motion.betas
    betas = betas[: body.shapedirs.shape[2]]
    person = Skeleton(body, betas)
    takes = [motion_take(person, motion, options.scans)] if motion else []
    takes = takes or pose_takes(person, options.poses)
    pieces = dress_person(person, options.garment, options.detail)
    scanner = Scanner(vertices=options.vertices, noise=options.noise)
    total, done = sum(len(take.scans) for take in takes), 0

    def scans() -> Iterator[PosedScan]:
        nonlocal done
        for number, take in enumerate(takes):
            rng = np.random.default_rng([options.seed, number])
            for scan in simulate_take(person, pieces, take, scanner, rng):
                done += 1
                count = len(scan.mesh.vertices)
                print(f"Scan {done}/{total}: {scan.name}, {count} vertices", flush=True)
                yield scan

    with whole_folder(options.output, mark=_MARK) as place:
        minimal = PlyMesh(person.rest.astype(np.float32), body.faces)
        write_scan_folder(place, options.garment, minimal, scans())
        about = {"garment": options.garment, "body": body.name, "betas": betas.tolist()}
        about |= {"noise": options.noise, "seed": options.seed, "scans": done}
        (place / _MARK).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"Wrote {options.output}", flush=True)


if __name__ == "__main__":
    bootstrap.run(main)
