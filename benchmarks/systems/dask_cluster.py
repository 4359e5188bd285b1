"""Dask distributed: a local cluster of two processes with a thread each."""

import contextlib
import os
from collections.abc import AsyncIterator

import distributed

from addition import INPUT_BYTES, check_outputs
from systems.base import System, Target
from work import execute


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts scheduler and workers on loopback; the workers import flytekit and the task beforehand."""
    async with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            asynchronous=True,
        ) as cluster,
        distributed.Client(cluster, asynchronous=True) as client,
    ):

        async def call() -> None:
            check_outputs(await client.submit(execute, INPUT_BYTES, pure=False))

        async def workers() -> list[int]:
            return list((await client.run(os.getpid)).values())

        await client.run(execute, INPUT_BYTES)
        yield System({"Dask distributed": Target(call)}, workers)
