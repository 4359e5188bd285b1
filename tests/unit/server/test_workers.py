"""The workers of an environment in whatever order they come and go. Their processes are this test; sockets are real."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_api.worker.framing import encode_frame
from flytewarm_api.worker.v1 import frames_pb2
from flytewarm_server.execution.admission import Admission
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.sizing import Bounds, Demand
from flytewarm_server.pool.start_method import StartMethod
from flytewarm_server.pool.states import WorkerState
from flytewarm_server.pool.worker import EventLimits, Worker
from flytewarm_server.pool.workers import Workers, WorkerTerms

READY = frames_pb2.WorkerReady


class _Zygote:
    """Forks nothing: this test holds the workers' ends of the sockets."""

    def __init__(self) -> None:
        self.serves = True
        self.ends: dict[str, socket.socket] = {}
        # Process ids of those that have ended and were not told of yet.
        self.exits: list[int] = []

    def command(self, command: frames_pb2.ZygoteCommand, fds: list[int] | None = None) -> None:
        if command.HasField("fork_worker"):
            assert fds is not None
            self.ends[command.fork_worker.name] = socket.socket(fileno=socket.dup(fds[0]))
        elif command.signal_worker.signal == signal.SIGKILL:
            self.end(f"env-{command.signal_worker.pid}")

    def end(self, name: str) -> None:
        """A worker's process ends."""
        if (end := self.ends.pop(name, None)) is not None:
            end.close()
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

    def worker_lost(self, worker: Worker, execution: Execution) -> None: ...

    def worker_ended(self, worker: Worker) -> None:
        self.ended.append(worker.end_reason)


class _Stage:
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
        self.zygote.ends[name].send(encode_frame(frames_pb2.WorkerReply(ready=ready).SerializeToString()))
        await self.until(lambda: self.workers.heard > heard)

    async def start_all(self) -> None:
        """All that were forked become ready, and those that are forked over that."""
        while starting := [one.name for one in self.workers if one.state is WorkerState.STARTING]:
            for name in starting:
                await self.say(name, READY())

    async def close(self) -> None:
        self.zygote.serves = False
        for end in self.zygote.ends.values():
            end.close()
        await self.workers.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Callable[..., _Stage]]:
    made: list[_Stage] = []

    def make(*arguments: Any, **options: Any) -> _Stage:
        made.append(_Stage(tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def _execution(name: str = "x", *, own_process: bool = False, level: int = 0) -> Execution:
    request = ValidRequest(task_executor_pb2.ExecuteTaskRequest(), own_process=own_process)
    return Execution(name, request, max_log_bytes=0, level=level)


class _Pool:
    """Ends nothing but what has expired."""

    def __init__(self) -> None:
        self.expired: set[str] = set()
        self.lane: Lane

    def execution_outcome(self, lane: Lane, worker: Worker, execution: Execution, outcome: Any) -> None: ...

    def execution_lost(self, worker: Worker, execution: Execution) -> None: ...

    def execution_expired(self, execution: Execution) -> bool:
        if execution.id in self.expired:
            self.lane.remove(execution)
        return execution.id in self.expired

    def worker_ended(self, worker: Worker) -> None: ...

    def queue_changed(self) -> None: ...


@pytest.fixture
async def lane(tmp_path: Path) -> tuple[Lane, _Pool, Admission]:
    pool, admission = _Pool(), Admission(10, 0)
    pool.lane = Lane(pool, admission, "env", tmp_path)
    return pool.lane, pool, admission


async def test_workers_that_all_want_to_be_replaced_go_one_at_a_time(stage: Callable[..., _Stage]) -> None:
    it = stage(Bounds(3, 3))
    await it.start_all()
    first, it.least_ready = it.names, it.ready
    for name in first:
        await it.say(name, READY(replace_reason="it has grown"))
    # One has been forked, and while it starts nobody goes.
    assert (len(it.names), it.ready) == (4, 3)
    assert first < it.names
    await it.start_all()
    await it.until(lambda: len(it.owner.ended) == 3)
    assert len(it.names) == it.ready == 3
    assert not first & it.names
    assert (it.most_living, it.least_ready) == (4, 3)
    assert it.owner.ended == ["memory_growth"] * 3


async def test_a_busy_worker_is_replaced_when_it_is_done(stage: Callable[..., _Stage]) -> None:
    it = stage(Bounds(1, 1))
    await it.start_all()
    (old,) = it.workers
    await it.say(old.name, READY(replace_reason="it has grown"))
    old.execute(_execution())
    await it.start_all()
    assert (old.state, it.ready) == (WorkerState.BUSY, 2)
    # No more work than there may be, although the replacement idles.
    assert it.workers.places(0) == 0
    old.execution = None
    await it.say(old.name, READY())
    await it.until(lambda: it.owner.ended == ["memory_growth"])
    assert it.ready == 1


async def test_a_worker_that_dies_before_its_replacement_is_ready_is_replaced_once(
    stage: Callable[..., _Stage],
) -> None:
    it = stage(Bounds(2, 2))
    await it.start_all()
    first, _ = it.names
    await it.say(first, READY(replace_reason="it has grown"))
    it.zygote.end(first)
    await it.until(lambda: it.owner.ended == ["lost"])
    await it.start_all()
    assert (len(it.names), it.ready, it.most_living) == (2, 2, 3)


async def test_more_on_demand_and_fewer_when_they_idle(stage: Callable[..., _Stage]) -> None:
    it = stage(Bounds(1, 4), idle_ttl=100.0)
    await it.start_all()
    assert it.ready == 1
    it.owner.wanted = Demand(9)
    it.workers.replenish()
    await it.start_all()
    it.owner.wanted = Demand()
    assert it.ready == 4
    it.workers.end_idle()
    assert it.ready == 4
    for worker in it.workers:
        worker.idle_since -= 100.0
    it.workers.end_idle()
    await it.until(lambda: it.owner.ended == ["idle"] * 3)
    # They are not forked again.
    it.workers.replenish()
    assert len(it.names) == 1


async def test_those_that_were_used_lately_do_not_end(stage: Callable[..., _Stage]) -> None:
    it = stage(Bounds(0, 3), idle_ttl=100.0)
    it.owner.wanted = Demand(3)
    it.workers.replenish()
    await it.start_all()
    it.owner.wanted = Demand()
    one, other, busy = it.workers
    busy.execute(_execution())
    for worker in (one, busy):
        worker.idle_since -= 100.0
    it.workers.end_idle()
    await it.until(lambda: it.owner.ended == ["idle"])
    assert it.names == {other.name, busy.name}


async def test_a_spare_for_a_process_of_its_own(stage: Callable[..., _Stage]) -> None:
    it = stage(Bounds(1, 1))
    await it.start_all()
    (used,) = it.workers
    used.execute(_execution(own_process=True))
    it.workers.replenish()
    await it.start_all()
    assert (it.ready, it.workers.places(0)) == (2, 0)
    it.workers.retire(used, "it has had its one", "isolated")
    await it.until(lambda: it.owner.ended == ["isolated"])
    assert (it.names, it.ready) == ({"env-2"}, 1)


async def test_levels_have_places_of_their_own(stage: Callable[..., _Stage]) -> None:
    it = stage(Bounds(1, 1))
    await it.start_all()
    (parent,) = it.workers
    execution = _execution()
    execution.is_parent = True
    parent.execute(execution)
    assert [it.workers.places(level) for level in range(3)] == [0, 1, 1]
    it.owner.wanted = Demand(1, nested=1)
    it.workers.replenish()
    it.owner.wanted = Demand()
    await it.start_all()
    assert it.ready == 2
    parent.execution = None
    await it.say(parent.name, READY())
    await it.until(lambda: it.owner.ended == ["surplus"])
    assert it.ready == 1


async def test_what_has_expired_takes_no_worker(
    stage: Callable[..., _Stage], lane: tuple[Lane, _Pool, Admission]
) -> None:
    work, pool, admission = lane
    it = stage(Bounds(1, 1), lane=work)
    names = ["expired", "expired, too", "not expired"]
    for name in names:
        work.submit(_execution(name))
    pool.expired = set(names[:2])
    assert len(admission) == 3
    await it.start_all()
    (worker,) = it.workers
    assert worker.execution is not None
    assert (worker.execution.id, worker.executions) == ("not expired", 1)
    assert len(admission) == work.waiting == 0


async def test_the_deepest_level_is_served_first_and_each_has_its_workers(
    stage: Callable[..., _Stage], lane: tuple[Lane, _Pool, Admission]
) -> None:
    work, _, admission = lane
    it = stage(Bounds(1, 1), lane=work)
    for name, level in [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)]:
        work.submit(_execution(name, level=level))
    await it.start_all()
    assert [one.execution.id for one in it.workers if one.execution is not None] == ["e", "c", "a"]
    assert len(admission) == work.waiting == 2


@pytest.mark.parametrize(("method", "workers"), [("fork", 2), ("exec", 1)])
async def test_descriptions_do_not_wait_for_executions_where_workers_are_forked(
    stage: Callable[..., _Stage], lane: tuple[Lane, _Pool, Admission], method: str, workers: int
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work, method=method)
    await it.start_all()
    work.submit(_execution("runs"))
    asked = asyncio.ensure_future(work.describe(task_executor_pb2.DescribeTaskRequest(), level=0))
    await it.until(lambda: work.waiting == 1 and len(it.names) == workers)
    work.submit(_execution("waits"))
    await it.start_all()
    assert work.waiting == (1 if method == "fork" else 2)
    assert [one.busy for one in it.workers] == [True] * workers
    asked.cancel()


async def test_a_place_that_is_free_is_taken_by_a_worker_that_idles(
    stage: Callable[..., _Stage], lane: tuple[Lane, _Pool, Admission]
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    work.submit(_execution("alone", own_process=True))
    await it.start_all()
    work.submit(_execution("next"))
    first, spare = it.workers
    # There is a worker, but no place beside the one that runs.
    assert (spare.execution, spare.state) == (None, WorkerState.IDLE)
    it.workers.retire(first, "it has had its one", "isolated")
    await it.until(lambda: spare.execution is not None)
    assert spare.execution is not None
    assert spare.execution.id == "next"
