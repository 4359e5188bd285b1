"""One environment with the work that waits for its workers."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flytewarm_server.execution.admission import Admission, WaitingQueue
from flytewarm_server.execution.execution import Execution
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2
from flytewarm_server.pool.environment import Environment
from flytewarm_server.pool.sizing import Demand
from flytewarm_server.pool.worker import Description, Worker

# How long a description that nobody waits for may keep its worker, in seconds.
_DESCRIBE_GRACE_SECONDS = 5.0
# The level of nesting that stands for descriptions, as far as workers are concerned.
_DESCRIBING = -1
_FRESH_WANTED = "an execution wants a process of its own"


class LaneOwner(Protocol):
    """Who ends executions and counts."""

    def execution_outcome(
        self, lane: Lane, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome
    ) -> None:
        """A worker has ended its execution."""

    def execution_lost(self, worker: Worker, execution: Execution) -> None:
        """A worker ended before its execution."""

    def execution_expired(self, execution: Execution) -> bool:
        """Whether its time is up before it could start; then it has been ended and waits no more."""

    def worker_ended(self, worker: Worker) -> None:
        """A worker's process has ended, for its end_reason."""


@dataclass(eq=False)
class _WaitingDescription:
    request: task_executor_pb2.DescribeTaskRequest
    result: Description


@dataclass
class _Level:
    """What waits for a worker at one level of nesting."""

    queue: WaitingQueue = field(default_factory=WaitingQueue)
    descriptions: deque[_WaitingDescription] = field(default_factory=deque)

    @property
    def length(self) -> int:
        return len(self.queue) + len(self.descriptions)


class Lane:
    """Gives each worker of the environment its work. The environment is set once, after both were made."""

    environment: Environment

    def __init__(self, owner: LaneOwner, admission: Admission, key: str, directory: Path) -> None:
        """`key` and `directory` are the environment's own; `admission` is for all lanes."""
        self.directory = directory
        # Set when the environment is given up: work that is submitted then would wait for ever.
        self.closed = False
        # When it last had something to do, in the event loop's time.
        self.last_used = asyncio.get_running_loop().time()
        self._owner = owner
        self._admission = admission
        self._key = key
        # By level of nesting; those of one level wait for workers that those of the level below hold.
        self._levels: dict[int, _Level] = {0: _Level()}

    @property
    def queued(self) -> int:
        """Executions that wait for a worker."""
        return sum(len(level.queue) for level in self._levels.values())

    @property
    def waiting(self) -> int:
        """Executions and descriptions that wait for a worker."""
        return sum(level.length for level in self._levels.values())

    @property
    def unused(self) -> bool:
        """Whether nothing waits and no worker has work, or has ended with an execution that was not told yet."""
        workers = self.environment.workers
        return not self.waiting and not any(worker.busy or worker.execution is not None for worker in workers)

    def submit(self, execution: Execution, waited_for: Hashable | None = None) -> None:
        """Gives an execution to an idle worker, or has it wait. Raises QueueFullError, unless it has a place in the
        queue already, in which it `waited_for` the environment."""
        self.last_used = asyncio.get_running_loop().time()
        workers, alone = self.environment.workers, execution.request.own_process
        # Whatever waits already has no use for a worker that is idle.
        worker = workers.idle(fresh=alone) if workers.places(execution.level) > 0 else None
        if worker is not None:
            if waited_for is not None:
                self._admission.leave(waited_for, execution.level)
            execution.queued(0)
            worker.execute(execution)
            if alone:
                # A spare, for the next one.
                workers.replenish()
            return
        self._take_place(execution.level, waited_for)
        execution.queued(self._level(execution.level).queue.push(execution))
        if workers.places(execution.level) > 0:
            # Otherwise as many work as may, and more that wait change nothing.
            self._have_more_workers()

    def remove(self, execution: Execution) -> None:
        """Takes an execution out that waits, and is to end."""
        workers = self.environment.workers
        if (worker := next((one for one in workers if one.next is execution), None)) is not None:
            # It would begin that any moment.
            worker.next = None
            workers.retire(worker, f"execution {execution.id}, its next one, has ended", "ended")
        self._take_out(execution)

    async def describe(
        self, request: task_executor_pb2.DescribeTaskRequest, level: int, waited_for: Hashable | None = None
    ) -> frames_pb2.WorkerReply:
        """Has a worker load and describe a task. Raises QueueFullError, as submit; ConnectionError when the worker
        ends."""
        self.last_used = asyncio.get_running_loop().time()
        workers = self.environment.workers
        waiting = _WaitingDescription(request, asyncio.get_running_loop().create_future())
        describing = self._describing(level)
        worker = workers.idle() if workers.places(describing) > 0 else None
        if worker is not None:
            if waited_for is not None:
                self._admission.leave(waited_for, level)
            worker.describe(request, waiting.result, describing)
        else:
            self._take_place(level, waited_for)
            self._level(level).descriptions.append(waiting)
            self._have_more_workers()
        try:
            return await waiting.result
        finally:
            if waiting in self._level(level).descriptions:
                self._level(level).descriptions.remove(waiting)
                self._admission.leave(self._key, level)
            elif waiting.result.cancelled():
                # Nobody waits any more. An import that hangs would keep the worker for ever.
                asyncio.get_running_loop().call_later(_DESCRIBE_GRACE_SECONDS, self._abandon, waiting.result)

    def give_up_waiting(self, reason: str) -> list[Execution]:
        """Fails the descriptions that wait, with ConnectionError, and returns the executions, which are taken out."""
        executions = [execution for level in self._levels.values() for execution in level.queue]
        for execution in executions:
            self.remove(execution)
        for level in self._levels.values():
            for waiting in level.descriptions:
                if not waiting.result.done():
                    waiting.result.set_exception(ConnectionError(reason))
        return executions

    def worker_of(self, execution: Execution) -> Worker | None:
        """The worker that has it."""
        return next((one for one in self.environment.workers if one.execution is execution), None)

    def _take_out(self, execution: Execution) -> None:
        self._levels[execution.level].queue.remove(execution)
        self._admission.leave(self._key, execution.level)

    def _level(self, number: int) -> _Level:
        return self._levels.setdefault(number, _Level())

    def _describing(self, level: int) -> int:
        """Whose workers a description takes: not those of executions, which may run for hours, but up to as many of its
        own, forked on demand. An exec'd one costs its imports, and what these take of a GPU: there it waits."""
        return level if self.environment.start_method.execs else _DESCRIBING

    def _take_place(self, level: int, waited_for: Hashable | None) -> None:
        if waited_for is None:
            self._admission.take(self._key, level)
        else:
            self._admission.move(waited_for, self._key, level)

    def _abandon(self, description: Description) -> None:
        for worker in self.environment.workers:
            if worker.describes(description):
                self.environment.workers.retire(worker, "a description that nobody waits for did not end", "ended")

    # Matching

    def _start(self, number: int, level: _Level) -> bool:
        """Gives a worker something of this level: descriptions, which are short, before executions."""
        workers = self.environment.workers
        if (idle := workers.idle()) is None:
            return False
        if level.descriptions and workers.places(describing := self._describing(number)) > 0:
            waiting = level.descriptions.popleft()
            self._admission.leave(self._key, number)
            if not waiting.result.done():
                idle.describe(waiting.request, waiting.result, describing)
            return True
        if workers.places(number) <= 0:
            return False
        fresh = workers.idle(fresh=True) if level.queue.own_process else None
        # Those that want a fresh one let the others pass while none is there.
        startable = (one for one in level.queue if fresh is not None or not one.request.own_process)
        if (execution := self._first(startable)) is None:
            return False
        if not self._owner.execution_expired(execution):
            self._take_out(execution)
            worker = fresh if execution.request.own_process else idle
            assert worker is not None
            worker.execute(execution)
        return True

    def _first(self, executions: Iterable[Execution]) -> Execution | None:
        """The first one that no worker was handed."""
        handed_over = {worker.next for worker in self.environment.workers}
        return next((one for one in executions if one not in handed_over), None)

    def _startable(self) -> bool:
        """Whether anything waits for nothing but a worker. Most of the time all that may work do so, with more to come:
        no need to count then."""
        places = self.environment.workers.places
        return any(
            (level.length and places(number) > 0) or (level.descriptions and places(self._describing(number)) > 0)
            for number, level in self._levels.items()
        )

    def _have_more_workers(self) -> None:
        """Has workers forked for what waits. Where there are enough that were used, a fresh one takes the place of an
        idle one: at once if there is no place else, or when it is ready, so that one is left for the next execution
        that wants a fresh one."""
        workers = self.environment.workers
        workers.replenish()
        if not any(level.queue.own_process for level in self._levels.values()) or (used := workers.idle()) is None:
            return
        if not (fresh := self.demand().fresh):
            return
        if fresh > workers.starting:
            workers.retire(used, _FRESH_WANTED, "isolated")
        else:
            workers.replace(used, _FRESH_WANTED, "isolated")

    # WorkersOwner

    def demand(self) -> Demand:
        """What waits and may start at once: as many of each level as have places there."""
        executions = fresh = nested = 0
        waiting: Counter[int] = Counter()
        for number, level in self._levels.items():
            waiting[number] += len(level.queue)
            if level.descriptions:
                waiting[self._describing(number)] += len(level.descriptions)
        for number, length in waiting.items():
            startable = min(length, self.environment.workers.places(number))
            executions += startable
            nested += startable if number else 0
            if number in self._levels:
                fresh += min(self._levels[number].queue.own_process, startable)
        return Demand(executions, fresh, nested)

    def work_wanted(self) -> None:
        """Gives idle workers what waits: first what running executions wait for."""
        if not self.waiting:
            return
        for number in sorted(self._levels, reverse=True):
            while self._start(number, self._levels[number]):
                pass
        if self._startable() or self.environment.workers.wants_spare:
            self._have_more_workers()

    def worker_outcome(self, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome) -> None:
        """Its execution has ended."""
        self.environment.proved = True
        self.last_used = asyncio.get_running_loop().time()
        self._owner.execution_outcome(self, worker, execution, outcome)

    def worker_free_soon(self, worker: Worker) -> None:
        """Hands it what it would be given when it is ready, unless that depends on what is there then."""
        level = self._level(worker.level)
        if not level.queue or self.waiting != len(level.queue) or level.queue.own_process:
            return
        if (execution := self._first(level.queue)) is not None and not self._owner.execution_expired(execution):
            worker.execute_next(execution)

    def worker_began_next(self, worker: Worker) -> None:
        """It runs what it was handed; or ends, if that has ended while it waited."""
        execution = worker.next
        if execution is not None and not self._owner.execution_expired(execution):
            self._take_out(execution)
            worker.begin_next()

    def worker_lost(self, worker: Worker, execution: Execution) -> None:
        """It ended before its execution."""
        self.last_used = asyncio.get_running_loop().time()
        self._owner.execution_lost(worker, execution)

    def worker_ended(self, worker: Worker) -> None:
        """Its process has ended."""
        self._owner.worker_ended(worker)
