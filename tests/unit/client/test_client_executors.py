"""Both executors against a scripted service: what they send, what they return, what ends a call."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import scripted as scripts
from scripted import ScriptedService

from flytewarm import AsyncExecutor, CallCancelled, DeadlineExceeded, Executor, FlytewarmError, Isolation, RunOptions
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2

WAIT_S = 10.0
REQUEST = task_executor_pb2.ExecuteTaskRequest()


@pytest.fixture
def executor(scripted: ScriptedService) -> Iterator[Executor]:
    with Executor(scripted.target) as made:
        yield made


def endless(request: object, context: grpc.ServicerContext) -> Iterator[execution_pb2.Event]:
    """Says that it has started, and then nothing until the call ends."""
    yield execution_pb2.Event(started=execution_pb2.Started(worker="w"))
    ended = threading.Event()
    if context.add_callback(ended.set):
        ended.wait(WAIT_S)


async def test_what_run_sends_and_returns(scripted: ScriptedService, executor: Executor) -> None:
    assert executor.run("m.t", a=1, b=[2.5]) == 3
    async with AsyncExecutor(scripted.target) as asynchronous:
        assert await asynchronous.run("m.t", a=1, b=[2.5]) == 3
    blocking, other = scripted.requests
    assert blocking == other
    assert blocking.task.name == "m.t"
    assert blocking.inputs_json == '{"a": 1, "b": [2.5]}'
    assert blocking.events == settings_pb2.EventOptions(
        outputs_as_json=True, omit_logs=True, omit_decks=True, omit_metrics=True
    )
    assert not blocking.HasField("policy")
    assert not blocking.HasField("settings")


@pytest.mark.parametrize("isolation", ["process", "PROCESS", "ISOLATION_PROCESS", Isolation.PROCESS])
def test_policies_by_name(scripted: ScriptedService, executor: Executor, isolation: Isolation | str) -> None:
    policy = settings_pb2.ExecutionPolicy(isolation="ISOLATION_CONTEXT", priority=1)
    executor.run("m.t", RunOptions(policy=policy, isolation=isolation, priority=7, on_disconnect="continue"))
    assert scripted.requests[0].policy == settings_pb2.ExecutionPolicy(
        isolation="ISOLATION_PROCESS", priority=7, on_disconnect="ON_DISCONNECT_CONTINUE"
    )
    executor.run("m.t", RunOptions(policy=policy))
    assert scripted.requests[1].policy == policy


def test_names_that_do_not_exist(executor: Executor) -> None:
    with pytest.raises(ValueError, match="'own' is no Isolation: expected one of CONTEXT, PROCESS"):
        executor.run("m.t", RunOptions(isolation="own"))
    with pytest.raises(ValueError, match="'unspecified' is no OnDisconnect: expected one of CANCEL, CONTINUE"):
        executor.run("m.t", RunOptions(on_disconnect="unspecified"))
    with pytest.raises(ValueError, match="'done' is no ExecutionState: expected one of QUEUED, STARTING, RUNNING"):
        next(executor.executions(states=["done"]))


def test_inputs_may_have_any_name(scripted: ScriptedService, executor: Executor) -> None:
    executor.run("m.t", self=1, task=2, options=3, timeout=4, inputs=5)
    assert scripted.requests[0].inputs_json == '{"self": 1, "task": 2, "options": 3, "timeout": 4, "inputs": 5}'


def test_options(scripted: ScriptedService, executor: Executor) -> None:
    events = [scripts.log("out\n"), scripts.log("err\n", execution_pb2.LOG_STREAM_STDERR), scripts.outputs("{}")]
    scripted.script = lambda _request, _context: iter(events)
    seen: list[execution_pb2.Event] = []
    lines: list[tuple[str, str]] = []
    options = RunOptions(
        execution_id="e-1",
        timeout=1.5,
        raw_output_prefix="s3://b",
        on_event=seen.append,
        on_log=lambda name, text: lines.append((name, text)),
        settings=settings_pb2.ExecutionSettings(output_prefix="/o", raw_output_prefix="/replaced", workflow="w"),
        policy=settings_pb2.ExecutionPolicy(priority=7),
    )
    assert executor.run("m.t", options) is None
    assert seen == events
    assert lines == [("stdout", "out\n"), ("stderr", "err\n")]
    (request,) = scripted.requests
    assert (request.execution_id, request.settings.output_prefix) == ("e-1", "/o")
    assert (request.settings.raw_output_prefix, request.settings.workflow) == ("s3://b", "w")
    assert options.settings.raw_output_prefix == "/replaced"  # the caller's message is left as it was
    assert (request.policy.priority, request.policy.timeout.ToMilliseconds()) == (7, 1500)
    assert request.events == settings_pb2.EventOptions(outputs_as_json=True)
    assert not options.policy or not options.policy.HasField("timeout")
    executor.run("m.t", RunOptions(output_prefix="/p"))
    assert scripted.requests[-1].settings == settings_pb2.ExecutionSettings(output_prefix="/p")


async def test_a_dict_of_inputs_is_refused_with_the_way_to_pass_it(executor: Executor) -> None:
    wrong: Any = {"a": 1}
    with pytest.raises(TypeError, match=r'run\("m.t", \*\*inputs\) for a dict; .* is RunOptions, not dict'):
        executor.run("m.t", wrong)
    async with AsyncExecutor(executor.target) as asynchronous:
        with pytest.raises(TypeError, match="RunOptions, not dict"):
            await asynchronous.run("m.t", wrong)


def test_outputs_that_were_only_written(scripted: ScriptedService, executor: Executor) -> None:
    outcome = execution_pb2.Outcome(outputs=execution_pb2.Outputs(uri="/o/outputs.pb"))
    scripted.script = lambda _request, _context: iter([execution_pb2.Event(outcome=outcome)])
    with pytest.raises(FlytewarmError, match=r"too large for a message; they are in /o/outputs\.pb"):
        executor.run("m.t")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (execution_pb2.Outcome(outputs=execution_pb2.Outputs(json="{}")), None),
        (execution_pb2.Outcome(ignored=execution_pb2.IgnoredOutputs(reason="rank 1")), None),
        (execution_pb2.Outcome(outputs=execution_pb2.Outputs(json='{"a": 1, "b": 2}')), {"a": 1, "b": 2}),
    ],
)
def test_results(scripted: ScriptedService, executor: Executor, outcome: execution_pb2.Outcome, expected: Any) -> None:
    scripted.script = lambda _request, _context: iter([execution_pb2.Event(outcome=outcome)])
    assert executor.run("m.t") == expected


async def test_the_other_calls(scripted: ScriptedService, executor: Executor) -> None:
    async with AsyncExecutor(scripted.target) as asynchronous:
        assert executor.describe("m.t") == await asynchronous.describe("m.t") == scripted.description
        assert executor.capabilities() == await asynchronous.capabilities()
        assert executor.capabilities().version == "9.9"
        assert executor.environments() == await asynchronous.environments()
        assert executor.environments()[0].workers[0].pid == 7
        running = execution_pb2.EXECUTION_STATE_RUNNING
        assert executor.cancel("e", "why") == await asynchronous.cancel("e", "why") == running
        assert [(one.execution_id, one.reason) for one in scripted.cancellations] == [("e", "why")] * 2


@pytest.mark.parametrize(("response", "serving"), [(b"\x08\x01", True), (b"\x08\x02", False), (b"", False)])
async def test_health(scripted: ScriptedService, executor: Executor, response: bytes, serving: bool) -> None:
    scripted.health = response
    assert executor.is_serving() is serving
    async with AsyncExecutor(scripted.target) as asynchronous:
        assert await asynchronous.is_serving() is serving


def test_health_bytes_are_those_of_the_health_protocol() -> None:
    health_pb2 = pytest.importorskip("grpc_health.v1.health_pb2")
    from flytewarm import health

    assert health_pb2.HealthCheckRequest().SerializeToString() == health.CHECK_REQUEST
    for value, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        response = health_pb2.HealthCheckResponse(status=value).SerializeToString()
        assert health.says_serving(response) is (name == "SERVING")


def test_closing_a_stream_early_ends_the_call(scripted: ScriptedService, executor: Executor) -> None:
    scripted.script = endless
    with contextlib.closing(executor.stream(REQUEST)) as events:
        assert next(events).started.worker == "w"
        assert not scripted.call_ended.is_set()
    assert scripted.call_ended.wait(WAIT_S)


def test_what_a_callback_raises_ends_the_call(scripted: ScriptedService, executor: Executor) -> None:
    scripted.script = endless

    def stop(_event: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        executor.run("m.t", RunOptions(on_event=stop))
    assert scripted.call_ended.wait(WAIT_S)


async def test_cancelling_the_asyncio_task_ends_the_call(scripted: ScriptedService) -> None:
    scripted.script = endless
    async with AsyncExecutor(scripted.target) as executor:
        started = asyncio.Event()
        options = RunOptions(on_event=lambda _event: started.set())
        running = asyncio.create_task(executor.run("m.t", options))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await asyncio.to_thread(scripted.call_ended.wait, WAIT_S)


async def test_leaving_an_asyncio_stream_early_ends_the_call(scripted: ScriptedService) -> None:
    scripted.script = endless
    async with AsyncExecutor(scripted.target) as executor:
        async with contextlib.aclosing(executor.stream(REQUEST)) as events:
            assert (await anext(events)).started.worker == "w"
        assert await asyncio.to_thread(scripted.call_ended.wait, WAIT_S)


async def test_the_timeout_is_a_deadline(scripted: ScriptedService) -> None:
    scripted.script = endless
    with Executor(scripted.target, timeout=0.2) as executor, pytest.raises(DeadlineExceeded):
        executor.run("m.t")
    async with AsyncExecutor(scripted.target, timeout=0.2) as asynchronous:
        with pytest.raises(DeadlineExceeded):
            await asynchronous.run("m.t")


def test_closing_the_executor_ends_its_calls(scripted: ScriptedService) -> None:
    scripted.script = endless
    executor = Executor(scripted.target)
    events = executor.stream(REQUEST)
    next(events)
    executor.close()
    executor.close()
    with pytest.raises(CallCancelled):
        next(events)


async def test_an_asyncio_executor_may_be_made_before_the_loop_and_closed_unused(scripted: ScriptedService) -> None:
    executor = await asyncio.to_thread(AsyncExecutor, scripted.target)
    await executor.close()
    async with await asyncio.to_thread(AsyncExecutor, scripted.target) as other:
        assert await other.run("m.t") == 3


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import flytewarm.cli", {"grpc", "google", "asyncio"}),
        ("from flytewarm import *", {"flytekit", "flytewarm_server", "flytewarm_worker"}),
    ],
)
def test_imports_are_few(statement: str, absent: set[str]) -> None:
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not absent & set(printed.split())
