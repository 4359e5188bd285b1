"""flytekit alone: the entrypoint's setup and dispatch in the client's own process, without another one."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from addition import INPUT_BYTES, check_outputs
from systems.base import System, Target
from work import execute


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """There is nothing to start."""

    async def call() -> None:
        check_outputs(execute(INPUT_BYTES))
        await asyncio.sleep(0)  # callers stop when others get a turn

    async def workers() -> list[int]:
        return [os.getpid()]

    # One interpreter does one thing at a time: more callers would only wait for each other.
    yield System({"flytekit in process": Target(call, set, callers=(1,))}, workers, set)
