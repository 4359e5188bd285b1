"""loky: a pool of two processes, futures awaited."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator

import loky

from addition import INPUT_BYTES, check_outputs
from systems.base import System, Target
from work import execute, execute_all


class Pool:
    """Two processes that have imported flytekit and the task, with `work`."""

    def __init__(self, executor: loky.ProcessPoolExecutor) -> None:
        self._executor = executor

    async def call(self) -> None:
        """One execution."""
        check_outputs(await asyncio.wrap_future(self._executor.submit(execute, INPUT_BYTES)))

    async def call_in_bulk(self, count: int) -> None:
        """Several executions, given to one of the processes at once."""
        for outputs in await asyncio.wrap_future(self._executor.submit(execute_all, [INPUT_BYTES] * count)):
            check_outputs(outputs)

    async def workers(self) -> list[int]:
        """Ids of both processes."""
        found = set[int]()
        while len(found) < 2:
            found.update(self._executor.map(_slow_pid, range(4)))
        return sorted(found)


@contextlib.contextmanager
def pool() -> Iterator[Pool]:
    """Starts the processes."""
    with loky.ProcessPoolExecutor(max_workers=2, timeout=None) as executor:
        yield Pool(executor)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts the pool, and waits for both processes."""
    with pool() as started:
        await started.workers()
        yield System({"loky": Target(started.call)}, started.workers)


def _slow_pid(_: int) -> int:
    import time

    time.sleep(0.05)  # so that one process does not answer for both
    return os.getpid()
