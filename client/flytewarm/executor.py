"""The blocking client."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

import grpc

from flytewarm import health, map_blocking, map_progress, requests
from flytewarm.channel import Connection, channel_options, resolve_target
from flytewarm.credentials import Credentials, Metadata
from flytewarm.enums import ExecutionState
from flytewarm.mapping import MapState
from flytewarm.requests import RunOptions
from flytewarm.status import call_errors
from flytewarm.stubs import Stubs
from flytewarm_api import nesting
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2

_Self = TypeVar("_Self", bound="Executor")


class Executor:
    """A connection to a flytewarm service, made when it is first needed. May be shared by threads.

    `target`: host:port or unix:PATH; by default FLYTEWARM_TARGET, else in a task the service that runs it, else
    127.0.0.1:8700. Raises ValueError for others.
    `timeout`: seconds that each call may take before it raises DeadlineExceeded; the service then cancels the call's
    execution, unless its policy says to continue. Default: no limit.
    `credentials`: certificates and token; by default those of the environment (Credentials.from_environment). Raises
    ValueError for files that cannot be used, and for a token that would travel in the clear.

    All methods raise CallError or a subclass when the call fails, such as Unavailable without a service.
    """

    def __init__(
        self, target: str | None = None, *, timeout: float | None = None, credentials: Credentials | None = None
    ) -> None:
        self.target = resolve_target(target)
        """Where the service is."""
        self._timeout = timeout
        credentials = Credentials.from_environment() if credentials is None else credentials
        secured, options = credentials.for_channel(self.target), channel_options(self.target)
        self._token = credentials.bearer()
        self._connection = Connection(self.target, secured is not None)
        if secured is None:
            self._channel = grpc.insecure_channel(self.target, options=options)
        else:
            self._channel = grpc.secure_channel(self.target, secured, options=options)
        self._stubs = Stubs(self._channel)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and with it running calls, which raise CallCancelled. Does nothing the second time."""
        self._channel.close()

    def run(self, task: str, options: RunOptions | None = None, /, **inputs: Any) -> Any:
        """Runs `module.task` with native values and returns its native result.

        Returns None for a task without outputs (or one that asked to ignore them), the value of a single output, else
        a dict of values by output name. Files, directories and datasets are their URIs, datetimes RFC 3339 strings,
        durations seconds. Inputs: see flytewarm.values.inputs_to_json; those with defaults may be left out. Files and
        datasets that the task returns are deleted with the execution unless `options` has a raw_output_prefix.

        Raises TaskFailed or a subclass when the task fails, FuturesReturned for a dynamic task, TypeError for an
        input that cannot be sent, FlytewarmError for outputs so large that they were only written to output_prefix.
        """
        request = requests.run_request(task, options, inputs)
        outcome = None
        for event in self.stream(request):
            if options is not None:
                options.dispatch(event)
            outcome = event.outcome
        assert outcome is not None  # stream() has checked
        return requests.native_result(outcome)

    def map(
        self,
        task: str,
        inputs: Iterable[Mapping[str, Any]],
        options: RunOptions | None = None,
        *,
        ordered: bool = True,
        return_exceptions: bool = False,
        concurrency: int | None = None,
        progress: bool = False,
    ) -> Generator[Any, None, None]:
        """Runs `module.task` once for each dict of inputs, over one call, and yields the results as `run` gives them.

        Lazy: the call begins with the first result asked for, and of `inputs` only so many items are taken ahead of
        the results that were given as `concurrency` says (by default as many as the service takes of one call). They
        are taken on this thread, between results. Closing the generator, as leaving a loop over it does, cancels what
        is left. `timeout` of the executor is for all items together, that of `options` for each.

        `ordered`: results come in the order of the inputs; else as they are there, each as a pair of index and result.
        `return_exceptions`: an item that fails has its exception as its result, instead of raising it here; which one
        it is, is its `index`. So have items that the service refuses, whose exceptions are CallErrors. What ends the
        call itself is raised in any case, after the results that had come, and so is what `inputs` raises.
        `progress`: shows on stderr, if that is a terminal, how far it is.
        `options`: for all items, but item N has the execution id ID-N and the output prefix PREFIX/N, if there are
        such; the same call again then attaches to what still runs or is remembered. Raises ValueError for callbacks.
        """
        state = MapState(task, options, ordered=ordered, return_exceptions=return_exceptions, concurrency=concurrency)
        results = self._mapped(state, iter(inputs))
        return map_progress.shown(results, state, task, inputs) if progress else results

    def execute(self, request: task_executor_pb2.ExecuteTaskRequest) -> execution_pb2.Outcome:
        """Executes a request and returns how it ended, errors of the task included."""
        watch = requests.OutcomeWatch()
        for _ in self._events(self._stubs.executor.ExecuteTask, request, watch):
            pass
        return watch.outcome()

    def stream(self, request: task_executor_pb2.ExecuteTaskRequest) -> Generator[execution_pb2.Event, None, None]:
        """Executes a request and yields its events as they come; the last one is the outcome.

        The call begins with the first event asked for. Closing the generator early ends the call, which cancels the
        execution unless its policy says to continue. Raises StreamIncomplete if the stream ends without an outcome.
        """
        watch = requests.OutcomeWatch()
        yield from self._events(self._stubs.executor.ExecuteTask, request, watch)
        watch.outcome()

    def describe(self, task: str) -> task_executor_pb2.DescribeTaskResponse:
        """Tells the interface and documentation of `module.task`. Raises NotFound when it cannot be loaded."""
        response: task_executor_pb2.DescribeTaskResponse
        with call_errors(self._connection):
            response = self._stubs.executor.DescribeTask(
                requests.describe_request(task), timeout=self._timeout, metadata=self._metadata(nesting.metadata())
            )
        return response

    def cancel(self, execution_id: str, reason: str = "") -> ExecutionState:
        """Asks for the end of an execution, and returns the state in which the request met it.

        A terminal state means that nothing was done. Raises NotFound for an id that the service does not know.
        """
        response: task_executor_pb2.CancelExecutionResponse
        with call_errors(self._connection):
            response = self._stubs.executor.CancelExecution(
                requests.cancel_request(execution_id, reason), timeout=self._timeout, metadata=self._metadata()
            )
        return ExecutionState(response.state)

    def watch(self, execution_id: str, from_sequence: int = 1) -> Generator[execution_pb2.Event, None, None]:
        """Yields the events of an execution that was begun elsewhere, from one on, and then as they come, as stream()
        does; it may have ended.

        Raises NotFound for an id that the service does not know, OutOfRange when it has ended before `from_sequence`.
        """
        watch = requests.OutcomeWatch()
        request = requests.watch_request(execution_id, from_sequence)
        yield from self._events(self._stubs.executor.WatchExecution, request, watch)
        watch.outcome()

    def execution(self, execution_id: str) -> task_executor_pb2.Execution:
        """Tells the state of an execution. Raises NotFound for an id that the service does not know."""
        response: task_executor_pb2.GetExecutionResponse
        with call_errors(self._connection):
            response = self._stubs.executor.GetExecution(
                requests.get_request(execution_id), timeout=self._timeout, metadata=self._metadata()
            )
        return response.execution

    def executions(
        self, *, states: Iterable[ExecutionState | str] = (), task: str = ""
    ) -> Generator[task_executor_pb2.Execution, None, None]:
        """Yields the executions that the service knows, newest first, without their results.

        `states`, also by their names such as "running", and `task` (as Execution.task tells it) leave out all others.
        Default: all.
        """
        request = requests.list_request(states, task)
        while True:
            response: task_executor_pb2.ListExecutionsResponse
            with call_errors(self._connection):
                response = self._stubs.executor.ListExecutions(
                    request, timeout=self._timeout, metadata=self._metadata()
                )
            yield from response.executions
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def capabilities(self) -> worker_pool_pb2.GetCapabilitiesResponse:
        """Tells versions and limits of the service."""
        response: worker_pool_pb2.GetCapabilitiesResponse
        with call_errors(self._connection):
            response = self._stubs.pool.GetCapabilities(
                worker_pool_pb2.GetCapabilitiesRequest(), timeout=self._timeout, metadata=self._metadata()
            )
        return response

    def environments(self) -> list[worker_pool_pb2.EnvironmentStatus]:
        """Lists the environments with their workers."""
        response: worker_pool_pb2.ListEnvironmentsResponse
        with call_errors(self._connection):
            response = self._stubs.pool.ListEnvironments(
                worker_pool_pb2.ListEnvironmentsRequest(), timeout=self._timeout, metadata=self._metadata()
            )
        return list(response.environments)

    def drain(self, grace: float | None = None) -> int:
        """Has the service end as SIGTERM does, and returns how many executions wait or run; it finishes those.

        `grace`: seconds that they get before they are ended as preempted. Default: the service's.
        """
        response: worker_pool_pb2.DrainResponse
        with call_errors(self._connection):
            response = self._stubs.pool.Drain(
                requests.drain_request(grace), timeout=self._timeout, metadata=self._metadata()
            )
        return response.running

    def is_serving(self) -> bool:
        """Whether the service says that it takes work. Raises Unavailable when nobody answers."""
        with call_errors(self._connection):
            return health.says_serving(self._stubs.check_health(health.CHECK_REQUEST, timeout=self._timeout))

    def _metadata(self, more: Metadata = ()) -> Metadata:
        return (*more, *self._token.metadata())

    def _mapped(self, state: MapState, source: Iterator[Mapping[str, Any]]) -> Generator[Any, None, None]:
        state.limit(self.capabilities())

        def start(messages: Iterator[task_executor_pb2.ExecuteTasksRequest]) -> Any:
            metadata = self._metadata(nesting.metadata())
            return self._stubs.executor.ExecuteTasks(messages, timeout=self._timeout, metadata=metadata)

        yield from map_blocking.mapped(start, state, source)

    def _events(
        self, method: Any, request: Any, watch: requests.OutcomeWatch
    ) -> Generator[execution_pb2.Event, None, None]:
        with call_errors(self._connection):
            call = method(request, timeout=self._timeout, metadata=self._metadata(nesting.metadata()))
            try:
                for response in call:
                    self._connection.answered = True
                    yield from watch.events(response)
            finally:
                call.cancel()  # does nothing to a call that has ended
