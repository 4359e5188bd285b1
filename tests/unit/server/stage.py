"""The workers of an environment on a stage: sockets are real, their other ends are held by the test. And a lane."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flytewarm_api.worker.framing import encode_frame
from flytewarm_server.execution.events import COALESCE_SECONDS
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.sizing import Bounds, Demand
from flytewarm_server.pool.start_method import StartMethod
from flytewarm_server.pool.states import WorkerState
from flytewarm_server.pool.worker import EventLimits, Worker
from flytewarm_server.pool.workers import Workers, WorkerTerms
from flytewarm_server.timers import Delay

READY = frames_pb2.WorkerReady


class _Zygote:
    """Forks nothing: this test holds the workers' ends of the sockets."""

    def __init__(self) -> None:
        self.serves = True
        self.ends: dict[str, socket.socket] = {}
        self.outputs: dict[str, int] = {}
        # Process ids of those that have ended and were not told of yet.
        self.exits: list[int] = []

    def command(self, command: frames_pb2.ZygoteCommand, fds: list[int] | None = None) -> None:
        if command.HasField("fork_worker"):
            assert fds is not None
            name = command.fork_worker.name
            self.ends[name], self.outputs[name] = socket.socket(fileno=socket.dup(fds[0])), os.dup(fds[1])
        elif command.signal_worker.signal == signal.SIGKILL:
            self.end(f"env-{command.signal_worker.pid}")

    def end(self, name: str) -> None:
        """A worker's process ends."""
        if (end := self.ends.pop(name, None)) is not None:
            end.close()
            os.close(self.outputs.pop(name))
            self.exits.append(int(name.rpartition("-")[2]))

    def lose(self, reason: str) -> None:
        raise AssertionError(reason)


class _Workers(Workers):
    heard = 0

    def worker_ready(self, worker: Worker, ready: frames_pb2.WorkerReady) -> None:
        super().worker_ready(worker, ready)
        self.heard += 1


class _Owner:
    """Has no work but what a test gives out."""

    def __init__(self) -> None:
        self.wanted = Demand()
        self.ended: list[str] = []

    def demand(self) -> Demand:
        return self.wanted

    def work_wanted(self) -> None: ...

    def worker_outcome(self, worker: Worker, execution: Execution, outcome: execution_pb2.Outcome) -> None: ...

    def worker_free_soon(self, worker: Worker) -> None: ...

    def worker_began_next(self, worker: Worker) -> None: ...

    def worker_lost(self, worker: Worker, execution: Execution) -> None: ...

    def worker_ended(self, worker: Worker) -> None:
        self.ended.append(worker.end_reason)


class Stage:
    """Workers on a stage: what they say, and how many there are at each moment."""

    def __init__(
        self, directory: Path, bounds: Bounds, idle_ttl: float = 0.0, lane: Lane | None = None, method: str = "fork"
    ) -> None:
        self.zygote, self.owner, self.states = _Zygote(), _Owner(), Counter[WorkerState]()
        self.most_living, self.least_ready = 0, 1 << 30
        start_method = StartMethod(method)
        terms = WorkerTerms(bounds, 60.0, EventLimits(1 << 20), idle_ttl=idle_ttl)
        self.workers = _Workers("env", self.zygote, lane or self.owner, directory, terms, self._changed)
        if lane is not None:
            lane.environment = SimpleNamespace(workers=self.workers, start_method=start_method)  # type: ignore[assignment]
        self.workers.begin()

    def _changed(self, old: WorkerState | None, new: WorkerState) -> None:
        if old is not None:
            self.states[old] -= 1
        self.states[new] += 1
        self.most_living = max(self.most_living, self.ready + self.states[WorkerState.STARTING])
        self.least_ready = min(self.least_ready, self.ready)

    @property
    def ready(self) -> int:
        return self.states[WorkerState.IDLE] + self.states[WorkerState.BUSY]

    @property
    def names(self) -> set[str]:
        return {worker.name for worker in self.workers if worker.state is not WorkerState.RETIRING}

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            while self.zygote.exits:
                self.workers.exited(frames_pb2.ChildExited(pid=self.zygote.exits.pop(), status=-signal.SIGKILL))
            await asyncio.sleep(0.001)

    async def say(self, name: str, ready: frames_pb2.WorkerReady) -> None:
        """A worker speaks; returns when it was heard."""
        await self.until(lambda: name in self.zygote.ends)
        ready.pid = int(name.rpartition("-")[2])
        heard = self.workers.heard
        self.reply(name, frames_pb2.WorkerReply(ready=ready))
        await self.until(lambda: self.workers.heard > heard)

    def reply(self, name: str, reply: frames_pb2.WorkerReply) -> None:
        """A worker says anything."""
        self.zygote.ends[name].send(encode_frame(reply.SerializeToString()))

    def write(self, name: str, data: bytes) -> None:
        """A worker's task writes to its standard output."""
        os.write(self.zygote.outputs[name], data)

    @staticmethod
    def execution(worker: Worker) -> str | None:
        """What a worker runs."""
        return worker.execution.id if worker.execution is not None else None

    async def start_all(self) -> None:
        """All that were forked become ready, and those that are forked over that."""
        while starting := [one.name for one in self.workers if one.state is WorkerState.STARTING]:
            for name in starting:
                await self.say(name, READY())

    async def close(self) -> None:
        self.zygote.serves = False
        for name in list(self.zygote.ends):
            self.zygote.end(name)
        await self.workers.close()


class StandInPool:
    """Ends nothing but what has expired."""

    def __init__(self) -> None:
        self.expired: set[str] = set()
        self.lost: list[str] = []
        self.lane: Lane

    def execution_outcome(self, lane: Lane, worker: Worker, execution: Execution, outcome: Any) -> None: ...

    def execution_lost(self, _worker: Worker, execution: Execution) -> None:
        self.lost.append(execution.id)

    def execution_expired(self, execution: Execution) -> bool:
        if execution.id in self.expired:
            self.lane.remove(execution)
        return execution.id in self.expired

    def worker_ended(self, worker: Worker) -> None: ...

    def queue_changed(self) -> None: ...


def make_execution(name: str = "x", *, own_process: bool = False, level: int = 0) -> Execution:
    request = ValidRequest(task_executor_pb2.ExecuteTaskRequest(), own_process=own_process)
    return Execution(name, request, max_log_bytes=1 << 20, coalescing=Delay(COALESCE_SECONDS), level=level)
