"""Executions after their request: watched from any event, asked about, listed in pages, forgotten in time."""

from __future__ import annotations

import grpc
import pytest

from calls import Calls, request, violated_fields
from conftest import open_calls
from faults import Barrier, StartService, running, wait_for
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2

State = execution_pb2.ExecutionState


def _named(execution_id: str, name: str = "basic.add", /, **inputs: object) -> task_executor_pb2.ExecuteTaskRequest:
    made = request(name, **(inputs or {"a": 1, "b": 2}))
    made.execution_id = execution_id
    return made


def _watch(calls: Calls, execution_id: str, from_sequence: int = 0) -> list[execution_pb2.Event]:
    wanted = task_executor_pb2.WatchExecutionRequest(execution_id=execution_id, from_sequence=from_sequence)
    return [event for message in calls.executor.WatchExecution(wanted, timeout=60) for event in message.events]


def _get(calls: Calls, execution_id: str) -> task_executor_pb2.Execution:
    return calls.executor.GetExecution(task_executor_pb2.GetExecutionRequest(execution_id=execution_id)).execution


def _list(calls: Calls, **fields: object) -> task_executor_pb2.ListExecutionsResponse:
    return calls.executor.ListExecutions(task_executor_pb2.ListExecutionsRequest(**fields))


def _ids(page: task_executor_pb2.ListExecutionsResponse) -> list[str]:
    return [one.execution_id for one in page.executions]


def test_a_finished_execution_is_replayed_from_any_event(calls: Calls) -> None:
    events = calls.events(_named("replayed", "probes.prints", text="one\n"))
    assert len(events) > 2
    assert _watch(calls, "replayed") == events
    for first in range(1, len(events) + 1):
        assert _watch(calls, "replayed", first) == events[first - 1 :]
    with pytest.raises(grpc.RpcError) as caught:
        _watch(calls, "replayed", len(events) + 1)
    assert caught.value.code() == grpc.StatusCode.OUT_OF_RANGE
    assert f"ended with event {len(events)}" in caught.value.details()


def test_a_running_execution_is_watched_to_its_end(calls: Calls, barrier: Barrier) -> None:
    with running(calls, _named("watched", "probes.wait_on", fifo=barrier.path)) as results:
        barrier.wait_until_reached()
        wait_for(lambda: _get(calls, "watched").state == State.EXECUTION_STATE_RUNNING)
        now = _get(calls, "watched")
        assert not now.HasField("ended_at")
        assert not now.HasField("outcome")
        wanted = task_executor_pb2.WatchExecutionRequest(execution_id="watched", from_sequence=now.last_sequence + 1)
        stream = calls.executor.WatchExecution(wanted, timeout=60)
        barrier.release()
        events = [event for message in stream for event in message.events]
        assert events[0].sequence == now.last_sequence + 1
        assert events[-1].outcome == results.get(timeout=60)


def test_who_watches_keeps_the_execution_when_its_caller_leaves(calls: Calls, barrier: Barrier) -> None:
    stream = calls.executor.ExecuteTask(_named("handed-over", "probes.wait_on", fifo=barrier.path))
    barrier.wait_until_reached()
    watch = calls.executor.WatchExecution(task_executor_pb2.WatchExecutionRequest(execution_id="handed-over"))
    next(watch)
    stream.cancel()
    # This call comes after the disconnect on the same connection.
    assert _get(calls, "handed-over").state == State.EXECUTION_STATE_RUNNING
    barrier.release()
    outcome = [event for message in watch for event in message.events][-1].outcome
    assert outcome.state == State.EXECUTION_STATE_SUCCEEDED


def test_the_last_one_who_watches_cancels_by_leaving(calls: Calls, barrier: Barrier) -> None:
    stream = calls.executor.ExecuteTask(_named("left-alone", "probes.wait_on", fifo=barrier.path))
    barrier.wait_until_reached()
    watch = calls.executor.WatchExecution(task_executor_pb2.WatchExecutionRequest(execution_id="left-alone"))
    next(watch)
    stream.cancel()
    watch.cancel()
    wait_for(lambda: _get(calls, "left-alone").state == State.EXECUTION_STATE_CANCELLED)
    barrier.forget()


def test_an_execution_tells_what_became_of_it(calls: Calls) -> None:
    outcome = calls.outcome(_named("told"))
    told = _get(calls, "told")
    assert (told.execution_id, told.task, told.state) == ("told", "basic.add", State.EXECUTION_STATE_SUCCEEDED)
    assert told.outcome == outcome
    assert told.created_at.ToNanoseconds() <= told.started_at.ToNanoseconds() <= told.ended_at.ToNanoseconds()


def test_executions_are_listed_newest_first_by_task_and_state(calls: Calls) -> None:
    for number in range(3):
        calls.outcome(_named(f"listed-{number}"))
    calls.outcome(_named("listed-failed", "basic.fail", message="as told"))
    assert _ids(_list(calls, page_size=4)) == ["listed-failed", "listed-2", "listed-1", "listed-0"]
    assert _ids(_list(calls, page_size=3, task="basic.add")) == ["listed-2", "listed-1", "listed-0"]
    failed = _list(calls, page_size=1, states=[State.EXECUTION_STATE_FAILED, State.EXECUTION_STATE_LOST]).executions[0]
    assert failed.execution_id == "listed-failed"
    assert "as told" in failed.outcome.error.error.message
    assert _ids(_list(calls, states=[State.EXECUTION_STATE_QUEUED])) == []
    # Results may be large: they are told one by one.
    (added,) = _list(calls, page_size=1, task="basic.add").executions
    assert added.outcome.WhichOneof("result") is None
    assert added.outcome.receipt.worker


def test_pages_do_not_move_when_executions_begin(calls: Calls) -> None:
    for number in range(4):
        calls.outcome(_named(f"paged-{number}"))
    first = _list(calls, page_size=2)
    assert _ids(first) == ["paged-3", "paged-2"]
    calls.outcome(_named("paged-later"))
    second = _list(calls, page_size=2, page_token=first.next_page_token)
    assert _ids(second) == ["paged-1", "paged-0"]


def test_the_last_page_has_no_token(own_service: StartService) -> None:
    with open_calls(own_service()) as calls:
        for number in range(2):
            calls.outcome(_named(f"{number}"))
        page = _list(calls, page_size=2)
        assert (_ids(page), page.next_page_token) == (["1", "0"], "")


def test_finished_executions_are_forgotten_over_the_limit(own_service: StartService) -> None:
    with open_calls(own_service("--retain-executions", "2")) as calls:
        for number in range(3):
            calls.outcome(_named(f"{number}"))
        assert _ids(_list(calls)) == ["2", "1"]
        with pytest.raises(grpc.RpcError) as caught:
            _get(calls, "0")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_what_waits_is_listed(own_service: StartService, barrier: Barrier) -> None:
    with (
        open_calls(own_service()) as calls,
        running(calls, _named("runs", "probes.wait_on", fifo=barrier.path)),
    ):
        barrier.wait_until_reached()
        waiting = calls.executor.ExecuteTask(_named("waits"))
        next(waiting)
        assert _ids(_list(calls, states=[State.EXECUTION_STATE_QUEUED])) == ["waits"]
        assert not _get(calls, "waits").HasField("started_at")
        barrier.release()
        assert list(waiting)[-1].events[-1].HasField("outcome")


def test_unknown_and_missing_ids(calls: Calls) -> None:
    for ask in (_get, _watch):
        with pytest.raises(grpc.RpcError) as caught:
            ask(calls, "unknown")
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.RpcError) as caught:
            ask(calls, "")
        assert violated_fields(caught.value) == ["execution_id"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("page_size", 1001), ("page_token", "²"), ("page_token", "-1"), ("states", [0]), ("states", [99])],
)
def test_a_list_that_cannot_be_given(calls: Calls, field: str, value: object) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        _list(calls, **{field: value})
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == [field]


def test_a_disconnect_that_continues_is_watched_later(calls: Calls, barrier: Barrier) -> None:
    made = _named("continues", "probes.wait_on", fifo=barrier.path)
    made.policy.on_disconnect = settings_pb2.ON_DISCONNECT_CONTINUE
    stream = calls.executor.ExecuteTask(made)
    barrier.wait_until_reached()
    stream.cancel()
    barrier.release()
    assert _watch(calls, "continues")[-1].outcome.state == State.EXECUTION_STATE_SUCCEEDED
