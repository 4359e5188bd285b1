"""What the client raises, and when."""

from __future__ import annotations

import pickle

import grpc
import pytest
import scripted as scripts
from flyteidl.core import errors_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from scripted import ScriptedService

import flytewarm
from flytewarm import AsyncExecutor, CallError, ErrorCause, ExecutionState, Executor, errors, messages
from flytewarm_api.v1 import execution_pb2, task_executor_pb2

CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotImplementedByService,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
    grpc.StatusCode.CANCELLED: errors.CallCancelled,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.INTERNAL: errors.CallError,
}
BAD_REQUEST = error_details_pb2.BadRequest(
    field_violations=[error_details_pb2.BadRequest.FieldViolation(field="a.b", description="is wrong")]
)
RETRY = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000))
REASON = error_details_pb2.ErrorInfo(reason="BROKEN", domain="flytewarm")


def fails_with(scripted: ScriptedService, code: grpc.StatusCode, *details: Message) -> None:
    def script(_request: object, context: grpc.ServicerContext) -> list[execution_pb2.Event]:
        scripts.abort(context, code, "the message", details)
        return []

    scripted.script = script  # type: ignore[assignment]


async def test_without_a_service_it_is_told_how_to_start_one() -> None:
    hint = "no service at unix:/nonexistent (No such file or directory); start one with: flytewarm serve --app-dir DIR"
    with Executor("unix:/nonexistent") as executor, pytest.raises(errors.Unavailable) as caught:
        executor.run("m.t")
    assert str(caught.value).endswith(f"; {hint} --listen unix:/nonexistent")
    async with AsyncExecutor("unix:/nonexistent") as waiting:
        with pytest.raises(errors.Unavailable) as caught:
            await waiting.run("m.t")
    assert caught.value.hint.startswith(hint)


def test_of_a_request_that_is_too_large_it_is_told_what_to_do(scripted: ScriptedService) -> None:
    with Executor(scripted.target) as executor, pytest.raises(errors.ResourceExhausted) as caught:
        executor.run("m.t", x="x" * (5 << 20))
    assert str(caught.value).endswith("; an execution may have its inputs by inputs_uri")
    assert "--max-message-bytes" in caught.value.hint


@pytest.mark.parametrize(("code", "kind"), CODES.items())
def test_each_status_has_its_exception(scripted: ScriptedService, code: grpc.StatusCode, kind: type[CallError]) -> None:
    fails_with(scripted, code)
    with Executor(scripted.target) as executor, pytest.raises(CallError) as caught:
        executor.run("m.t")
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.details) == (code, "the message")
    assert str(caught.value) == f"{code.name}: the message"
    assert (caught.value.violations, caught.value.retry_after, caught.value.reason) == ([], None, "")


@pytest.mark.parametrize("code", [grpc.StatusCode.INVALID_ARGUMENT])
async def test_details_are_the_same_with_asyncio(scripted: ScriptedService, code: grpc.StatusCode) -> None:
    fails_with(scripted, code, BAD_REQUEST, RETRY, REASON)
    with Executor(scripted.target) as executor, pytest.raises(errors.InvalidRequest) as blocking:
        executor.run("m.t")
    async with AsyncExecutor(scripted.target) as executor_aio:
        with pytest.raises(errors.InvalidRequest) as asynchronous:
            await executor_aio.run("m.t")
    assert blocking.value.args == asynchronous.value.args
    assert blocking.value.violations == [("a.b", "is wrong")]
    assert (blocking.value.retry_after, blocking.value.reason) == (1.5, "BROKEN")
    assert blocking.value.retryable


async def test_every_call_maps_its_status() -> None:
    with Executor("unix:/nonexistent") as executor:
        for call in (
            lambda: executor.describe("m.t"),
            lambda: executor.cancel("e"),
            executor.capabilities,
            executor.environments,
            executor.is_serving,
            lambda: next(executor.stream(task_executor_pb2.ExecuteTaskRequest())),
        ):
            with pytest.raises(errors.Unavailable) as caught:
                call()
            assert caught.value.retryable
    async with AsyncExecutor("unix:/nonexistent") as asynchronous:
        for awaitable in (
            asynchronous.describe("m.t"),
            asynchronous.cancel("e"),
            asynchronous.capabilities(),
            asynchronous.environments(),
            asynchronous.is_serving(),
            asynchronous.run("m.t"),
        ):
            with pytest.raises(errors.Unavailable):
                await awaitable


@pytest.mark.parametrize(
    ("state", "cause", "kind"),
    [
        (execution_pb2.EXECUTION_STATE_FAILED, execution_pb2.ERROR_CAUSE_USER, errors.TaskFailed),
        (execution_pb2.EXECUTION_STATE_CANCELLED, execution_pb2.ERROR_CAUSE_PREEMPTED, errors.TaskCancelled),
        (execution_pb2.EXECUTION_STATE_TIMED_OUT, execution_pb2.ERROR_CAUSE_TIMEOUT, errors.TaskTimedOut),
        (execution_pb2.EXECUTION_STATE_LOST, execution_pb2.ERROR_CAUSE_OUT_OF_MEMORY, errors.WorkerLost),
    ],
)
def test_outcomes_with_errors(
    scripted: ScriptedService,
    state: execution_pb2.ExecutionState,
    cause: execution_pb2.ErrorCause,
    kind: type[errors.TaskFailed],
) -> None:
    event = scripts.failure(state, cause, code="USER:X", message="why")
    scripted.script = lambda _request, _context: iter([event])
    with Executor(scripted.target) as executor:
        with pytest.raises(errors.TaskFailed) as caught:
            executor.run("m.t")
        assert executor.execute(task_executor_pb2.ExecuteTaskRequest()) == event.outcome
    error = caught.value
    assert type(error) is kind
    assert (error.state, error.cause, error.code, error.message) == (state, cause, "USER:X", "why")
    assert error.outcome == event.outcome
    assert (error.summary, str(error)) == ("why", "why (USER:X)")


def test_a_failure_begins_with_its_summary() -> None:
    message = "Trace:\n\n    Traceback\n    ValueError: two\n    lines\n\nMessage:\n\n    ValueError: two\n    lines"
    failed = execution_pb2.EXECUTION_STATE_FAILED
    users = errors.TaskFailed(scripts.failure(failed, ErrorCause.USER, code="USER:X", message=message).outcome)
    assert users.summary == "ValueError: two"
    assert str(users) == f"ValueError: two (USER:X)\n\n{message}"
    inputs = errors.TaskFailed(scripts.failure(failed, ErrorCause.INPUTS, code="SYSTEM", message=message).outcome)
    assert inputs.summary == "two"
    assert str(inputs).startswith("two (INPUTS)\n")
    nothing = errors.TaskFailed(scripts.failure(failed, ErrorCause.SYSTEM).outcome)
    assert (nothing.summary, str(nothing)) == ("", "")


@pytest.mark.parametrize(
    ("message", "summary"),
    [
        ("Error converting input 'f':\nvalue\nException: no file.", "Error converting input 'f': Exception: no file."),
        ("Error:", "Error:"),
        ("\n  why \n", "why"),
        ("the worker was killed", "the worker was killed"),
    ],
)
def test_summaries(message: str, summary: str) -> None:
    assert messages.summary(message) == summary


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        ("Traceback (most recent call last):\n  File x\n    code\nValueError: two\nlines\n", "ValueError: two"),
        ("no traceback", "no traceback"),
        ("  all\n  indented", "indented"),
        ("", ""),
    ],
)
def test_the_exception_of_a_traceback(traceback: str, line: str) -> None:
    assert messages.last_exception(traceback) == line


def test_names_are_those_of_the_contract() -> None:
    for ours, prefix, theirs in (
        (ErrorCause, "ERROR_CAUSE_", execution_pb2.ErrorCause),
        (ExecutionState, "EXECUTION_STATE_", execution_pb2.ExecutionState),
    ):
        assert {f"{prefix}{one.name}": one.value for one in ours} == dict(theirs.items())
        assert ours(999).name == "UNSPECIFIED"
        assert f"{ours(5)} {ours(5)!s}" == f"{ours(5).name} {ours(5).name}"


@pytest.mark.parametrize(
    ("recoverable", "cause", "retryable"),
    [
        (False, execution_pb2.ERROR_CAUSE_USER, False),
        (True, execution_pb2.ERROR_CAUSE_USER_RECOVERABLE, True),
        (True, execution_pb2.ERROR_CAUSE_WORKER_LOST, True),
        (True, execution_pb2.ERROR_CAUSE_CANCELLED, False),
    ],
)
def test_retryable(recoverable: bool, cause: execution_pb2.ErrorCause, retryable: bool) -> None:
    kind = errors_pb2.ContainerError.RECOVERABLE if recoverable else errors_pb2.ContainerError.NON_RECOVERABLE
    outcome = scripts.failure(execution_pb2.EXECUTION_STATE_FAILED, cause, kind=kind).outcome
    assert errors.TaskFailed(outcome).retryable is retryable


def test_futures_are_not_a_value(scripted: ScriptedService) -> None:
    outcome = execution_pb2.Outcome(futures=execution_pb2.Futures(uri="/f"))
    scripted.script = lambda _request, _context: iter([execution_pb2.Event(outcome=outcome)])
    with Executor(scripted.target) as executor, pytest.raises(errors.FuturesReturned, match="use execute") as caught:
        executor.run("m.t")
    assert caught.value.outcome == outcome


async def test_a_stream_without_an_outcome(scripted: ScriptedService) -> None:
    scripted.script = lambda _request, _context: iter([scripts.log("text")])
    request = task_executor_pb2.ExecuteTaskRequest()
    with Executor(scripted.target) as executor:
        with pytest.raises(errors.StreamIncomplete):
            executor.run("m.t")
        with pytest.raises(errors.StreamIncomplete):
            executor.execute(request)
    async with AsyncExecutor(scripted.target) as asynchronous:
        with pytest.raises(errors.StreamIncomplete):
            await asynchronous.execute(request)


def test_errors_survive_pickling() -> None:
    call = errors.InvalidRequest(grpc.StatusCode.INVALID_ARGUMENT, "x", [("f", "d")], 2.0, "R")
    copied = pickle.loads(pickle.dumps(call))
    assert (type(copied), copied.violations, copied.retry_after) == (errors.InvalidRequest, [("f", "d")], 2.0)
    task = errors.WorkerLost(
        scripts.failure(execution_pb2.EXECUTION_STATE_LOST, execution_pb2.ERROR_CAUSE_WORKER_LOST, message="m").outcome
    )
    assert pickle.loads(pickle.dumps(task)).message == "m"


def test_one_tree_and_all_of_it_is_public() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    assert all(issubclass(kind, flytewarm.FlytewarmError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(flytewarm.__all__)
    assert all(hasattr(flytewarm, name) for name in flytewarm.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = flytewarm.nonsense
