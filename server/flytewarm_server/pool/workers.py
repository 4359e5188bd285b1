"""The workers of one environment: as many as there is use for, replaced when they end or are to go."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from flytewarm_api.worker.stacks import read_stacks
from flytewarm_api.worker.trees import remove_quietly
from flytewarm_server.background import BackgroundTasks
from flytewarm_server.execution.execution import Execution
from flytewarm_server.messages import execution_pb2, frames_pb2
from flytewarm_server.pool import sizing
from flytewarm_server.pool.parent import Parent, Zygote
from flytewarm_server.pool.sizing import Bounds, Census, Demand
from flytewarm_server.pool.states import WorkerState
from flytewarm_server.pool.tally import Tally
from flytewarm_server.pool.watch_budget import WatchBudget
from flytewarm_server.pool.worker import EventLimits, Worker

_log = structlog.get_logger(__name__)
# How long the zygote may take to report a death after the worker's socket has closed, in seconds.
_REAP_SECONDS = 5.0
# A forked process may hold a dead worker's socket open; its end is believed after this time, in seconds.
_LINGER_SECONDS = 0.2
# So many workers in a row may fail to start before the environment is given up.
_MOST_START_FAILURES = 5
# Pause before a worker that died while starting is replaced: doubled with each that did, in seconds.
_PAUSE = 0.1


@dataclass(frozen=True)
class WorkerTerms:
    """What an environment's workers are held to: their number, the time they get to become ready in seconds, the
    sizes of their events; what they are replaced for, each 0 for never: executions, bytes by which they have grown;
    seconds after which those beyond the least number end when they idle; how they start (StartMethod); where their
    tasks find this service; and how many of all workers may have the kernel watch their sandboxes."""

    bounds: Bounds
    start_timeout: float
    limits: EventLimits
    max_executions: int = 0
    max_growth: int = 0
    idle_ttl: float = 0.0
    start_method: str = "auto"
    service: Callable[[], str] = str
    watches: WatchBudget = field(default_factory=lambda: WatchBudget(0))


class WorkersOwner(Protocol):
    """Who gives the workers their work."""

    def demand(self) -> Demand:
        """What waits for a worker."""

    def work_wanted(self) -> None:
        """A worker is idle, or one that had work is gone."""

    def worker_outcome(self, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome) -> None:
        """A worker has ended its execution."""

    def worker_free_soon(self, worker: Worker) -> None:
        """A worker that puts its process back can take its next execution already, to begin when it is ready."""

    def worker_began_next(self, worker: Worker) -> None:
        """A worker has begun what it was handed before it was ready."""

    def worker_lost(self, worker: Worker, execution: Execution) -> None:
        """A worker ended before its execution; its `ending` tells how."""

    def worker_ended(self, worker: Worker) -> None:
        """A worker's process has ended, for its end_reason."""


class Workers:
    """Keeps as many workers alive as there is use for while the zygote serves (sizing.py). Iterates over those that are
    not gone."""

    def __init__(
        self,
        environment: str,
        zygote: Zygote,
        owner: WorkersOwner,
        directory: Path,
        terms: WorkerTerms,
        on_change: Callable[[WorkerState | None, WorkerState], None],
    ) -> None:
        """`environment` is its key; `directory` gets a directory for each worker."""
        self._environment = environment
        self._zygote = zygote
        self._owner = owner
        self._directory = directory
        self._terms = terms
        self._on_change = on_change
        self._parent = Parent(zygote, directory, terms.start_timeout, terms.max_growth, terms.service, terms.watches)
        self._workers: dict[str, Worker] = {}
        # How many to keep: grows with the work up to the most, shrinks as they idle down to the least.
        self._size = terms.bounds.least
        self._tally = Tally()
        # Those that are to be replaced, by name: for what reason, and what that is called in the metrics.
        self._leaving: dict[str, tuple[str, str]] = {}
        self._names = itertools.count(1)
        self._start_failures = 0
        self._background = BackgroundTasks(f"workers of {environment}")

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._workers.values()))

    def idle(self, *, fresh: bool = False) -> Worker | None:
        """A worker that can take work now, or a `fresh` one: the oldest, so that the others' memory stays shared with
        the zygote, and they stay fresh."""
        idle = (worker for worker in self._workers.values() if worker.state is WorkerState.IDLE)
        return next((worker for worker in idle if worker.fresh or not fresh), None)

    def places(self, level: int) -> int:
        """How many more workers may have work of this level of nesting: each level has as many as there may be."""
        return self._terms.bounds.most - self._tally.busy(level)

    @property
    def wants_spare(self) -> bool:
        """Whether one of them makes room for another, with its execution or as it is to be replaced."""
        return bool(self._leaving) or any(worker.spent for worker in self._workers.values())

    @property
    def starting(self) -> int:
        """How many are being made."""
        return self._tally.starting

    def begin(self) -> None:
        """Forks workers from a zygote that has just begun to serve."""
        self._start_failures = 0
        self._size = self._terms.bounds.least
        self.replenish()

    def replenish(self) -> None:
        """Forks as many workers as are wanting."""
        if not self._zygote.serves:
            return
        bounds, census, demand = self._terms.bounds, self._census(), self._owner.demand()
        self._size = sizing.grown(self._size, bounds, census, demand)
        for _ in range(sizing.to_fork(self._size, bounds, census, demand)):
            name = f"{self._environment}-{next(self._names)}"
            terms = self._terms
            worker = Worker(name, self, terms.limits, self._changed, terms.start_timeout, self._give_up_restoring)
            self._workers[name] = worker
            self._background.spawn(self._fork(worker))

    def signal(self, worker: Worker, number: signal.Signals) -> None:
        """Signals a worker's process group."""
        self._parent.signal(worker, number)

    def wake(self, worker: Worker) -> None:
        """Has a worker look whether it was signalled."""
        self._parent.wake(worker)

    def ask_for_stacks(self, worker: Worker) -> None:
        """Has a worker write the stacks of its threads, for stacks()."""
        self._parent.ask_for_stacks(worker)

    def stacks(self, worker: Worker) -> str:
        """What a worker that was asked has written."""
        return read_stacks(self._directory / worker.name)

    def retire(self, worker: Worker, reason: str, end_reason: str = "retired") -> None:
        """Ends a worker that must not be used again; a new one takes its place. For `end_reason` see Metrics."""
        _log.info("worker retired", worker=worker.name, reason=reason)
        self._leaving.pop(worker.name, None)
        worker.end_reason = end_reason
        worker.retire()
        self.signal(worker, signal.SIGKILL)

    def replace(self, worker: Worker, reason: str, end_reason: str) -> None:
        """Has another worker take its place; until that is ready it goes on. For `end_reason` see Metrics."""
        if worker.name not in self._leaving:
            self._leaving[worker.name] = (reason, end_reason)
            self.replenish()

    def end_idle(self) -> None:
        """Ends those that have idled for too long, down to the least number."""
        now, ttl, least = asyncio.get_running_loop().time(), self._terms.idle_ttl, self._terms.bounds.least
        idle = [worker for worker in self if worker.state is WorkerState.IDLE]
        idle.sort(key=lambda worker: worker.idle_since)
        count = sizing.overdue([now - worker.idle_since for worker in idle], ttl, self._tally.living, least)
        for worker in idle[:count]:
            self.retire(worker, f"it has idled for {ttl:g} s (--idle-ttl)", "idle")
        if count:
            self._size = max(least, min(self._size, self._tally.living))

    async def close(self) -> None:
        """Forgets all workers once their zygote is closed. Executions that still run are lost."""
        for worker in self:
            worker.retire()
            worker.dead(worker.exit_status)
            # An execution of a zygote that has ended: its worker's socket may close later than the zygote's own.
            execution, worker.execution = worker.execution, None
            if execution is not None:
                self._owner.worker_lost(worker, execution)
            else:
                worker.end_reason = "stopped"
            self._owner.worker_ended(worker)
        self._workers.clear()
        self._leaving.clear()
        await self._background.close()

    # What the zygote reports

    def forked(self, name: str, pid: int) -> None:
        """A worker has its process."""
        if name in self._workers:
            self._workers[name].pid = pid

    def exited(self, told: frames_pb2.ChildExited) -> None:
        """A process has ended; a worker's socket usually told already."""
        for worker in self._workers.values():
            if worker.pid == told.pid:
                worker.exit_status, worker.peak_memory = told.status, told.peak_memory_bytes
                if not worker.exited.done():
                    worker.exited.set_result(told.status)
                asyncio.get_running_loop().call_later(_LINGER_SECONDS, self.worker_gone, worker)

    # WorkerOwner

    def worker_ready(self, worker: Worker, ready: frames_pb2.WorkerReady) -> None:
        """The worker can take a request, or must go."""
        worker.restoring.end()
        self._start_failures = 0
        if ready.retire_reason:
            self.retire(worker, ready.retire_reason)
            return
        if worker.next is not None:
            self._owner.worker_began_next(worker)
        if ready.replace_reason:
            self.replace(worker, ready.replace_reason, "memory_growth")
        elif self._has_had_all(worker):
            told = f"it has had {self._terms.max_executions} executions (--max-executions)"
            self.replace(worker, told, "max_executions")
        if self._leaving:
            self._let_go()
        if worker.state is not WorkerState.BUSY:
            # It idles; or has just been let go, as another one idles.
            self._owner.work_wanted()
        if self._tally.living > self._size:
            self._trim(worker)

    def worker_outcome(
        self, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome, *, alone: bool
    ) -> None:
        """The worker's execution has ended; `alone`: and can have left nothing that writes."""
        worker.restoring.begin()
        self._owner.worker_outcome(worker, execution, outcome)
        if alone and self._goes_on(worker):
            self._owner.worker_free_soon(worker)

    def worker_gone(self, worker: Worker) -> None:
        """The worker's socket has closed, or cannot be believed any more."""
        if worker.name in self._workers and not worker.burying:
            worker.burying = True
            self._leaving.pop(worker.name, None)
            if worker.state is WorkerState.STARTING:
                self._start_failures += 1
                worker.end_reason = "start_failed"
            worker.retire()
            if worker.next is not None:
                # It waits for another one.
                worker.next = None
                asyncio.get_running_loop().call_soon(self._owner.work_wanted)
            self._background.spawn(self._bury(worker))

    # From fork to end

    def _census(self) -> Census:
        return self._tally.census(sum(worker.spent for worker in self), len(self._leaving))

    def _changed(self, worker: Worker, old: WorkerState | None, new: WorkerState) -> None:
        self._tally.changed(worker.level, old, new)
        if old is WorkerState.BUSY and new is not WorkerState.IDLE:
            # Its place is free; an idle worker may have waited for that.
            asyncio.get_running_loop().call_soon(self._owner.work_wanted)
        self._on_change(old, new)

    def _goes_on(self, worker: Worker) -> bool:
        """Whether a worker that ends an execution is to have another one, as far as is known."""
        is_last = worker.name in self._leaving or self._has_had_all(worker)
        return worker.busy and not is_last and self._tally.living <= self._size

    def _has_had_all(self, worker: Worker) -> bool:
        """Whether it has had as many executions as it may."""
        limit = self._terms.max_executions
        return bool(limit) and worker.executions >= limit

    def _give_up_restoring(self, worker: Worker) -> None:
        if worker.state is WorkerState.BUSY:
            self.retire(worker, f"it was not ready again within {self._terms.start_timeout} s (--start-timeout)")

    def _let_go(self) -> None:
        """Ends one that is to be replaced, if another is ready in its place, and has the next one replaced."""
        idle = (name for name in self._leaving if self._workers[name].state is WorkerState.IDLE)
        if sizing.may_leave(self._size, self._census()) and (name := next(idle, None)) is not None:
            self.retire(self._workers[name], *self._leaving[name])
            self.replenish()

    def _trim(self, worker: Worker) -> None:
        """Ends a worker that has nothing to do when there are more than there is use for."""
        parents = sum(one.execution is not None and one.execution.is_parent for one in self)
        if worker.state is WorkerState.IDLE and sizing.surplus(self._size, self._census(), parents):
            told = (
                "it was one more than there is use for, forked ahead or for what could not wait, and is not needed now"
            )
            self.retire(worker, told, "surplus")

    async def _fork(self, worker: Worker) -> None:
        if self._start_failures:
            await asyncio.sleep(_PAUSE * 2**self._start_failures)
        try:
            await self._parent.fork(worker)
        except OSError as error:
            # No descriptors left, or the directory is gone: as good as a worker that died.
            _log.error("worker not forked", worker=worker.name, reason=str(error))
            self.worker_gone(worker)

    async def _bury(self, worker: Worker) -> None:
        """Waits for the end of a worker's process, tells what became of its execution, and replaces it."""
        self.signal(worker, signal.SIGKILL)
        failures = self._start_failures if worker.end_reason == "start_failed" else 0
        if failures >= _MOST_START_FAILURES and self._zygote.serves:
            told = f": {worker.start_fault}" if worker.start_fault else ""
            self._zygote.lose(f"{failures} workers in a row ended, or did not become ready, when they started{told}")
        self.replenish()
        with contextlib.suppress(asyncio.TimeoutError):
            if self._zygote.serves and worker.pid:
                await asyncio.wait_for(asyncio.shield(worker.exited), _REAP_SECONDS)
        # What it has written to the end is its execution's.
        worker.drain_output()
        execution, worker.execution = worker.execution, None
        worker.dead(worker.exit_status)
        self._workers.pop(worker.name, None)
        if failures:
            _log.warning("worker did not start", worker=worker.name, reason=worker.ending, failures=failures)
        if execution is not None:
            self._owner.worker_lost(worker, execution)
        self._owner.worker_ended(worker)
        await asyncio.to_thread(remove_quietly, self._directory / worker.name)
