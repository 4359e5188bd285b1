"""The workers of an environment in whatever order they come and go. Their processes are this test; sockets are real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from stage import READY, Stage, StandInPool, make_execution

from flytewarm_api.worker.framing import encode_frame
from flytewarm_server.execution.admission import Admission
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2
from flytewarm_server.pool.lane import Lane
from flytewarm_server.pool.sizing import Bounds, Demand
from flytewarm_server.pool.states import WorkerState


async def test_workers_that_all_want_to_be_replaced_go_one_at_a_time(stage: Callable[..., Stage]) -> None:
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


async def test_a_busy_worker_is_replaced_when_it_is_done(stage: Callable[..., Stage]) -> None:
    it = stage(Bounds(1, 1))
    await it.start_all()
    (old,) = it.workers
    await it.say(old.name, READY(replace_reason="it has grown"))
    old.execute(make_execution())
    await it.start_all()
    assert (old.state, it.ready) == (WorkerState.BUSY, 2)
    # No more work than there may be, although the replacement idles.
    assert it.workers.places(0) == 0
    old.execution = None
    await it.say(old.name, READY())
    await it.until(lambda: it.owner.ended == ["memory_growth"])
    assert it.ready == 1


async def test_a_worker_that_dies_before_its_replacement_is_ready_is_replaced_once(
    stage: Callable[..., Stage],
) -> None:
    it = stage(Bounds(2, 2))
    await it.start_all()
    first, _ = it.names
    await it.say(first, READY(replace_reason="it has grown"))
    it.zygote.end(first)
    await it.until(lambda: it.owner.ended == ["lost"])
    await it.start_all()
    assert (len(it.names), it.ready, it.most_living) == (2, 2, 3)


async def test_more_on_demand_and_fewer_when_they_idle(stage: Callable[..., Stage]) -> None:
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


async def test_those_that_were_used_lately_do_not_end(stage: Callable[..., Stage]) -> None:
    it = stage(Bounds(0, 3), idle_ttl=100.0)
    it.owner.wanted = Demand(3)
    it.workers.replenish()
    await it.start_all()
    it.owner.wanted = Demand()
    one, other, busy = it.workers
    busy.execute(make_execution())
    for worker in (one, busy):
        worker.idle_since -= 100.0
    it.workers.end_idle()
    await it.until(lambda: it.owner.ended == ["idle"])
    assert it.names == {other.name, busy.name}


async def test_a_spare_for_a_process_of_its_own(stage: Callable[..., Stage]) -> None:
    it = stage(Bounds(1, 1))
    await it.start_all()
    (used,) = it.workers
    used.execute(make_execution(own_process=True))
    it.workers.replenish()
    await it.start_all()
    assert (it.ready, it.workers.places(0)) == (2, 0)
    it.workers.retire(used, "it has had its one", "isolated")
    await it.until(lambda: it.owner.ended == ["isolated"])
    assert (it.names, it.ready) == ({"env-2"}, 1)


async def test_levels_have_places_of_their_own(stage: Callable[..., Stage]) -> None:
    it = stage(Bounds(1, 1))
    await it.start_all()
    (parent,) = it.workers
    execution = make_execution()
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
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission]
) -> None:
    work, pool, admission = lane
    it = stage(Bounds(1, 1), lane=work)
    names = ["expired", "expired, too", "not expired"]
    for name in names:
        work.submit(make_execution(name))
    pool.expired = set(names[:2])
    assert len(admission) == 3
    await it.start_all()
    (worker,) = it.workers
    assert worker.execution is not None
    assert (worker.execution.id, worker.executions) == ("not expired", 1)
    assert len(admission) == work.waiting == 0


async def test_the_deepest_level_is_served_first_and_each_has_its_workers(
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission]
) -> None:
    work, _, admission = lane
    it = stage(Bounds(1, 1), lane=work)
    for name, level in [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)]:
        work.submit(make_execution(name, level=level))
    await it.start_all()
    assert [one.execution.id for one in it.workers if one.execution is not None] == ["e", "c", "a"]
    assert len(admission) == work.waiting == 2


@pytest.mark.parametrize(("method", "workers"), [("fork", 2), ("exec", 1)])
async def test_descriptions_do_not_wait_for_executions_where_workers_are_forked(
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission], method: str, workers: int
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work, method=method)
    await it.start_all()
    work.submit(make_execution("runs"))
    asked = asyncio.ensure_future(work.describe(task_executor_pb2.DescribeTaskRequest(), level=0))
    await it.until(lambda: work.waiting == 1 and len(it.names) == workers)
    work.submit(make_execution("waits"))
    await it.start_all()
    assert work.waiting == (1 if method == "fork" else 2)
    assert [one.busy for one in it.workers] == [True] * workers
    asked.cancel()


async def test_a_place_that_is_free_is_taken_by_a_worker_that_idles(
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission]
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    work.submit(make_execution("alone", own_process=True))
    await it.start_all()
    work.submit(make_execution("next"))
    first, spare = it.workers
    # There is a worker, but no place beside the one that runs.
    assert (spare.execution, spare.state) == (None, WorkerState.IDLE)
    it.workers.retire(first, "it has had its one", "isolated")
    await it.until(lambda: spare.execution is not None)
    assert spare.execution is not None
    assert spare.execution.id == "next"


def _with_literals_to_follow() -> frames_pb2.WorkerReply:
    outcome = execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=execution_pb2.Outputs(json="{}")
    )
    return frames_pb2.WorkerReply(outcome=outcome, literals_follow=True)


async def test_an_outcome_is_there_with_its_literals(
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission]
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    execution = make_execution()
    work.submit(execution)
    (worker,) = it.workers
    it.reply(worker.name, _with_literals_to_follow())
    literals = b"\x0a\x02\x0a\0"
    it.zygote.ends[worker.name].send(encode_frame(literals)[:-1])
    await asyncio.sleep(0)
    assert worker.execution is execution
    it.zygote.ends[worker.name].send(literals[-1:])
    await it.until(lambda: worker.execution is None)
    assert execution.literals == literals
    assert execution.outcome_bytes == _with_literals_to_follow().ByteSize() + len(literals)


async def test_an_execution_whose_worker_dies_before_the_literals_is_lost(
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission]
) -> None:
    work, pool, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    work.submit(make_execution("cut off"))
    (worker,) = it.workers
    it.reply(worker.name, _with_literals_to_follow())
    it.zygote.ends[worker.name].send(encode_frame(b"x" * 99)[:50])
    it.zygote.end(worker.name)
    await it.until(lambda: pool.lost == ["cut off"])


async def test_what_waits_is_given_to_the_replacement_of_the_one_that_is_let_go(
    stage: Callable[..., Stage], lane: tuple[Lane, StandInPool, Admission]
) -> None:
    work, _, _ = lane
    it = stage(Bounds(1, 1), lane=work)
    await it.start_all()
    (old,) = it.workers
    await it.say(old.name, READY(replace_reason="it has grown"))
    work.submit(make_execution("runs"))
    await it.start_all()
    work.submit(make_execution("waits"))
    (replacement,) = (worker for worker in it.workers if worker is not old)
    assert (old.busy, replacement.state, work.waiting) == (True, WorkerState.IDLE, 1)
    old.execution = None
    await it.say(old.name, READY())
    await it.until(lambda: replacement.execution is not None)
    assert work.waiting == 0
