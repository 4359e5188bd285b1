"""The asyncio client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar

import grpc.aio

from flytewarm import health, map_asyncio, map_progress, requests
from flytewarm.channel import Connection, channel_options, resolve_target
from flytewarm.credentials import Credentials, Metadata
from flytewarm.enums import ExecutionState
from flytewarm.mapping import MapState
from flytewarm.requests import RunOptions
from flytewarm.status import call_errors
from flytewarm.stubs import Stubs
from flytewarm_api import nesting
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2

_Self = TypeVar("_Self", bound="AsyncExecutor")


class AsyncExecutor:
    """Executor for asyncio: the same methods, awaited. Belongs to the event loop that makes its first call.

    Cancelling the asyncio task that awaits `run` or `execute` cancels the execution.
    """

    def __init__(
        self, target: str | None = None, *, timeout: float | None = None, credentials: Credentials | None = None
    ) -> None:
        self.target = resolve_target(target)
        """Where the service is."""
        self._timeout = timeout
        credentials = Credentials.from_environment() if credentials is None else credentials
        self._secured = credentials.for_channel(self.target)
        self._token = credentials.bearer()
        self._connection = Connection(self.target, self._secured is not None)
        self._channel: grpc.aio.Channel | None = None
        self._made_stubs: Stubs | None = None

    async def __aenter__(self: _Self) -> _Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection and with it running calls, which raise CallCancelled. Does nothing the second time."""
        if self._channel is not None:
            await self._channel.close(None)

    async def run(self, task: str, options: RunOptions | None = None, /, **inputs: Any) -> Any:
        """Runs `module.task` with native values and returns its native result; see Executor.run."""
        request = requests.run_request(task, options, inputs)
        outcome = None
        async with contextlib.aclosing(self.stream(request)) as events:
            async for event in events:
                if options is not None:
                    options.dispatch(event)
                outcome = event.outcome
        assert outcome is not None  # stream() has checked
        return requests.native_result(outcome)

    def map(
        self,
        task: str,
        inputs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        options: RunOptions | None = None,
        *,
        ordered: bool = True,
        return_exceptions: bool = False,
        concurrency: int | None = None,
        progress: bool = False,
    ) -> AsyncGenerator[Any, None]:
        """Runs `module.task` once for each dict of inputs, over one call, and yields the results; see Executor.map.

        `inputs` may be an async iterable, too; it is taken from while results are waited for. Leaving a loop over the
        generator does not close it; contextlib.aclosing does, and cancels what is left.
        """
        state = MapState(task, options, ordered=ordered, return_exceptions=return_exceptions, concurrency=concurrency)
        results = self._mapped(state, inputs)
        return map_progress.shown_async(results, state, task, inputs) if progress else results

    async def execute(self, request: task_executor_pb2.ExecuteTaskRequest) -> execution_pb2.Outcome:
        """Executes a request and returns how it ended, errors of the task included."""
        watch = requests.OutcomeWatch()
        async with contextlib.aclosing(self._events(self._stubs.executor.ExecuteTask, request, watch)) as events:
            async for _ in events:
                pass
        return watch.outcome()

    async def stream(self, request: task_executor_pb2.ExecuteTaskRequest) -> AsyncGenerator[execution_pb2.Event, None]:
        """Executes a request and yields its events as they come; see Executor.stream.

        Python closes an async generator that is left early at some later time; contextlib.aclosing does it at once.
        """
        watch = requests.OutcomeWatch()
        async with contextlib.aclosing(self._events(self._stubs.executor.ExecuteTask, request, watch)) as events:
            async for event in events:
                yield event
        watch.outcome()

    async def describe(self, task: str) -> task_executor_pb2.DescribeTaskResponse:
        """Tells the interface and documentation of `module.task`. Raises NotFound when it cannot be loaded."""
        response: task_executor_pb2.DescribeTaskResponse
        with call_errors(self._connection):
            response = await self._stubs.executor.DescribeTask(
                requests.describe_request(task), timeout=self._timeout, metadata=self._metadata(nesting.metadata())
            )
        return response

    async def cancel(self, execution_id: str, reason: str = "") -> ExecutionState:
        """Asks for the end of an execution, and returns the state in which the request met it; see Executor.cancel."""
        response: task_executor_pb2.CancelExecutionResponse
        with call_errors(self._connection):
            response = await self._stubs.executor.CancelExecution(
                requests.cancel_request(execution_id, reason), timeout=self._timeout, metadata=self._metadata()
            )
        return ExecutionState(response.state)

    async def watch(self, execution_id: str, from_sequence: int = 1) -> AsyncGenerator[execution_pb2.Event, None]:
        """Yields the events of an execution that was begun elsewhere; see Executor.watch, and stream about its end."""
        watch, request = requests.OutcomeWatch(), requests.watch_request(execution_id, from_sequence)
        async with contextlib.aclosing(self._events(self._stubs.executor.WatchExecution, request, watch)) as events:
            async for event in events:
                yield event
        watch.outcome()

    async def execution(self, execution_id: str) -> task_executor_pb2.Execution:
        """Tells the state of an execution. Raises NotFound for an id that the service does not know."""
        response: task_executor_pb2.GetExecutionResponse
        with call_errors(self._connection):
            response = await self._stubs.executor.GetExecution(
                requests.get_request(execution_id), timeout=self._timeout, metadata=self._metadata()
            )
        return response.execution

    async def executions(
        self, *, states: Iterable[ExecutionState | str] = (), task: str = ""
    ) -> AsyncGenerator[task_executor_pb2.Execution, None]:
        """Yields the executions that the service knows, newest first; see Executor.executions."""
        request = requests.list_request(states, task)
        while True:
            response: task_executor_pb2.ListExecutionsResponse
            with call_errors(self._connection):
                response = await self._stubs.executor.ListExecutions(
                    request, timeout=self._timeout, metadata=self._metadata()
                )
            for execution in response.executions:
                yield execution
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def capabilities(self) -> worker_pool_pb2.GetCapabilitiesResponse:
        """Tells versions and limits of the service."""
        response: worker_pool_pb2.GetCapabilitiesResponse
        with call_errors(self._connection):
            response = await self._stubs.pool.GetCapabilities(
                worker_pool_pb2.GetCapabilitiesRequest(), timeout=self._timeout, metadata=self._metadata()
            )
        return response

    async def environments(self) -> list[worker_pool_pb2.EnvironmentStatus]:
        """Lists the environments with their workers."""
        response: worker_pool_pb2.ListEnvironmentsResponse
        with call_errors(self._connection):
            response = await self._stubs.pool.ListEnvironments(
                worker_pool_pb2.ListEnvironmentsRequest(), timeout=self._timeout, metadata=self._metadata()
            )
        return list(response.environments)

    async def drain(self, grace: float | None = None) -> int:
        """Has the service end as SIGTERM does; see Executor.drain."""
        response: worker_pool_pb2.DrainResponse
        with call_errors(self._connection):
            response = await self._stubs.pool.Drain(
                requests.drain_request(grace), timeout=self._timeout, metadata=self._metadata()
            )
        return response.running

    async def is_serving(self) -> bool:
        """Whether the service says that it takes work. Raises Unavailable when nobody answers."""
        with call_errors(self._connection):
            return health.says_serving(await self._stubs.check_health(health.CHECK_REQUEST, timeout=self._timeout))

    @property
    def _stubs(self) -> Stubs:
        # A channel of grpc.aio takes the running loop when it is made, and there is none yet in a constructor that is
        # called outside of it.
        if self._made_stubs is None:
            options = channel_options(self.target)
            if self._secured is None:
                self._channel = grpc.aio.insecure_channel(self.target, options=options)
            else:
                self._channel = grpc.aio.secure_channel(self.target, self._secured, options=options)
            self._made_stubs = Stubs(self._channel)
        return self._made_stubs

    def _metadata(self, more: Metadata = ()) -> Metadata:
        return (*more, *self._token.metadata())

    async def _mapped(
        self, state: MapState, inputs: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]]
    ) -> AsyncGenerator[Any, None]:
        state.limit(await self.capabilities())
        call = self._stubs.executor.ExecuteTasks(timeout=self._timeout, metadata=self._metadata(nesting.metadata()))
        async with contextlib.aclosing(map_asyncio.mapped(call, state, inputs)) as results:
            async for result in results:
                yield result

    async def _events(
        self, method: Any, request: Any, watch: requests.OutcomeWatch
    ) -> AsyncGenerator[execution_pb2.Event, None]:
        with call_errors(self._connection):
            call = method(request, timeout=self._timeout, metadata=self._metadata(nesting.metadata()))
            try:
                async for response in call:
                    self._connection.answered = True
                    for event in watch.events(response):
                        yield event
            finally:
                call.cancel()  # does nothing to a call that has ended
