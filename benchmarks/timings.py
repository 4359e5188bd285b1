"""Durations and rates, and what they amount to."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

WARM_UP_CALLS = 20
WARM_UP_CALLS_OF_TURN = 6
WARM_UP_S = 0.3


@dataclass(frozen=True)
class Percentiles:
    """Of durations, in milliseconds."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class Window:
    """What was done in a stretch of time, in seconds."""

    executions: int
    seconds: float


def percentiles(milliseconds: Sequence[float]) -> Percentiles:
    """Interpolated between neighbours; of at least two durations."""
    cuts = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return Percentiles(p50=cuts[49], p90=cuts[89], p99=cuts[98])


def time_calls(call: Callable[[], object], count: int, warm_up: int = WARM_UP_CALLS) -> list[float]:
    """As time_one_by_one, of a call that blocks."""

    async def blocking() -> None:
        call()

    return asyncio.run(time_one_by_one(blocking, count, warm_up=warm_up))


async def time_one_by_one(
    call: Callable[[], Awaitable[None]], count: int, pause_s: float = 0.0, warm_up: int = WARM_UP_CALLS_OF_TURN
) -> list[float]:
    """Calls `count` times, one after the other, with a pause before each; returns how long each took, in milliseconds.

    Some calls before are not counted: what another measurement has pushed out of the caches comes back during these.
    """
    durations = []
    for _ in range(warm_up + count):
        if pause_s:
            await asyncio.sleep(pause_s)
        started = time.perf_counter_ns()
        await call()
        durations.append((time.perf_counter_ns() - started) / 1e6)
    return durations[warm_up:]


async def count_calls(
    call: Callable[[], Awaitable[None]], callers: int, seconds: float, edge: Callable[[], None]
) -> Window:
    """How many calls end within some seconds while each of `callers` makes one after the other.

    `edge` is called where the seconds begin and where they end; what comes before and after is not counted.
    """
    done, stopped = 0, False

    async def calls() -> None:
        nonlocal done
        while not stopped:
            await call()
            done += 1

    tasks = [asyncio.create_task(calls()) for _ in range(callers)]
    try:
        await asyncio.sleep(WARM_UP_S)
        edge()
        before, begin = done, time.perf_counter()
        await asyncio.sleep(seconds)
        window = Window(done - before, time.perf_counter() - begin)
        edge()
        stopped = True
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return window
