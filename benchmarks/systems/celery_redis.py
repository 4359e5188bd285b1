"""Celery: a worker with two processes, and a Redis server of its own as broker and for results."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import redis

from addition import INPUT_BYTES, check_outputs
from showcase.service import free_port
from systems.base import CALLERS, System, Target

_START_TIMEOUT_S = 40.0
_STOP_TIMEOUT_S = 10.0
_RESULT_TIMEOUT_S = 20.0


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Starts Redis on a free port of loopback, without persistence, and the worker."""
    port = free_port()
    os.environ["BENCHMARK_REDIS"] = f"redis://127.0.0.1:{port}/0"
    with _redis_server(port), _worker():
        from systems.celery_app import app, execute

        inspect = app.control.inspect(timeout=1.0)

        async def workers() -> list[int]:
            told = await asyncio.to_thread(inspect.stats)
            return [pid for one in (told or {}).values() for pid in one["pool"]["processes"]]

        await _until_ready(workers)
        # Celery's results cannot be awaited: each caller waits in a thread of its own.
        with ThreadPoolExecutor(max_workers=max(CALLERS)) as threads:
            loop = asyncio.get_running_loop()

            async def call() -> None:
                outputs = await loop.run_in_executor(threads, lambda: execute.delay(INPUT_BYTES).get(_RESULT_TIMEOUT_S))
                check_outputs(outputs)

            yield System({"Celery on Redis": Target(call)}, workers)


async def _until_ready(workers: Callable[[], Awaitable[list[int]]]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not await workers():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the Celery worker is not ready after {_START_TIMEOUT_S:.0f} s")


@contextlib.contextmanager
def _redis_server(port: int) -> Iterator[None]:
    program = shutil.which("redis-server")
    if program is None:
        raise FileNotFoundError("redis-server is not installed")
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with _running([*command, "--dir", tempfile.gettempdir(), "--loglevel", "warning"]):
        client = redis.Redis(port=port)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"redis-server is not ready after {_START_TIMEOUT_S:.0f} s")
            time.sleep(0.05)
        client.close()
        yield


def _worker() -> contextlib.AbstractContextManager[None]:
    options = ["--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return _running([sys.executable, "-m", "celery", "--app", "systems.celery_app", "worker", *options, *quiet])


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
            process.kill()  # does nothing to one that has ended
