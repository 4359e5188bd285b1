"""Takes executions to their environments and ends what must be ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from flytewarm_server.background import BackgroundTasks
from flytewarm_server.cgroup import find_memory_cgroup
from flytewarm_server.config import ServerConfig
from flytewarm_server.execution.admission import Admission
from flytewarm_server.execution.endings import PREEMPTED, Ending, environment_broken, timed_out, worker_lost
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.registry import Registry
from flytewarm_server.execution.request import DEFAULT_ENVIRONMENT, WantedEnvironment
from flytewarm_server.execution.states import ExecutionState
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2
from flytewarm_server.pool.environment import Environment
from flytewarm_server.pool.finisher import Finisher
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.lanes import Lanes
from flytewarm_server.pool.memory import MemoryGuard
from flytewarm_server.pool.preparation import Preparation
from flytewarm_server.pool.states import EnvironmentState
from flytewarm_server.pool.worker import Worker
from flytewarm_server.telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)
# What a worker gets to write the stacks of its threads before it is ended, in seconds.
_STACKS_SECONDS = 0.1
# How often a worker that was told to end is woken, in seconds: it may have missed the signal.
_WAKE_SECONDS = 0.2
# Why a worker goes after the one execution that it was for.
_OWN_PROCESS = "its execution has a process of its own"


class Pool:
    """The workers of this machine. Lives on the server's event loop; its callbacks run there one after another."""

    def __init__(
        self,
        config: ServerConfig,
        registry: Registry,
        metrics: Metrics,
        runtime_dir: Path,
        on_ready: Callable[[bool], None],
        service: Callable[[], str],
    ) -> None:
        """`runtime_dir` is the service's own temporary directory; `on_ready(ready)` tells whether work can be done;
        `service` tells where tasks find this service once it listens."""
        self._config = config
        self._registry = registry
        self._metrics = metrics
        self._on_ready = on_ready
        self._admission = Admission(config.max_queue, config.max_queue_per_environment)
        broken = self._environment_broken
        self._lanes = Lanes(config, self, self._admission, metrics, runtime_dir, self._default_changed, broken, service)
        # Where each execution waits or runs; one whose environment is being made is in none.
        self._lane_of: dict[str, Lane] = {}
        self._finisher = Finisher(registry, metrics, lambda execution: self._lane_of.pop(execution.id, None))
        metrics.watch_queue(lambda: sum(lane.queued for lane in self._lanes.all()))
        self._memory = MemoryGuard(config, find_memory_cgroup(), self._workers, self._end_for_memory)
        self._background = BackgroundTasks("memory")
        # Bound once: to find out that debug is off takes an unbound one as long as much of a request.
        self._log = _log.bind()
        self._preparation = Preparation(self._lanes, self._admission, self._assign, self._finisher)
        self._draining = False
        # Those that no running task has asked for: nothing comes of them once the service stops.
        self._descriptions: set[asyncio.Future[frames_pb2.WorkerReply]] = set()

    async def start(self) -> None:
        """Loads the default environment and from then on keeps it loaded. Raises EnvironmentBrokenError."""
        self._background.spawn(self._memory.run())
        await self._lanes.start()

    async def drain(self, grace: float, hurry: asyncio.Queue[None]) -> None:
        """Waits until nothing waits or runs, at most `grace` seconds or until `hurry` has an item; then ends the rest
        as preempted."""
        self._draining = self._finisher.hurried = True
        for description in self._descriptions:
            description.cancel()
        idle = self._finisher.idle
        waits = [asyncio.ensure_future(idle.wait()), asyncio.ensure_future(hurry.get())]
        await asyncio.wait(waits, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not idle.is_set():
            for execution in self._registry.running():
                self.end(execution, PREEMPTED)
            await self._finisher.wait_or_give_up(self._config.cancel_grace)

    async def close(self) -> None:
        """Ends every process of the pool."""
        await self._background.close()
        await self._preparation.close()
        await self._finisher.close()
        await self._lanes.close()

    @property
    def draining(self) -> bool:
        """Whether no new work is taken because the service stops."""
        return self._draining

    def readiness(self) -> str | None:
        """Why no work is taken, or None."""
        state = self.environment.state
        if self._draining:
            return "the service is stopping"
        if state is not EnvironmentState.READY:
            return f"environment {self.environment.spec.key} is {state.name}: {self.environment.reason}".rstrip(": ")
        return None

    # Work

    def submit(self, execution: Execution) -> None:
        """Takes an execution. Raises QueueFullError, leaving it out."""
        if execution.request.environment == DEFAULT_ENVIRONMENT:
            self._assign(execution, self._lanes.default)
        else:
            self._preparation.begin(execution)
        self._log.debug("execution accepted", execution=execution.id, task=execution.request.message.task.name)
        self._finisher.expect(execution, self._time_out)

    def _assign(self, execution: Execution, lane: Lane, waited_for: WantedEnvironment | None = None) -> None:
        lane.submit(execution, waited_for)
        self._lane_of[execution.id] = lane
        execution.environment = lane.environment.spec.key

    async def describe(
        self, request: task_executor_pb2.DescribeTaskRequest, wanted: WantedEnvironment, level: int
    ) -> frames_pb2.WorkerReply:
        """Has a worker load and describe a task. Raises QueueFullError; ConnectionError when the worker ends, or the
        service stops; DistributionError and EnvironmentBrokenError when the environment cannot be had."""
        if wanted == DEFAULT_ENVIRONMENT:
            described = asyncio.ensure_future(self._lanes.default.describe(request, level))
        else:
            described = asyncio.ensure_future(self._preparation.describe(request, wanted, level))
        if level == 0:
            self._descriptions.add(described)
        try:
            return await described
        except asyncio.CancelledError:
            if self._draining and level == 0:
                raise ConnectionError("the service is stopping") from None
            raise
        finally:
            self._descriptions.discard(described)

    @property
    def waiting(self) -> int:
        """Executions and descriptions that wait for a worker or an environment."""
        return len(self._admission)

    @property
    def lanes(self) -> list[Lane]:
        """Every environment with its work, the default one first."""
        return self._lanes.all()

    @property
    def environment(self) -> Environment:
        """The default one."""
        return self._lanes.default.environment

    def end(self, execution: Execution, ending: Ending) -> None:
        """Ends an execution: from the queue at once; in a worker by TERM and, after the grace, KILL."""
        if execution.ended or execution.ending is not None:
            return
        execution.ending = ending
        lane = self._lane_of.get(execution.id)
        if execution.state is ExecutionState.QUEUED:
            if lane is not None:
                lane.remove(execution)
            else:
                self._preparation.remove(execution)
            self._finisher.finish_for(execution, ending)
            return
        worker = lane.worker_of(execution) if lane is not None else None
        if lane is None or worker is None:
            return
        if ending.wants_stacks:
            lane.environment.workers.ask_for_stacks(worker)
            # A signal that ends the process would be served before.
            asyncio.get_running_loop().call_later(_STACKS_SECONDS, self._terminate, lane, worker, execution)
        else:
            self._terminate(lane, worker, execution)

    def _terminate(self, lane: Lane, worker: Worker, execution: Execution) -> None:
        if worker.execution is execution:
            lane.environment.workers.signal(worker, signal.SIGTERM)
            loop = asyncio.get_running_loop()
            loop.call_later(self._config.cancel_grace, _kill, lane, worker, execution)
            loop.call_later(_WAKE_SECONDS, _wake, lane, worker, execution)

    def _workers(self) -> Iterator[Worker]:
        return (worker for lane in self._lanes.all() for worker in lane.environment.workers)

    def _end_for_memory(self, worker: Worker, ending: Ending) -> None:
        """Ends a worker's execution at once: there is no time for grace."""
        execution = worker.execution
        lane = self._lane_of.get(execution.id) if execution is not None else None
        if execution is None or lane is None or execution.ended:
            return
        execution.ending = execution.ending or ending
        _kill(lane, worker, execution)

    # LaneOwner

    def execution_outcome(
        self, lane: Lane, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome
    ) -> None:
        """Ends an execution with its worker's outcome, unless the service ended it and the task failed over that."""
        ending = execution.ending
        if ending is not None:
            # A worker that was signalled may hold anything: a cancelled execution must not touch the next.
            lane.environment.workers.retire(worker, f"execution {execution.id} was ended: {ending.message}", "ended")
            if outcome.state != execution_pb2.EXECUTION_STATE_SUCCEEDED:
                told = ending.with_stacks(lane.environment.workers.stacks(worker)) if ending.wants_stacks else ending
                self._finisher.finish_for(execution, told, worker.name)
                return
        if execution.request.own_process:
            outcome.receipt.worker_retired = outcome.receipt.worker_retired or _OWN_PROCESS
            lane.environment.workers.retire(worker, _OWN_PROCESS, "isolated")
        self._finisher.finish(execution, outcome, worker.name)

    def execution_lost(self, worker: Worker, execution: Execution) -> None:
        """Ends an execution whose worker is gone."""
        if execution.ended:
            # The stop did not wait for it.
            worker.end_reason = "ended"
            return
        if execution.ending is None:
            lost = worker_lost(f"worker {worker.name} (process {worker.pid}) {worker.ending}")
            execution.ending = self._memory.ending_of_lost(worker) or lost
        elif execution.ending.cause != execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY:
            worker.end_reason = "ended"
        if execution.ending.cause == execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY:
            worker.end_reason = "out_of_memory"
        lane = self._lane_of.get(execution.id)
        ending = execution.ending
        if ending.wants_stacks and lane is not None:
            ending = ending.with_stacks(lane.environment.workers.stacks(worker))
        self._finisher.finish_for(execution, ending, worker.name)

    def execution_expired(self, execution: Execution) -> bool:
        """Ends an execution whose timeout has passed, although the event loop was too busy to see that."""
        if execution.deadline is None or asyncio.get_running_loop().time() < execution.deadline:
            return False
        self._time_out(execution)
        return True

    def worker_ended(self, worker: Worker) -> None:
        """Counts it."""
        self._metrics.worker_exited(worker.end_reason)

    def _time_out(self, execution: Execution) -> None:
        self.end(execution, timed_out(execution.request.timeout_seconds))

    # Environments

    def _default_changed(self, new: EnvironmentState) -> None:
        self._on_ready(new is EnvironmentState.READY)

    def _environment_broken(self, lane: Lane, reason: str) -> None:
        """Ends what waits for a worker: none will come before the environment is mended."""
        ending = environment_broken(lane.environment.spec.key, reason)
        for execution in lane.give_up_waiting(ending.message):
            execution.ending = ending
            self._finisher.finish_for(execution, ending)


def _kill(lane: Lane, worker: Worker, execution: Execution) -> None:
    if worker.execution is execution:
        lane.environment.workers.signal(worker, signal.SIGKILL)


def _wake(lane: Lane, worker: Worker, execution: Execution) -> None:
    if worker.execution is execution:
        lane.environment.workers.wake(worker)
        asyncio.get_running_loop().call_later(_WAKE_SECONDS, _wake, lane, worker, execution)
