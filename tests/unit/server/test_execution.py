"""One execution: its states, its events, its receipt."""

from __future__ import annotations

import pytest

from flytewarm_server.execution.events import COALESCE_SECONDS
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.execution.states import ExecutionState
from flytewarm_server.lifecycle import IllegalTransitionError
from flytewarm_server.messages import execution_pb2, task_executor_pb2
from flytewarm_server.timers import Delay

OUT, ERR = execution_pb2.LOG_STREAM_STDOUT, execution_pb2.LOG_STREAM_STDERR


def _execution(max_log_bytes: int = 1000) -> Execution:
    return Execution(
        "e-1", ValidRequest(task_executor_pb2.ExecuteTaskRequest()), max_log_bytes, Delay(COALESCE_SECONDS)
    )


def _succeeded() -> execution_pb2.Outcome:
    return execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=execution_pb2.Outputs())


def _run(execution: Execution) -> None:
    execution.queued(0)
    execution.starting()
    execution.running("w-1", warm=True)


async def _events(execution: Execution) -> list[execution_pb2.Event]:
    return [event async for batch in execution.log.batches() for event in batch]


async def _logs(execution: Execution) -> list[tuple[int, str, int]]:
    logs = [event.log for event in await _events(execution) if event.HasField("log")]
    return [(log.stream, log.text, log.dropped_bytes) for log in logs]


async def test_a_life() -> None:
    execution = _execution()
    assert execution.state is ExecutionState.QUEUED
    execution.queued(3)
    execution.starting()
    assert execution.state is ExecutionState.STARTING
    execution.running("w-1", warm=True)
    assert (execution.state, execution.ended) == (ExecutionState.RUNNING, False)
    metric = execution_pb2.Metric(name="m", value=1.0)
    execution.event(execution_pb2.Event(metric=metric))
    execution.finish(_succeeded(), "w-1")
    assert (execution.state, execution.ended) == (ExecutionState.SUCCEEDED, True)
    queued, started, measured, last = await _events(execution)
    assert queued.queued == execution_pb2.Queued(position=3, execution_id="e-1")
    assert started.started == execution_pb2.Started(worker="w-1", warm=True)
    assert measured.metric == metric
    assert last.outcome.HasField("outputs")
    assert [event.sequence for event in (queued, started, measured, last)] == [1, 2, 3, 4]


async def test_the_receipt_is_completed_and_kept() -> None:
    execution = _execution()
    _run(execution)
    outcome = _succeeded()
    outcome.receipt.run_ns = 5
    outcome.receipt.worker_executions = 2
    execution.environment = "env-1"
    execution.finish(outcome, "w-1")
    receipt = (await _events(execution))[-1].outcome.receipt
    assert (receipt.worker, receipt.environment, receipt.run_ns, receipt.worker_executions) == ("w-1", "env-1", 5, 2)
    assert receipt.queue_ns > 0


async def test_an_execution_that_never_started_has_waited_all_its_life() -> None:
    execution = _execution()
    execution.queued(0)
    cancelled = execution_pb2.Outcome(state=execution_pb2.EXECUTION_STATE_CANCELLED, error=execution_pb2.TaskError())
    execution.finish(cancelled, "")
    assert execution.state is ExecutionState.CANCELLED
    assert (await _events(execution))[-1].outcome.receipt.queue_ns > 0


async def test_only_a_legal_outcome_ends_it() -> None:
    execution = _execution()
    with pytest.raises(IllegalTransitionError, match="execution e-1: QUEUED -> SUCCEEDED"):
        execution.finish(_succeeded(), "w-1")
    assert not execution.log.closed
    _run(execution)
    execution.finish(_succeeded(), "w-1")
    with pytest.raises(IllegalTransitionError):
        execution.finish(_succeeded(), "w-1")


async def test_output_is_logged_by_line_and_stream() -> None:
    execution = _execution()
    _run(execution)
    execution.write(OUT, b"a\nb")
    execution.write(ERR, b"x\n")
    execution.write(OUT, b"c\n")
    execution.write(ERR, b"rest")
    execution.finish(_succeeded(), "w-1")
    assert await _logs(execution) == [(OUT, "a\n", 0), (ERR, "x\n", 0), (OUT, "bc\n", 0), (ERR, "rest", 0)]


async def test_output_over_the_limit_is_counted_at_the_end() -> None:
    execution = _execution(max_log_bytes=4)
    _run(execution)
    execution.write(OUT, b"ab\n")
    execution.write(ERR, b"cd\n")
    execution.write(OUT, b"ef")
    execution.finish(_succeeded(), "w-1")
    assert await _logs(execution) == [(OUT, "ab\n", 0), (ERR, "c", 0), (0, "", 4)]
    assert (await _events(execution))[-1].HasField("outcome")


async def test_output_after_the_end_is_ignored() -> None:
    execution = _execution()
    _run(execution)
    execution.finish(_succeeded(), "w-1")
    execution.write(OUT, b"late\n")
    assert len(await _events(execution)) == 3
