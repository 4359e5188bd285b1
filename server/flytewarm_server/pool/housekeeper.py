"""Ends what idles: workers beyond the least number, and environments that came with requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Protocol

from flytewarm_server.config import ServerConfig
from flytewarm_server.option_kinds import show_size
from flytewarm_server.pool.lane import Lane
from flytewarm_server.telemetry.metrics import Metrics

# How long what idles may be overlooked, as a part of the time that it may idle and in seconds.
_PART, _SHORTEST, _LONGEST = 4, 0.05, 10.0
# Pause between two looks at the memory, in seconds.
_MEMORY_PAUSE = 10.0


class EvictableLanes(Protocol):
    """Where the environments are."""

    def all(self) -> list[Lane]:
        """Every lane."""

    def evictable(self) -> list[Lane]:
        """Those that may be evicted when they are unused, the one used least recently first."""

    def evict(self, lane: Lane, reason: str) -> None:
        """Ends one."""


class Housekeeper:
    """Looks after all environments from time to time."""

    def __init__(self, config: ServerConfig, lanes: EvictableLanes, metrics: Metrics) -> None:
        self._ttl = config.idle_ttl
        self._most = config.max_environments
        self._budget = config.environments_memory
        self._lanes = lanes
        self._metrics = metrics
        self._loaded = asyncio.Event()

    def environment_loaded(self) -> None:
        """Another environment is there: others may have to go."""
        while (count := len(lanes := self._lanes.evictable())) > self._most:
            # The last one is the new one, which nobody has come to use yet.
            unused = next((lane for lane in lanes[:-1] if lane.unused), None)
            if unused is None:
                break
            self._lanes.evict(unused, f"{count} environments are more than {self._most} (--max-environments)")
        self._loaded.set()

    async def run(self) -> None:
        """Works until it is cancelled, if there is something to do."""
        loop = asyncio.get_running_loop()
        pause = min(max(self._ttl / _PART, _SHORTEST), _LONGEST) if self._ttl else _LONGEST
        measured = loop.time()
        while self._ttl or self._budget:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._loaded.wait(), pause)
            loaded = self._loaded.is_set()
            self._loaded.clear()
            self._end_idle(loop.time())
            if self._budget and (loaded or loop.time() - measured >= _MEMORY_PAUSE):
                await self._keep_budget()
                measured = loop.time()

    def _end_idle(self, now: float) -> None:
        if not self._ttl:
            return
        for lane in self._lanes.evictable():
            if lane.unused and now - lane.last_used >= self._ttl:
                self._lanes.evict(lane, f"it has idled for {self._ttl:g} s (--idle-ttl)")
        for lane in self._lanes.all():
            lane.environment.workers.end_idle()

    async def _keep_budget(self) -> None:
        lanes = self._lanes.evictable()
        processes = [lane.environment.processes for lane in lanes]
        # Each takes milliseconds.
        sizes = await asyncio.to_thread(lambda: [sum(map(memory_of, one)) for one in processes])
        self._metrics.environments_memory(sum(sizes))
        # What has come to be used meanwhile, or is gone, stays out of it.
        still = self._lanes.evictable()
        unused = [lane in still and lane.unused for lane in lanes]
        for index in over_budget(sizes, unused, self._budget):
            told = f"environments take {show_size(sum(sizes))}, more than {show_size(self._budget)}"
            self._lanes.evict(lanes[index], f"{told} (--environments-memory)")


def over_budget(sizes: Sequence[int], unused: Sequence[bool], budget: int) -> Iterable[int]:
    """Which environments must go, as places in the two sequences, so that the rest takes no more than `budget` bytes:
    the first ones, of those that are unused."""
    total = sum(sizes)
    for index, size in enumerate(sizes):
        if total > budget and unused[index]:
            total -= size
            yield index


def memory_of(pid: int) -> int:
    """A process's share of the memory that it and others have (PSS), in bytes; 0 for one that has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0
