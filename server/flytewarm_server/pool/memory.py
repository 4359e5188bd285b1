"""Ends executions that take too much memory, before the kernel does it, and tells when the kernel did."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable

import structlog

from flytewarm_api.worker import proc
from flytewarm_server.cgroup import MemoryCgroup, system_kills
from flytewarm_server.config import ServerConfig
from flytewarm_server.execution.endings import Ending, out_of_memory, too_large_for
from flytewarm_server.pool.worker import Worker

_log = structlog.get_logger(__name__)
# Pause between two looks, in seconds: a task that allocates faster is left to the kernel.
_PAUSE = 0.1
# How long a kill by the kernel explains that a worker was lost, in seconds.
_RECENT = 5.0
_OPTION = "--max-worker-memory"

Kill = Callable[[Worker, Ending], None]


class MemoryGuard:
    """Looks at the workers that have work, and at the limit of the service's control group."""

    def __init__(
        self, config: ServerConfig, cgroup: MemoryCgroup | None, workers: Callable[[], Iterable[Worker]], kill: Kill
    ) -> None:
        """`workers()` are all there are; `kill(worker, ending)` ends its execution at once."""
        self._most_of_worker = config.max_worker_memory
        self._cgroup = cgroup
        self._threshold = cgroup.limit_bytes - min(config.memory_headroom, cgroup.limit_bytes // 8) if cgroup else 0
        self._preempts = cgroup is not None and config.memory_headroom > 0
        self._workers = workers
        self._kill = kill
        self._kills, self._killed_at = self._count_kills(), -_RECENT
        # Whose end is awaited: its memory is not free before.
        self._dying: Worker | None = None
        # Whether it was said that the limit is less than a worker needs that has done nothing.
        self._warned = False

    async def run(self) -> None:
        """Works until it is cancelled, if there is a limit."""
        if self._cgroup is not None:
            _log.info("memory limit", bytes=self._cgroup.limit_bytes, threshold=self._threshold)
        while self._cgroup is not None or self._most_of_worker:
            await asyncio.sleep(_PAUSE)
            self._notice_kills()
            if self._most_of_worker and not self._warned:
                self._warn()
            if self._most_of_worker or (self._preempts and self._usage() > self._threshold):
                await self._look()

    def ending_of_lost(self, worker: Worker) -> Ending | None:
        """Why an execution is lost whose worker ended by itself, if the kernel killed it for its memory."""
        self._notice_kills()
        if worker.exit_status != -signal.SIGKILL or asyncio.get_running_loop().time() - self._killed_at > _RECENT:
            return None
        limit = f"the memory limit of {_mib(self._cgroup.limit_bytes)}" if self._cgroup else "the machine's memory"
        return out_of_memory(f"{_told(worker)} was killed by the kernel as {limit} was used up", worker.peak_memory)

    async def _look(self) -> None:
        busy = [worker for worker in self._workers() if worker.execution is not None and worker.pid]
        sizes = await asyncio.to_thread(lambda: [memory_of_tree(worker.pid) for worker in busy])
        largest = max(zip(sizes, busy, strict=True), key=lambda pair: pair[0], default=None)
        if largest is None:
            return
        size, worker = largest
        if self._most_of_worker and size > self._most_of_worker:
            most = f"more than {_mib(self._most_of_worker)} ({_OPTION})"
            self._kill(worker, too_large_for(_OPTION, f"{_told(worker)} had {_mib(size)} of memory, {most}"))
        elif self._preempts and not self._waits() and (usage := self._usage()) > self._threshold:
            assert self._cgroup is not None
            self._dying = worker
            use = f"{_mib(usage)} of the memory limit of {_mib(self._cgroup.limit_bytes)} were used"
            self._kill(
                worker, out_of_memory(f"{_told(worker)} had {_mib(size)} of memory, most of all, when {use}", size)
            )

    def _warn(self) -> None:
        for worker in self._workers():
            if worker.first_memory >= self._most_of_worker:
                self._warned = True
                told = f"{_OPTION} is less than a worker has before its first execution, so tasks will be killed"
                most = _mib(self._most_of_worker)
                _log.warning(told, worker=worker.name, memory=_mib(worker.first_memory), max_worker_memory=most)
                return

    def _waits(self) -> bool:
        return self._dying is not None and any(worker is self._dying for worker in self._workers())

    def _usage(self) -> int:
        with contextlib.suppress(OSError):
            return self._cgroup.usage_bytes if self._cgroup is not None else 0
        return 0

    def _notice_kills(self) -> None:
        if (kills := self._count_kills()) > self._kills:
            self._kills, self._killed_at = kills, asyncio.get_running_loop().time()

    def _count_kills(self) -> int:
        with contextlib.suppress(OSError):
            return self._cgroup.kills if self._cgroup is not None else system_kills()
        return 0


def memory_of_tree(pid: int) -> int:
    """Resident memory of a process and what it has started, in bytes, without files and what is shared on purpose; of
    processes that have ended nothing."""
    total, pending = 0, [pid]
    while pending:
        process = proc.of(pending.pop())
        with contextlib.suppress(OSError):
            total += proc.own_memory_bytes(process)
            pending += proc.children(process)
    return total


def _told(worker: Worker) -> str:
    return f"worker {worker.name} (process {worker.pid})"


def _mib(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"
