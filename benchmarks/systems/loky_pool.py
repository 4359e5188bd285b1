"""loky: a pool of two processes, futures awaited."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

import loky

from addition import INPUT_BYTES, check_outputs
from systems.base import System, Target
from work import execute


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts the pool; its processes import flytekit and the task with `work`."""
    with loky.ProcessPoolExecutor(max_workers=2, timeout=None) as pool:

        async def call() -> None:
            check_outputs(await asyncio.wrap_future(pool.submit(execute, INPUT_BYTES)))

        async def workers() -> list[int]:
            found = set[int]()
            while len(found) < 2:
                found.update(pool.map(_slow_pid, range(4)))
            return sorted(found)

        await workers()
        yield System({"loky": Target(call)}, workers)


def _slow_pid(_: int) -> int:
    import time

    time.sleep(0.05)  # so that one process does not answer for both
    return os.getpid()
