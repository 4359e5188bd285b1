"""Executions with a process of their own, among those that share one; workers that are replaced in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from calls import Calls, request
from conftest import open_calls
from faults import Barrier, StartService, busy_worker, environment, idle_worker, running, wait_for
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2

CONTEXT, PROCESS = settings_pb2.ISOLATION_CONTEXT, settings_pb2.ISOLATION_PROCESS


def _made(isolation: settings_pb2.Isolation, name: str = "basic.add", /, **inputs: Any) -> Any:
    made = request(name, **(inputs or {"a": 1, "b": 2}))
    made.policy.isolation = isolation
    return made


def _receipt(stream: Any) -> execution_pb2.Receipt:
    return [event for message in stream for event in message.events][-1].outcome.receipt


def _idle(calls: Calls) -> dict[str, int]:
    """The executions that each idle worker has had, by its name."""
    known = environment(calls).workers
    return {one.name: one.executions for one in known if one.state == worker_pool_pb2.WORKER_STATE_IDLE}


def _begun(calls: Calls, made: task_executor_pb2.ExecuteTaskRequest) -> Any:
    """A stream of which the event `queued` has been read."""
    stream = calls.executor.ExecuteTask(made, timeout=60)
    assert next(stream).events[0].HasField("queued")
    return stream


def test_each_has_a_worker_that_nobody_had_before_and_nobody_has_after(own_service: StartService) -> None:
    with open_calls(own_service(workers=2)) as calls:
        receipts = [calls.outcome(_made(PROCESS)).receipt for _ in range(5)]
        assert len({receipt.worker for receipt in receipts}) == 5
        assert {receipt.worker_executions for receipt in receipts} == {1}
        assert {receipt.worker_retired for receipt in receipts} == {"its execution has a process of its own"}
        after = calls.outcome(_made(CONTEXT)).receipt
        assert after.worker not in {receipt.worker for receipt in receipts}


def test_a_used_worker_makes_way(own_service: StartService) -> None:
    with open_calls(own_service()) as calls:
        used = calls.outcome(_made(CONTEXT)).receipt.worker
        wait_for(lambda: idle_worker(calls).executions == 1)
        receipt = calls.outcome(_made(PROCESS)).receipt
        assert (receipt.worker != used, receipt.worker_executions) == (True, 1)


def test_a_used_worker_stays_while_a_fresh_one_is_there(own_service: StartService) -> None:
    with open_calls(own_service(workers=2)) as calls:
        wait_for(lambda: len(_idle(calls)) == 2)
        used = calls.outcome(_made(CONTEXT)).receipt.worker
        assert calls.outcome(_made(PROCESS)).receipt.worker != used
        wait_for(lambda: _idle(calls).get(used) == 1)
        assert calls.outcome(_made(CONTEXT)).receipt.worker == used


def test_an_unused_worker_is_kept_ready_among_used_ones(own_service: StartService, barrier: Barrier) -> None:
    with open_calls(own_service(workers=2)) as calls:
        with running(calls, _made(CONTEXT, "probes.wait_on", fifo=barrier.path)):
            barrier.wait_until_reached()
            calls.outcome(_made(CONTEXT))
            barrier.release()

        wait_for(lambda: list(_idle(calls).values()) == [1, 1])
        for _ in range(2):
            calls.outcome(_made(PROCESS))
            wait_for(lambda: sorted(_idle(calls).values()) == [0, 1])
        (unused,) = (name for name, executions in _idle(calls).items() if not executions)
        assert calls.outcome(_made(PROCESS)).receipt.worker == unused


def test_a_failed_one_ends_its_worker_too(own_service: StartService) -> None:
    with open_calls(own_service()) as calls:
        failed = calls.outcome(_made(PROCESS, "basic.fail", message="as told"))
        assert failed.state == execution_pb2.EXECUTION_STATE_FAILED
        assert calls.outcome(_made(CONTEXT)).receipt.worker != failed.receipt.worker


@pytest.mark.parametrize(
    "kinds", [(PROCESS, CONTEXT), (CONTEXT, PROCESS), (PROCESS, PROCESS, CONTEXT), (CONTEXT, PROCESS, CONTEXT, PROCESS)]
)
def test_both_kinds_wait_for_one_worker(
    own_service: StartService, barrier: Barrier, kinds: Sequence[settings_pb2.Isolation]
) -> None:
    with (
        open_calls(own_service()) as calls,
        running(calls, _made(CONTEXT, "probes.wait_on", fifo=barrier.path)),
    ):
        barrier.wait_until_reached()
        first = busy_worker(calls).name
        streams = [(kind, _begun(calls, _made(kind))) for kind in kinds]
        barrier.release()
        receipts = [(kind, _receipt(stream)) for kind, stream in streams]
    for kind, receipt in receipts:
        if kind == PROCESS:
            assert receipt.worker_executions == 1
            assert receipt.worker != first
    alone = [receipt.worker for kind, receipt in receipts if kind == PROCESS]
    others = [receipt.worker for kind, receipt in receipts if kind == CONTEXT]
    assert len(set(alone)) == len(alone)
    assert not set(alone) & set(others)


def test_a_cancelled_one_that_waits_does_not_hold_up_the_rest(own_service: StartService, barrier: Barrier) -> None:
    with (
        open_calls(own_service()) as calls,
        running(calls, _made(CONTEXT, "probes.wait_on", fifo=barrier.path)),
    ):
        barrier.wait_until_reached()
        leaving = _begun(calls, _made(PROCESS))
        staying = _begun(calls, _made(CONTEXT))
        leaving.cancel()
        barrier.release()
        assert _receipt(staying).worker


def test_the_service_can_give_every_execution_its_process(own_service: StartService) -> None:
    with open_calls(own_service("--isolation", "process")) as calls:
        receipts = [calls.outcome(_made(settings_pb2.ISOLATION_UNSPECIFIED)).receipt for _ in range(3)]
        assert len({receipt.worker for receipt in receipts}) == 3
        shared = [calls.outcome(_made(CONTEXT)).receipt.worker for _ in range(2)]
        assert len(set(shared)) == 1


def test_the_receipt_says_why_a_worker_is_not_kept(own_service: StartService) -> None:
    with open_calls(own_service()) as calls:
        outcome = calls.outcome(request("probes.leaves_a_thread"))
        assert outcome.state == execution_pb2.EXECUTION_STATE_SUCCEEDED
        assert outcome.receipt.worker_retired == "the task left the thread 'left behind'"


def test_a_worker_is_replaced_after_so_many_executions(own_service: StartService) -> None:
    # It serves on until its replacement is ready (test_sizing.py): here nobody asks it to.
    with open_calls(own_service("--max-executions", "2")) as calls:
        workers = []
        for _ in range(3):
            workers += [calls.outcome(_made(CONTEXT)).receipt.worker for _ in range(2)]
            wait_for(lambda: idle_worker(calls).executions == 0)
    assert workers[0] == workers[1] != workers[2] == workers[3] != workers[4] == workers[5]


def test_nothing_is_left_when_the_service_stops(own_service: StartService) -> None:
    service = own_service("--isolation", "process", workers=2)
    with open_calls(service) as calls:
        for _ in range(4):
            assert calls.run("basic.add", a=1, b=2) == 3
    assert service.stop().problems == []
