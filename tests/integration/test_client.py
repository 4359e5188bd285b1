"""Both executors on a real service."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import threading
from pathlib import Path
from typing import Any

import pytest

from flytewarm import (
    AlreadyExists,
    AsyncExecutor,
    ExecutionState,
    Executor,
    InvalidRequest,
    NotFound,
    OutOfRange,
    RunOptions,
    TaskCancelled,
    TaskFailed,
    TaskTimedOut,
)
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from showcase.service import Service

DEADLINE_S = 60


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("basic.add", {"a": 1, "b": 2}, 3),
    ("basic.greet", {"name": "ü"}, "hello ü hello ü"),
    ("basic.greet", {"name": "x", "times": 1}, "hello x"),
    ("basic.nothing", {}, None),
    ("basic.two", {}, {"count": 2, "label": "two"}),
    ("basic.sleep", {"seconds": 0}, 0.0),
]


@pytest.mark.parametrize(("task", "inputs", "expected"), CASES)
async def test_run(service: Service, executor: Executor, task: str, inputs: dict[str, Any], expected: Any) -> None:
    assert executor.run(task, **inputs) == expected
    async with AsyncExecutor(service.target, timeout=DEADLINE_S) as asynchronous:
        assert await asynchronous.run(task, **inputs) == expected


def test_nan_reaches_the_task(executor: Executor) -> None:
    with pytest.raises(TaskFailed, match=r"NaN|nan"):
        executor.run("basic.sleep", seconds=math.nan)


def test_the_tasks_own_failure(executor: Executor) -> None:
    with pytest.raises(TaskFailed, match="no reason") as caught:
        executor.run("basic.fail", message="no reason")
    error = caught.value
    assert type(error) is TaskFailed
    assert error.cause == execution_pb2.ERROR_CAUSE_USER
    assert error.state == execution_pb2.EXECUTION_STATE_FAILED
    assert (str(error.cause), str(error.state), error.summary) == ("USER", "FAILED", "ValueError: no reason")
    assert str(error).startswith("ValueError: no reason (USER:")
    assert "ValueError: no reason" in error.message
    assert not error.retryable


def test_inputs_that_do_not_fit(executor: Executor) -> None:
    with pytest.raises(TaskFailed, match="input 'a': expected an integer") as caught:
        executor.run("basic.add", a="x", b=1)
    assert caught.value.cause == execution_pb2.ERROR_CAUSE_INPUTS
    assert caught.value.summary == "input 'a': expected an integer, got \"x\""


def test_prefixes(executor: Executor, tmp_path: Path) -> None:
    options = RunOptions(output_prefix=str(tmp_path / "out"), raw_output_prefix=str(tmp_path / "raw"))
    kept = Path(executor.run("probes.write_text", options, text="x"))
    assert kept.is_relative_to(tmp_path / "raw")
    assert kept.read_text() == "x"
    assert (tmp_path / "out" / "outputs.pb").is_file()


def test_statuses(executor: Executor) -> None:
    with pytest.raises(InvalidRequest) as caught:
        executor.run("no dots")
    assert [field for field, _ in caught.value.violations] == ["task.name"]
    with pytest.raises(NotFound):
        executor.cancel("no-such-execution")
    with pytest.raises(NotFound, match="nope"):
        executor.describe("basic.nope")


def test_the_same_id_is_the_same_execution(executor: Executor) -> None:
    options = RunOptions(execution_id="client-same")
    assert executor.run("basic.add", options, a=1, b=2) == 3
    assert executor.run("basic.add", options, a=1, b=2) == 3
    with pytest.raises(AlreadyExists):
        executor.run("basic.add", options, a=1, b=3)


def test_logs_and_events(executor: Executor) -> None:
    lines: dict[str, str] = {"stdout": "", "stderr": ""}
    events: list[execution_pb2.Event] = []

    def on_log(stream: str, text: str) -> None:
        lines[stream] += text

    assert executor.run("basic.noisy", RunOptions(on_log=on_log, on_event=events.append), lines=3) == 3
    assert "out 0\nout 1\nout 2\n" in lines["stdout"]
    assert "err 0\nerr 1\nerr 2\n" in lines["stderr"]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[-1].outcome.receipt.worker


def test_timeout(executor: Executor) -> None:
    with pytest.raises(TaskTimedOut):
        executor.run("basic.sleep", RunOptions(timeout=0.5), seconds=30)


def test_cancel(service: Service, executor: Executor) -> None:
    """Another connection ends a task that has started."""
    started = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        def on_event(event: execution_pb2.Event) -> None:
            if event.HasField("started"):
                started.set()

        try:
            executor.run("basic.sleep", RunOptions(execution_id="client-cancel", on_event=on_event), seconds=30)
        except TaskCancelled as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(DEADLINE_S)
    with Executor(service.target) as other:
        state = other.cancel("client-cancel", "enough of it")
        assert state in (execution_pb2.EXECUTION_STATE_STARTING, execution_pb2.EXECUTION_STATE_RUNNING)
        thread.join(DEADLINE_S)
        assert other.cancel("client-cancel") == execution_pb2.EXECUTION_STATE_CANCELLED
    assert "enough of it" in str(failures[0])


def _sleep_request(execution_id: str) -> task_executor_pb2.ExecuteTaskRequest:
    return task_executor_pb2.ExecuteTaskRequest(
        execution_id=execution_id,
        task=task_executor_pb2.TaskReference(name="basic.sleep"),
        inputs_json='{"seconds": 30}',
    )


def test_a_stream_that_is_closed_cancels_its_execution(executor: Executor) -> None:
    request = _sleep_request("client-closed")
    with contextlib.closing(executor.stream(request)) as events:
        while not next(events).HasField("started"):
            pass
    # The same request attaches to the execution, and is told how it ended.
    assert executor.execute(request).state == execution_pb2.EXECUTION_STATE_CANCELLED


async def test_an_asyncio_stream_that_is_closed_cancels_its_execution(service: Service) -> None:
    request = _sleep_request("client-aclosed")
    async with AsyncExecutor(service.target, timeout=DEADLINE_S) as executor:
        async with contextlib.aclosing(executor.stream(request)) as events:
            while not (await anext(events)).HasField("started"):
                pass
        assert (await executor.execute(request)).state == execution_pb2.EXECUTION_STATE_CANCELLED


async def test_many_at_once(service: Service) -> None:
    async with AsyncExecutor(service.target, timeout=DEADLINE_S) as executor:
        results = await asyncio.gather(*(executor.run("basic.add", a=number, b=1) for number in range(50)))
    assert results == list(range(1, 51))


def test_what_the_service_says_of_itself(executor: Executor) -> None:
    assert executor.is_serving()
    assert executor.capabilities().workers == 2
    (environment,) = executor.environments()
    assert len(environment.workers) >= 2
    described = executor.describe("basic.greet")
    assert [(one.name, one.required, one.default_json) for one in described.inputs] == [
        ("name", True, ""),
        ("times", False, "2"),
    ]


async def test_an_execution_that_was_begun_elsewhere(service: Service, executor: Executor) -> None:
    assert executor.run("basic.add", RunOptions(execution_id="elsewhere"), a=1, b=2) == 3
    events = list(executor.watch("elsewhere"))
    assert events[-1].outcome.state == ExecutionState.SUCCEEDED
    assert list(executor.watch("elsewhere", 2)) == events[1:]
    known = executor.execution("elsewhere")
    assert (known.task, known.state) == ("basic.add", ExecutionState.SUCCEEDED)
    with pytest.raises(OutOfRange):
        list(executor.watch("elsewhere", len(events) + 1))
    with pytest.raises(NotFound):
        executor.execution("nowhere")
    async with AsyncExecutor(service.target, timeout=DEADLINE_S) as asynchronous:
        assert [event async for event in asynchronous.watch("elsewhere")] == events
        assert await asynchronous.execution("elsewhere") == known


async def test_executions_are_listed_over_pages(service: Service, executor: Executor) -> None:
    for number in range(101):
        executor.run("basic.greet", RunOptions(execution_id=f"page-{number}"), name="x")
    expected = [f"page-{number}" for number in reversed(range(101))]
    listed = executor.executions(task="basic.greet", states=[ExecutionState.SUCCEEDED])
    assert [one.execution_id for one in itertools.islice(listed, 101)] == expected
    async with AsyncExecutor(service.target, timeout=DEADLINE_S) as asynchronous:
        again = [one.execution_id async for one in asynchronous.executions(task="basic.greet")]
    assert again[:101] == expected
    assert list(executor.executions(states=[ExecutionState.LOST], task="basic.greet")) == []
