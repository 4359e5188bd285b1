"""Requests out of native values, results out of outcomes. No I/O: both executors share this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flytewarm.enums import ExecutionState, Isolation, OnDisconnect
from flytewarm.errors import (
    FlytewarmError,
    FuturesReturned,
    StreamIncomplete,
    TaskCancelled,
    TaskFailed,
    TaskTimedOut,
    WorkerLost,
)
from flytewarm.values import inputs_to_json, outputs_from_json
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2, worker_pool_pb2

_FAILURES: dict[int, type[TaskFailed]] = {
    execution_pb2.EXECUTION_STATE_CANCELLED: TaskCancelled,
    execution_pb2.EXECUTION_STATE_TIMED_OUT: TaskTimedOut,
    execution_pb2.EXECUTION_STATE_LOST: WorkerLost,
}


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How `run` runs a task. A positional argument of `run`, so that inputs may have any name."""

    execution_id: str = ""
    """Makes the run idempotent, and lets it be cancelled: 1 to 128 characters of A-Z a-z 0-9 . _ : / -. By default the
    service makes one."""
    timeout: float | None = None
    """Seconds from acceptance to the end of the execution, after which it is TaskTimedOut. Default: none."""
    on_event: Callable[[execution_pb2.Event], object] | None = None
    """Called with every event as it comes, the outcome included. What it raises cancels the execution."""
    on_log: Callable[[str, str], object] | None = None
    """Called with ("stdout" or "stderr", text) for what the task writes. What it raises cancels the execution. Without
    it and on_event, logs, decks and metrics are not sent; the service keeps the log for `watch` all the same."""
    output_prefix: str = ""
    """Path or URI under which outputs.pb, error.pb and deck.html are written; a path is the service's, so give an
    absolute one. Default: they are not written."""
    raw_output_prefix: str = ""
    """Path or URI under which files, directories and datasets of the outputs are kept. Default: they are deleted with
    the execution."""
    settings: settings_pb2.ExecutionSettings | None = None
    """Environment variables, identifiers and so on; the prefixes above win over its own. Default: none."""
    policy: settings_pb2.ExecutionPolicy | None = None
    """The next three and the timeout, as in the contract, which has full names only, such as ISOLATION_PROCESS. Each of
    the fields here wins over its own in it. Default: the service's."""
    isolation: Isolation | str | None = None
    """"context" or "process": whether its worker may have run others before. Default: the service's."""
    priority: int | None = None
    """Those with a higher one are started first, -100 to 100. Default: 0."""
    on_disconnect: OnDisconnect | str | None = None
    """"cancel" or "continue": what becomes of the execution when this client goes away. Default: cancel."""
    environment: settings_pb2.Environment | None = None
    """Where to run. Default: the service's default environment."""

    def dispatch(self, event: execution_pb2.Event) -> None:
        """Hands one event to the callbacks."""
        if self.on_event is not None:
            self.on_event(event)
        if self.on_log is not None and event.HasField("log"):
            name = "stderr" if event.log.stream == execution_pb2.LOG_STREAM_STDERR else "stdout"
            self.on_log(name, event.log.text)


def run_request(
    task: str, options: RunOptions | None, inputs: Mapping[str, Any]
) -> task_executor_pb2.ExecuteTaskRequest:
    """The request of `run`. Raises TypeError for an input that cannot be sent, or options that are none; ValueError for
    an isolation or disconnect policy that does not exist."""
    if options is not None and not isinstance(options, RunOptions):
        raise TypeError(
            f'run() takes inputs as keyword arguments, as in run("{task}", a=1), or run("{task}", **inputs) for a dict;'
            f" its second positional argument is RunOptions, not {type(options).__name__}"
        )
    options = options or RunOptions()
    request = task_executor_pb2.ExecuteTaskRequest(
        execution_id=options.execution_id,
        task=task_executor_pb2.TaskReference(name=task),
        inputs_json=inputs_to_json(inputs),
        settings=options.settings,
        environment=options.environment,
        policy=options.policy,
    )
    if options.output_prefix:
        request.settings.output_prefix = options.output_prefix
    if options.raw_output_prefix:
        request.settings.raw_output_prefix = options.raw_output_prefix
    _set_policy(request, options)
    request.events.outputs_as_json = True
    request.events.omit_logs = options.on_event is None and options.on_log is None
    request.events.omit_decks = request.events.omit_metrics = options.on_event is None
    return request


def _set_policy(request: task_executor_pb2.ExecuteTaskRequest, options: RunOptions) -> None:
    if options.timeout is not None:
        request.policy.timeout.FromNanoseconds(int(options.timeout * 1e9))
    if options.isolation is not None:
        request.policy.isolation = Isolation.parse(options.isolation).value  # type: ignore[assignment]
    if options.priority is not None:
        request.policy.priority = options.priority
    if options.on_disconnect is not None:
        request.policy.on_disconnect = OnDisconnect.parse(options.on_disconnect).value  # type: ignore[assignment]


def describe_request(task: str) -> task_executor_pb2.DescribeTaskRequest:
    """The request that asks about `module.task`."""
    return task_executor_pb2.DescribeTaskRequest(task=task_executor_pb2.TaskReference(name=task))


def cancel_request(execution_id: str, reason: str) -> task_executor_pb2.CancelExecutionRequest:
    """The request that ends an execution."""
    return task_executor_pb2.CancelExecutionRequest(execution_id=execution_id, reason=reason)


def watch_request(execution_id: str, from_sequence: int) -> task_executor_pb2.WatchExecutionRequest:
    """The request that watches an execution."""
    return task_executor_pb2.WatchExecutionRequest(execution_id=execution_id, from_sequence=from_sequence)


def get_request(execution_id: str) -> task_executor_pb2.GetExecutionRequest:
    """The request that asks about one execution."""
    return task_executor_pb2.GetExecutionRequest(execution_id=execution_id)


def list_request(states: Iterable[ExecutionState | str], task: str) -> task_executor_pb2.ListExecutionsRequest:
    """The request for the first page of executions. Raises ValueError for a state that does not exist."""
    names = [f"EXECUTION_STATE_{ExecutionState.parse(state).name}" for state in states]
    return task_executor_pb2.ListExecutionsRequest(states=names, task=task)


def drain_request(grace: float | None) -> worker_pool_pb2.DrainRequest:
    """The request that stops the service."""
    request = worker_pool_pb2.DrainRequest()
    if grace is not None:
        request.grace.FromNanoseconds(int(grace * 1e9))
    return request


class OutcomeWatch:
    """Passes the events of one stream on, and knows at its end whether the outcome was among them."""

    def __init__(self) -> None:
        self._outcome: execution_pb2.Outcome | None = None

    def events(
        self, response: task_executor_pb2.ExecuteTaskResponse | task_executor_pb2.WatchExecutionResponse
    ) -> Iterator[execution_pb2.Event]:
        """The events of one message."""
        for event in response.events:
            if event.HasField("outcome"):
                self._outcome = event.outcome
            yield event

    def outcome(self) -> execution_pb2.Outcome:
        """The outcome, after the last message. Raises StreamIncomplete if there was none."""
        if self._outcome is None:
            raise StreamIncomplete("the stream ended without an outcome; what became of the execution is not known")
        return self._outcome


def native_result(outcome: execution_pb2.Outcome) -> Any:
    """What the task returned, as `run` gives it.

    None for no outputs or ignored ones, the value of a single output, else a dict of values by name. Raises TaskFailed
    or a subclass for an error, FuturesReturned for futures, FlytewarmError for outputs that were not sent.
    """
    kind = outcome.WhichOneof("result")
    if kind == "error":
        raise _FAILURES.get(outcome.state, TaskFailed)(outcome)
    if kind == "futures":
        raise FuturesReturned(outcome)
    if kind == "ignored":
        return None
    if not outcome.outputs.json:
        if outcome.outputs.uri:
            raise FlytewarmError(f"the outputs are too large for a message; they are in {outcome.outputs.uri}")
        raise FlytewarmError("the service sent no outputs as JSON, although they were asked for")
    return outputs_from_json(outcome.outputs.json)
