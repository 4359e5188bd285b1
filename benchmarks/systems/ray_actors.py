"""Ray: two actors on this machine alone, called in turn."""

import contextlib
import itertools
import os
import tempfile
from collections.abc import AsyncIterator

import ray

from addition import INPUT_BYTES, check_outputs
from systems.base import System, Target
from work import execute

_OBJECT_STORE_BYTES = 80 * 1024 * 1024


@ray.remote(num_cpus=1)
class _Actor:
    def execute(self, inputs: bytes) -> bytes:
        return execute(inputs)

    def pid(self) -> int:
        return os.getpid()


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts Ray on loopback with little memory and no dashboard, and the actors."""
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
        _temp_dir=tempfile.gettempdir(),
    )
    try:
        actors = [_Actor.remote() for _ in range(2)]
        turns = itertools.cycle(actors)

        async def call() -> None:
            check_outputs(await next(turns).execute.remote(INPUT_BYTES))

        async def workers() -> list[int]:
            return [await actor.pid.remote() for actor in actors]

        await workers()
        yield System({"Ray actors": Target(call)}, workers)
    finally:
        ray.shutdown()
