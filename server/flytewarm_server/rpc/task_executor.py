"""TaskExecutor: the main job."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from flytewarm_api.nesting import METADATA_KEY
from flytewarm_server.distribution.errors import DistributionError
from flytewarm_server.execution.admission import QueueFullError
from flytewarm_server.execution.endings import cancelled
from flytewarm_server.execution.events import without_logs
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.registry import Registry, RequestMismatchError
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.pool.environment import EnvironmentBrokenError
from flytewarm_server.pool.pool import Pool
from flytewarm_server.rpc import executions, status
from flytewarm_server.rpc.environments import environment_faults, wanted_environment
from flytewarm_server.rpc.execute_tasks import ExecutionStream, StreamLimits
from flytewarm_server.rpc.handlers import decoded_by
from flytewarm_server.rpc.large_outputs import encoded_with
from flytewarm_server.rpc.permissions import check_describe, check_execute
from flytewarm_server.rpc.received import Received, decode
from flytewarm_server.rpc.refusals import Refusals
from flytewarm_server.rpc.status import Violation
from flytewarm_server.rpc.validation import validate_execute, validate_task_reference
from flytewarm_server.security.allow_lists import AllowLists

# What a caller is told to wait when the queue is full or the service starts, in seconds.
_RETRY_SECONDS = 1.0
# A request with inputs from this size on is validated on a thread, in characters of JSON.
_LARGE_JSON = 1 << 20
# How long a description may wait for a worker and run, in seconds.
_DESCRIBE_SECONDS = 60.0
# In characters.
_LONGEST_CANCEL_REASON = 4096


class TaskExecutor:
    """Behaviours of the TaskExecutor service; RPCs that are not here are UNIMPLEMENTED (handlers.py)."""

    def __init__(
        self,
        pool: Pool,
        registry: Registry,
        isolation: settings_pb2.Isolation,
        max_nesting: int,
        allow_lists: AllowLists,
        stream_limits: StreamLimits,
        refusals: Refusals,
    ) -> None:
        """`isolation`: that of requests that do not say. `max_nesting`: levels of executions that tasks ask for.
        `allow_lists`: what requests may name. `stream_limits`: those of each ExecuteTasks. `refusals` is told of the
        requests of such a stream that are refused."""
        self._refusals = refusals
        self._allow_lists = allow_lists
        self._isolation = isolation
        self._max_nesting = max_nesting
        self._stream_limits = stream_limits
        self._pool = pool
        self._registry = registry

    @decoded_by(decode)
    async def ExecuteTask(  # noqa: N802  # the RPC's name
        self,
        received: Received,
        context: Any,
        send: Callable[[task_executor_pb2.ExecuteTaskResponse], Awaitable[None]],
    ) -> task_executor_pb2.ExecuteTaskResponse | bytes:
        """Runs a task, or attaches to its execution, and streams its events."""
        request = received.message
        valid = await self._validated(request)
        if received.literals is not None:
            valid = dataclasses.replace(valid, literals=received.literals)
        execution = self._accept(valid, self._parent(context))
        first_id = execution.id
        with _Watching(execution, self._left):
            async for events in execution.log.batches():
                told = without_logs(events) if request.events.omit_logs else events
                response = task_executor_pb2.ExecuteTaskResponse(execution_id=first_id, events=told)
                if events[-1].HasField("outcome"):
                    literals = execution.log.literals
                    return response if literals is None else encoded_with(literals, response)
                if told:
                    await send(response)
                    first_id = ""
        raise AssertionError("the last event of every execution is its outcome")

    async def ExecuteTasks(  # noqa: N802  # the RPC's name
        self, requests: AsyncIterator[task_executor_pb2.ExecuteTasksRequest], context: Any
    ) -> AsyncIterator[task_executor_pb2.ExecuteTasksResponse]:
        """Runs the tasks of a stream of requests, each as ExecuteTask does, and streams their events."""
        stream = ExecutionStream(
            self._validated,
            lambda request: self._accept(request, self._parent(context)),
            self._left,
            self._stream_limits,
            lambda error: self._refusals.note("ExecuteTasks", error, context),
            lambda: self._pool.waiting,
        )
        async with contextlib.aclosing(stream.answers(requests)) as responses:
            async for response in responses:
                yield response

    async def WatchExecution(  # noqa: N802  # the RPC's name
        self, request: task_executor_pb2.WatchExecutionRequest, _context: Any
    ) -> AsyncIterator[task_executor_pb2.WatchExecutionResponse | bytes]:
        """Streams an execution's events from one on."""
        execution = self._known(request.execution_id)
        if execution.ended and request.from_sequence > execution.log.last_sequence:
            last = execution.log.last_sequence
            raise status.out_of_range(f"execution {execution.id!r} has ended with event {last}")
        with _Watching(execution, self._left):
            async for events in execution.log.batches(request.from_sequence):
                response = task_executor_pb2.WatchExecutionResponse(events=events)
                literals = execution.log.literals if events[-1].HasField("outcome") else None
                yield response if literals is None else encoded_with(literals, response)

    async def GetExecution(  # noqa: N802  # the RPC's name
        self, request: task_executor_pb2.GetExecutionRequest, _context: Any
    ) -> task_executor_pb2.GetExecutionResponse:
        """Tells the state of one execution."""
        return task_executor_pb2.GetExecutionResponse(execution=executions.whole(self._known(request.execution_id)))

    async def ListExecutions(  # noqa: N802  # the RPC's name
        self, request: task_executor_pb2.ListExecutionsRequest, _context: Any
    ) -> task_executor_pb2.ListExecutionsResponse:
        """Lists executions, newest first."""
        return executions.page(self._registry, request)

    async def CancelExecution(  # noqa: N802  # the RPC's name
        self, request: task_executor_pb2.CancelExecutionRequest, _context: Any
    ) -> task_executor_pb2.CancelExecutionResponse:
        """Asks for the end of an execution."""
        execution = self._known(request.execution_id)
        if len(request.reason) > _LONGEST_CANCEL_REASON:
            fault = f"has {len(request.reason)} characters, over the limit of {_LONGEST_CANCEL_REASON}"
            raise status.invalid([Violation("reason", fault)])
        state = execution.state
        self._pool.end(execution, cancelled(f"cancelled: {request.reason}" if request.reason else "cancelled"))
        return task_executor_pb2.CancelExecutionResponse(state=state.value)

    async def DescribeTask(  # noqa: N802  # the RPC's name
        self, request: task_executor_pb2.DescribeTaskRequest, context: Any
    ) -> task_executor_pb2.DescribeTaskResponse:
        """Loads a task in a worker and tells its interface."""
        if faults := [*validate_task_reference(request.task), *environment_faults(request.environment)]:
            raise status.invalid(faults)
        check_describe(request, self._allow_lists)
        wanted = wanted_environment(request.environment, {})
        parent = self._parent(context)
        self._check_environment(parent)
        try:
            described = self._pool.describe(request, wanted, self._level(parent))
            reply = await asyncio.wait_for(described, _DESCRIBE_SECONDS)
        except asyncio.TimeoutError:
            raise status.deadline_exceeded(f"no worker described the task within {_DESCRIBE_SECONDS} s") from None
        except QueueFullError as error:
            raise status.queue_full(str(error), error.limit, _RETRY_SECONDS) from None
        except DistributionError as error:
            raise status.failed_precondition(str(error), "DISTRIBUTION") from None
        except (ConnectionError, EnvironmentBrokenError) as error:
            raise status.unavailable(str(error), _RETRY_SECONDS) from None
        if reply.HasField("describe_failed"):
            name = request.task.name or " ".join(request.task.loader_args)
            raise status.not_found(f"{name} cannot be loaded: {reply.describe_failed}")
        return reply.described

    def _known(self, execution_id: str) -> Execution:
        if not execution_id:
            raise status.invalid([Violation("execution_id", "is required")])
        execution = self._registry.get(execution_id)
        if execution is None:
            raise status.not_found(f"no execution {execution_id!r} is running or remembered")
        return execution

    async def _validated(self, request: task_executor_pb2.ExecuteTaskRequest) -> ValidRequest:
        if len(request.inputs_json) < _LARGE_JSON:
            return self._checked(request)
        # Parsing megabytes would hold up everybody else's events.
        return await asyncio.to_thread(self._checked, request)

    def _checked(self, request: task_executor_pb2.ExecuteTaskRequest) -> ValidRequest:
        valid = validate_execute(request, self._pool.environment.spec.app_dir, self._isolation)
        check_execute(valid, self._allow_lists)
        return valid

    def _parent(self, context: Any) -> Execution | None:
        """The running execution whose task makes the call, if it is one of this service."""
        for key, value in context.invocation_metadata():
            if key == METADATA_KEY:
                parent = self._registry.get(value)
                return parent if parent is not None and not parent.ended else None
        return None

    def _level(self, parent: Execution | None) -> int:
        """The level of nesting of what `parent` asks for."""
        if parent is None:
            return 0
        if parent.level >= self._max_nesting:
            raise status.failed_precondition(
                f"execution {parent.id!r} is at nesting level {parent.level}, and no deeper one is served"
                f" (--max-nesting is {self._max_nesting})",
                "NESTING_TOO_DEEP",
            )
        return parent.level + 1

    def _accept(self, request: ValidRequest, parent: Execution | None) -> Execution:
        try:
            attached = self._registry.attach(request)
        except RequestMismatchError as error:
            raise status.already_exists(str(error)) from None
        if attached is not None:
            return attached
        self._check_environment(parent)
        execution = self._registry.create(request, self._level(parent))
        try:
            self._pool.submit(execution)
        except QueueFullError as error:
            self._registry.discard(execution)
            raise status.queue_full(str(error), error.limit, _RETRY_SECONDS) from None
        if parent is not None:
            parent.is_parent = True
        return execution

    def _check_environment(self, parent: Execution | None) -> None:
        environment = self._pool.environment
        # What runs while the service stops gets to finish, with what it needs for that.
        if self._pool.draining and parent is None:
            raise status.unavailable("the service is stopping", _RETRY_SECONDS)
        if environment.refuses:
            message = f"environment {environment.spec.key} is broken: {environment.reason}"
            raise status.failed_precondition(message, "ENVIRONMENT_BROKEN")

    def _left(self, execution: Execution) -> None:
        """A stream ended: when it was the last one of a running execution, its client is gone."""
        policy = execution.request.message.policy
        if execution.ended or execution.watchers or policy.on_disconnect == settings_pb2.ON_DISCONNECT_CONTINUE:
            return
        self._pool.end(execution, cancelled("the client disconnected, or its deadline passed"))


class _Watching:
    """While one client reads an execution's events, who may leave. A class, as a context manager that is a generator
    takes longer."""

    __slots__ = ("_execution", "_on_leave")

    def __init__(self, execution: Execution, on_leave: Callable[[Execution], None]) -> None:
        self._execution, self._on_leave = execution, on_leave

    def __enter__(self) -> None:
        self._execution.watchers += 1

    def __exit__(self, *_: object) -> None:
        self._execution.watchers -= 1
        self._on_leave(self._execution)
