"""Throughput of an ExecuteTasks stream against loky, with two workers each and 64 executions under way.

All run at the same time and take many short turns: what idles here takes nothing, and of two that are measured minutes
apart one has the better minute. Ray takes 3 % of a core when it idles, and stays in the comparison.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio

from addition import EXAMPLES, MODULE
from figures.found import found, ratio
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from showcase.service import Service
from systems.loky_pool import pool
from systems.pipeline import Pipeline
from timings import count_calls
from turns import in_all_orders

_UNDER_WAY = 64
# A stream puts into one message what is asked for at once; this is how loky is spared the same.
_BULK = 16
_STREAM, _LOKY, _LOKY_IN_BULK = "ExecuteTasks", "loky", f"loky, {_BULK} at once"


@dataclass(frozen=True)
class _Way:
    """To have tasks run: `callers` make one call after the other, of some executions each."""

    call: Callable[[], Awaitable[None]]
    callers: int = _UNDER_WAY
    executions: int = 1


def measure(turns: int = 12, window_s: float = 1.0) -> dict[str, Any]:
    """In each turn every one is measured once, over `window_s` seconds, in another order."""
    rates = asyncio.run(_rates(turns, window_s))
    return {
        **{f"{name}, {_UNDER_WAY} under way": found("executions/s", values) for name, values in rates.items()},
        **{f"{_STREAM} / {name}": ratio(rates[_STREAM], rates[name]) for name in (_LOKY, _LOKY_IN_BULK)},
    }


async def _rates(turns: int, window_s: float) -> dict[str, list[float]]:
    async with _running() as ways:
        for way in ways.values():
            await _rate(way, window_s)  # the first executions of a worker are slower
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for order in in_all_orders(ways, turns):
            for name in order:
                rates[name].append(await _rate(ways[name], window_s))
    return rates


@contextlib.asynccontextmanager
async def _running() -> AsyncIterator[dict[str, _Way]]:
    async with contextlib.AsyncExitStack() as stack:
        # Before gRPC has threads here.
        loky = stack.enter_context(pool())
        await loky.workers()
        service = stack.enter_context(Service(app_dir=EXAMPLES, preload=MODULE))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(service.target))
        stream = await stack.enter_async_context(Pipeline(TaskExecutorStub(channel)))
        yield {
            _STREAM: _Way(stream.call),
            _LOKY: _Way(loky.call),
            _LOKY_IN_BULK: _Way(functools.partial(loky.call_in_bulk, _BULK), _UNDER_WAY // _BULK, _BULK),
        }


async def _rate(way: _Way, window_s: float) -> float:
    """Executions a second."""
    window = await count_calls(way.call, way.callers, window_s, lambda: None)
    return window.executions * way.executions / window.seconds
