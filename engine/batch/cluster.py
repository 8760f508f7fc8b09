"""Ray: a cluster on this machine, or one that is there; tasks that may lose their worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..formats.errors import InputError
from ..threads import passive_threads

_MEMORY = 2 * 1024**3  # bytes that a clip in work is given, where nobody says how many workers
_CLUSTER_THREADS = 2
_PATIENCE = 10  # s for a cluster's machine to answer
_STORE = 100 * 1024**2  # bytes; what goes through Ray's store is a few words a clip


class WorkerLost(Exception):
    """The process or the machine that worked on a clip is gone."""


@dataclass
class Cluster:
    """Workers to give clips to."""

    ray: Any  # the module, which is imported only where it is used
    workers: int  # clips at a time
    task: Any  # the remote function

    def start(self, *arguments: Any) -> Any:
        """Give a worker something to do; the handle of it."""
        return self.task.remote(*arguments)

    def wait(self, handles: list[Any], seconds: float) -> list[Any]:
        """Those of `handles` that have ended, after `seconds` at most."""
        return self.ray.wait(handles, num_returns=1, timeout=seconds)[0]

    def result(self, handle: Any) -> Any:
        """What an ended task returned. Raises WorkerLost; InputError when it could not begin."""
        errors = self.ray.exceptions
        try:
            return self.ray.get(handle)
        except errors.RayTaskError as error:
            raise InputError(
                f"A worker could not begin: {error.cause}.",
                "Install the same Layfigure on every machine of the cluster.",
            ) from error
        except errors.RayError as error:
            raise WorkerLost(str(error).splitlines()[0]) from error

    def stop(self, handles: list[Any]) -> None:
        """End tasks that run."""
        for handle in handles:
            self.ray.cancel(handle, force=True)


@contextmanager
def connect(
    address: str | None,
    function: Callable,
    clips: int,
    workers: int | None = None,
    threads: int | None = None,
    with_gpu: bool = False,
) -> Iterator[Cluster]:
    """Workers that run `function`, for `clips` clips: on this machine, or those of the cluster at
    `address`; a cluster of our own ends with the block.

    `workers` clips at a time with `threads` cores each, by default as many as there is room for.
    With `with_gpu` they share the graphics cards, where there are any. Raises InputError without
    Ray, for an address where nobody answers, and for more threads than any machine has.
    """
    ray = _import_ray()
    if address is not None and address != "auto":
        _knock(address)
    passive_threads()
    started: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        room = workers or _local_workers(clips)
        workers, threads = room, threads or max(1, (os.cpu_count() or 1) // room)
        started |= {"num_cpus": room, "include_dashboard": False, "object_store_memory": _STORE}
    threads = threads or _CLUSTER_THREADS
    variables = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": os.environ["OMP_WAIT_POLICY"]}
    try:
        ray.init(address=address or "local", runtime_env={"env_vars": variables}, **started)
    except (
        ConnectionError,
        ValueError,
        RuntimeError,
        ImportError,
        ray.exceptions.RayError,
    ) as error:
        raise _unreached(address, str(error).strip().splitlines()[0].rstrip(".")) from error
    try:
        cores = 1 if address is None else _check_cores(ray, threads)
        there = ray.cluster_resources()
        workers = workers or max(1, min(clips, int(there.get("CPU", 1) // cores)))
        gpus = min(1.0, there.get("GPU", 0) / workers) if with_gpu else 0
        task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=0)(function)
        yield Cluster(ray, workers, task)
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    # Ray would otherwise report its use over the network, and warn about its own future
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "Batches need Ray, which is not installed.", 'Install it: pip install "ray>=2.9"'
        ) from error
    return ray


def _knock(address: str) -> None:
    """See whether anybody is there, for which Ray itself takes minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        raise InputError(f"{address}: this is no address of a cluster.", "Write HOST:PORT or auto.")
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise _unreached(address, error.strerror or str(error)) from error


def _unreached(address: str | None, reason: str) -> InputError:
    return InputError(
        f"{address or 'Ray'}: no cluster could be reached or started there ({reason}).",
        "Start one with: ray start --head; if it asks for a token, set RAY_AUTH_MODE=token.",
    )


def _local_workers(clips: int) -> int:
    room = os.cpu_count() or 1
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        room = min(room, memory // _MEMORY)
    return max(1, min(room, clips))


def _check_cores(ray: Any, threads: int) -> int:
    most = max(int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"])
    if threads > max(most, _CLUSTER_THREADS) or most < 1:
        raise InputError(
            f"No machine of the cluster has {threads} cores for a clip; the largest has {most}.",
            "Give a smaller number of --threads.",
        )
    return min(threads, most)
