"""A worker that puts its process back has its next execution already, which waits like all others until it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from stage import READY, Stage, StandInPool, make_execution

from flytewarm_server.execution.admission import Admission
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.states import ExecutionState
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.sizing import Bounds
from flytewarm_server.pool.states import WorkerState
from flytewarm_server.pool.worker import Worker

_Made = tuple[Lane, StandInPool, Admission]


async def _outcome(it: Stage, worker: Worker, *, alone: bool = True) -> None:
    """The worker's execution ends; it puts its process back now."""
    outcome = execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=execution_pb2.Outputs(json="{}")
    )
    it.reply(worker.name, frames_pb2.WorkerReply(outcome=outcome, alone=alone))
    await it.until(lambda: worker.execution is None)


@dataclass
class _Handed:
    """A lane's only worker, which puts its process back after an execution, and the next one that it was handed."""

    work: Lane
    pool: StandInPool
    admission: Admission
    it: Stage
    worker: Worker
    following: Execution


@pytest.fixture
async def handed(stage: Callable[..., Stage], lane: _Made) -> _Handed:
    work, pool, admission = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    work.submit(make_execution("first"))
    following = make_execution("next")
    work.submit(following)
    (worker,) = it.workers
    await _outcome(it, worker)
    assert worker.next is following
    return _Handed(work, pool, admission, it, worker, following)


async def test_it_waits_until_the_worker_is_ready(handed: _Handed) -> None:
    it, worker, following = handed.it, handed.worker, handed.following
    assert (following.state, handed.work.waiting, len(handed.admission)) == (ExecutionState.QUEUED, 1, 1)
    await it.say(worker.name, READY())
    assert (worker.execution, worker.next, worker.state) == (following, None, WorkerState.BUSY)
    assert (following.state, handed.work.waiting, len(handed.admission)) == (ExecutionState.RUNNING, 0, 0)
    assert worker.executions == 2


async def test_each_worker_has_another_next_one(stage: Callable[..., Stage], lane: _Made) -> None:
    work, _, _ = lane
    it = stage(Bounds(2, 2), lane=work)
    await it.start_all()
    for name in "abcde":
        work.submit(make_execution(name))
    one, other = it.workers
    await _outcome(it, one)
    await _outcome(it, other)
    await it.say(other.name, READY())
    await it.say(one.name, READY())
    assert [it.execution(worker) for worker in (one, other)] == ["c", "d"]
    assert work.waiting == 1


async def test_what_it_writes_before_the_service_knows_that_it_is_ready_is_the_next_ones(handed: _Handed) -> None:
    it, worker, following = handed.it, handed.worker, handed.following
    it.write(worker.name, b"of the next\n")
    worker.drain_output()
    await it.say(worker.name, READY())
    following.finish(execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED), worker.name)
    assert [event.WhichOneof("kind") for event in following.log.batch(0)] == ["queued", "started", "log", "outcome"]
    assert following.log.batch(0)[2].log.text == "of the next\n"


async def test_output_without_end_before_it_is_ready_is_not_kept(handed: _Handed) -> None:
    """The next one has written no more than a little by then: it is of what the last one has left."""
    it, worker, following = handed.it, handed.worker, handed.following
    for _ in range(200):
        it.write(worker.name, b"x" * 999 + b"\n")
        worker.drain_output()
    await it.say(worker.name, READY())
    it.write(worker.name, b"of the next\n")
    worker.drain_output()
    following.finish(execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED), worker.name)
    texts = [event.log.text for event in following.log.batch(0) if event.HasField("log")]
    assert len("".join(texts)) < 100_000
    assert texts[-1] == "of the next\n"


async def test_one_that_ends_takes_the_worker_with_it(handed: _Handed) -> None:
    """That would begin it any moment."""
    it, worker, following = handed.it, handed.worker, handed.following
    handed.work.submit(make_execution("last"))
    handed.work.remove(following)
    assert worker.state is WorkerState.RETIRING
    await it.until(lambda: it.names == {"env-2"})
    await it.start_all()
    (fresh,) = it.workers
    assert it.execution(fresh) == "last"
    assert len(handed.admission) == handed.work.waiting == 0


async def test_one_whose_time_is_up_when_the_worker_is_ready_is_not_run(handed: _Handed) -> None:
    it, worker, following = handed.it, handed.worker, handed.following
    handed.pool.expired = {following.id}
    await it.say(worker.name, READY())
    assert (worker.state, worker.execution, handed.work.waiting) == (WorkerState.RETIRING, None, 0)


async def test_what_a_worker_says_of_one_that_has_ended_is_no_fault(handed: _Handed) -> None:
    """It may have begun it, and even be through with it, before the signal reaches it."""
    it, worker = handed.it, handed.worker
    succeeded = execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=execution_pb2.Outputs())
    it.reply(worker.name, frames_pb2.WorkerReply(ready=READY(pid=1)))
    it.reply(worker.name, frames_pb2.WorkerReply(outcome=succeeded))
    handed.work.remove(handed.following)
    await it.until(lambda: worker.state is WorkerState.DEAD)
    assert worker.ending == "was killed by SIGKILL"
    assert handed.pool.lost == []


@pytest.mark.parametrize("end", ["dies", "retires"])
async def test_one_that_a_worker_did_not_begin_goes_to_another(handed: _Handed, end: str) -> None:
    it, worker, following = handed.it, handed.worker, handed.following
    if end == "dies":
        it.zygote.end(worker.name)
    else:
        await it.say(worker.name, READY(retire_reason="it cannot be put back"))
    await it.until(lambda: it.names == {"env-2"})
    assert (following.state, handed.work.waiting) == (ExecutionState.QUEUED, 1)
    await it.start_all()
    (fresh,) = it.workers
    assert fresh.execution is following
    assert len(handed.admission) == handed.work.waiting == 0


async def test_one_that_a_worker_did_not_begin_goes_to_one_that_idles(stage: Callable[..., Stage], lane: _Made) -> None:
    work, _, _ = lane
    it = stage(Bounds(2, 2), lane=work)
    await it.start_all()
    one, other = it.workers
    for name in "abc":
        work.submit(make_execution(name))
    await _outcome(it, one)
    await _outcome(it, other)
    await it.say(other.name, READY())
    # It would not wait for the one that it was handed to, if that could be known.
    assert (other.state, it.execution(other)) == (WorkerState.IDLE, None)
    it.zygote.end(one.name)
    await it.until(lambda: other.execution is not None)
    assert it.execution(other) == "c"


async def test_one_that_was_begun_as_its_worker_was_told_to_end_is_lost(handed: _Handed) -> None:
    """It may have had effects: it must not begin again elsewhere."""
    it, worker, following = handed.it, handed.worker, handed.following
    it.reply(worker.name, frames_pb2.WorkerReply(ready=READY(pid=1)))
    worker.retire()
    await it.until(lambda: worker.execution is following)
    it.zygote.end(worker.name)
    await it.until(lambda: handed.pool.lost == ["next"])
    assert handed.work.waiting == 0


async def test_a_worker_to_be_replaced_begins_what_it_has(handed: _Handed) -> None:
    it, worker, following = handed.it, handed.worker, handed.following
    await it.say(worker.name, READY(replace_reason="it has grown"))
    await it.start_all()
    assert (worker.execution, worker.state) == (following, WorkerState.BUSY)
    handed.work.submit(make_execution("last"))
    await _outcome(it, worker)
    # Its replacement is there.
    assert worker.next is None


@pytest.mark.parametrize(
    ("waiting", "alone"),
    [
        pytest.param([make_execution("x")], False, id="something of the last one may still write"),
        pytest.param([make_execution("x", own_process=True)], True, id="one wants a process of its own"),
        pytest.param([make_execution("x"), make_execution("y", own_process=True)], True, id="another one does"),
        pytest.param([make_execution("x", level=1), make_execution("y")], True, id="others wait for one that is"),
    ],
)
async def test_when_nothing_is_handed_over(
    stage: Callable[..., Stage], lane: _Made, waiting: list[Execution], alone: bool
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    work.submit(make_execution("first"))
    (worker,) = it.workers
    for execution in waiting:
        work.submit(execution)
    await _outcome(it, worker, alone=alone)
    await asyncio.sleep(0)
    assert worker.next is None


async def test_nothing_is_handed_over_by_an_environment_of_which_a_description_is_asked(
    stage: Callable[..., Stage], lane: _Made
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    work.submit(make_execution("first"))
    (worker, *_) = it.workers
    asked = asyncio.ensure_future(work.describe(task_executor_pb2.DescribeTaskRequest(), level=0))
    await it.until(lambda: work.waiting == 1)
    work.submit(make_execution("next"))
    await _outcome(it, worker)
    assert worker.next is None
    asked.cancel()
