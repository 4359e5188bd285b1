"""Executions as GetExecution and ListExecutions tell them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.registry import Registry
from flytewarm_server.messages import execution_pb2, task_executor_pb2, timestamp_pb2
from flytewarm_server.rpc.large_outputs import fill_in
from flytewarm_server.rpc.status import Violation, cut, invalid

_PAGE_SIZE, _LARGEST_PAGE = 100, 1000
# In characters, and of an error in a list in bytes.
_LONGEST_NAME, _LONGEST_ERROR = 512, 1 << 10


def whole(execution: Execution) -> task_executor_pb2.Execution:
    """What is known of it, with its whole outcome."""
    told = _summary(execution)
    fill_in(execution.log.literals, told.outcome)
    return told


def _summary(execution: Execution) -> task_executor_pb2.Execution:
    """Without outputs that are kept apart."""
    return task_executor_pb2.Execution(
        execution_id=execution.id,
        state=execution.state.value,
        task=task_name(execution.request.message),
        created_at=_timestamp(execution.created_ns),
        started_at=_timestamp(execution.started_ns),
        ended_at=_timestamp(execution.ended_ns),
        outcome=execution.log.outcome(),
        last_sequence=execution.log.last_sequence,
    )


def task_name(message: task_executor_pb2.ExecuteTaskRequest) -> str:
    """What an execution's task is called in lists."""
    if message.HasField("template"):
        return str(message.template.id.name)
    return (message.task.name or " ".join(message.task.loader_args))[:_LONGEST_NAME]


def page(
    registry: Registry, request: task_executor_pb2.ListExecutionsRequest
) -> task_executor_pb2.ListExecutionsResponse:
    """One page of those that are wanted. Raises CallError INVALID_ARGUMENT."""
    if faults := list(_faults(request)):
        raise invalid(faults)
    size = request.page_size or _PAGE_SIZE
    before = int(request.page_token) if request.page_token else None
    found = list(itertools.islice(_wanted(registry.newest_first(before), request), size + 1))
    response = task_executor_pb2.ListExecutionsResponse(executions=map(_in_short, found[:size]))
    if len(found) > size:
        # The number of the page's last one: those that begin meanwhile have larger ones.
        response.next_page_token = str(found[size - 1].number)
    return response


def _faults(request: task_executor_pb2.ListExecutionsRequest) -> Iterator[Violation]:
    if request.page_size > _LARGEST_PAGE:
        yield Violation("page_size", f"must be 1 to {_LARGEST_PAGE}, not {request.page_size}")
    if request.page_token and not (request.page_token.isascii() and request.page_token.isdigit()):
        yield Violation("page_token", "is not one that this service gives")
    for state in request.states:
        if state == execution_pb2.EXECUTION_STATE_UNSPECIFIED or state not in execution_pb2.ExecutionState.values():
            yield Violation("states", f"{state} is not a state of an execution")


def _wanted(executions: Iterable[Execution], request: task_executor_pb2.ListExecutionsRequest) -> Iterator[Execution]:
    states = frozenset(request.states)
    for execution in executions:
        if states and execution.state.value not in states:
            continue
        if request.task and task_name(execution.request.message) != request.task:
            continue
        yield execution


def _in_short(execution: Execution) -> task_executor_pb2.Execution:
    told = _summary(execution)
    if (result := told.outcome.WhichOneof("result")) in ("outputs", "futures"):
        told.outcome.ClearField(result)
    elif result == "error":
        # The rest is in GetExecution: a page of long errors fits into no message.
        error = told.outcome.error.error
        error.message = cut(error.message, _LONGEST_ERROR)
    elif result == "ignored":
        told.outcome.ignored.reason = cut(told.outcome.ignored.reason, _LONGEST_ERROR)
    return told


def _timestamp(nanoseconds: int) -> timestamp_pb2.Timestamp | None:
    if not nanoseconds:
        return None
    seconds, nanos = divmod(nanoseconds, 1_000_000_000)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
