"""A real gRPC server whose answers a test scripts."""

# ruff: noqa: ARG002, N802  # the parameters and names of RPCs are given

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from flyteidl.core import types_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2
from grpc_status import rpc_status

from flytewarm_api.v1 import (
    execution_pb2,
    task_executor_pb2,
    task_executor_pb2_grpc,
    worker_pool_pb2,
    worker_pool_pb2_grpc,
)

Script = Callable[[task_executor_pb2.ExecuteTaskRequest, grpc.ServicerContext], Iterator[execution_pb2.Event]]
ItemScript = Callable[
    [int, task_executor_pb2.ExecuteTaskRequest, grpc.ServicerContext], task_executor_pb2.TaskAnswer | None
]
INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
STRING = types_pb2.LiteralType(simple=types_pb2.STRING)


def abort(context: grpc.ServicerContext, code: grpc.StatusCode, message: str, details: Sequence[Message] = ()) -> None:
    """Ends a call with a status and google.rpc details."""
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        status.details.add().Pack(detail)
    context.abort_with_status(rpc_status.to_status(status))


def outputs(text: str) -> execution_pb2.Event:
    """The outcome of a task that succeeded with these outputs, as JSON."""
    outcome = execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_SUCCEEDED, outputs=execution_pb2.Outputs(json=text)
    )
    return execution_pb2.Event(outcome=outcome)


def failure(state: execution_pb2.ExecutionState, cause: execution_pb2.ErrorCause, **error: Any) -> execution_pb2.Event:
    """The outcome of a task that failed; `error` are fields of flyteidl's ContainerError."""
    told = execution_pb2.TaskError(cause=cause, error=error, uri="/tmp/error.pb")
    return execution_pb2.Event(outcome=execution_pb2.Outcome(state=state, error=told, receipt={"worker": "w-1"}))


def log(text: str, stream: execution_pb2.LogStream = execution_pb2.LOG_STREAM_STDOUT) -> execution_pb2.Event:
    """A log event."""
    return execution_pb2.Event(log=execution_pb2.Log(stream=stream, text=text))


def ten_times(
    number: int, request: task_executor_pb2.ExecuteTaskRequest, _context: grpc.ServicerContext
) -> task_executor_pb2.TaskAnswer:
    """The outcome of a task that returns ten times its input `a`."""
    outputs_json = json.dumps({"o0": 10 * json.loads(request.inputs_json)["a"]})
    return task_executor_pb2.TaskAnswer(request_number=number, events=[outputs(outputs_json)])


class ScriptedService(task_executor_pb2_grpc.TaskExecutorServicer, worker_pool_pb2_grpc.WorkerPoolServicer):
    """Answers ExecuteTask with what `script` yields, a message for each event, and remembers the requests."""

    def __init__(self, directory: Path) -> None:
        self.target = f"unix:{directory / 's.sock'}"
        self.script: Script = lambda _request, _context: iter([outputs('{"o0": 3}')])
        self.item_script: ItemScript = ten_times
        """The final answer to a request of ExecuteTasks, which has a number; None ends the stream."""
        self.capabilities = worker_pool_pb2.GetCapabilitiesResponse(version="9.9", workers=2)
        self.requests: list[task_executor_pb2.ExecuteTaskRequest] = []
        self.states = dict.fromkeys(("e", "e-1"), execution_pb2.EXECUTION_STATE_RUNNING)
        """The executions that CancelExecution knows."""
        self.before_description: Callable[[], object] = lambda: None
        """Called before DescribeTask answers."""
        self.cancellations: list[task_executor_pb2.CancelExecutionRequest] = []
        self.health = b"\x08\x01"
        self.before_end: Callable[[], object] = lambda: None
        """Called when a client of ExecuteTasks has sent all, and has all answers."""
        self.call_ended = threading.Event()
        """Set when a call of ExecuteTask or ExecuteTasks has ended, by whatever side."""
        self.description = task_executor_pb2.DescribeTaskResponse(name="m.t", task_type="python-task")
        for name in ("a", "b"):
            self.add_input(name, INTEGER, required=True)
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        task_executor_pb2_grpc.add_TaskExecutorServicer_to_server(self, self._server)
        worker_pool_pb2_grpc.add_WorkerPoolServicer_to_server(self, self._server)
        self._server.add_generic_rpc_handlers([self._health_handler()])
        self._server.add_insecure_port(self.target)

    def __enter__(self) -> ScriptedService:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()

    def add_input(self, name: str, kind: types_pb2.LiteralType, *, required: bool, default: str = "") -> None:
        """Gives the described task one more input."""
        self.description.inputs.add(name=name, required=required, default_json=default)
        self.description.interface.inputs.variables[name].type.CopyFrom(kind)

    def ExecuteTask(
        self, request: task_executor_pb2.ExecuteTaskRequest, context: grpc.ServicerContext
    ) -> Iterator[task_executor_pb2.ExecuteTaskResponse]:
        self.requests.append(request)
        context.add_callback(self.call_ended.set)
        for event in self.script(request, context):
            yield task_executor_pb2.ExecuteTaskResponse(events=[event])

    def ExecuteTasks(
        self, request_iterator: Iterator[task_executor_pb2.ExecuteTasksRequest], context: grpc.ServicerContext
    ) -> Iterator[task_executor_pb2.ExecuteTasksResponse]:
        context.add_callback(self.call_ended.set)
        number = 0
        for message in request_iterator:
            for request in message.executions:
                number += 1
                self.requests.append(request)
                answer = self.item_script(number, request, context)
                if answer is None:
                    return
                yield task_executor_pb2.ExecuteTasksResponse(answers=[answer])
        self.before_end()

    def DescribeTask(
        self, request: task_executor_pb2.DescribeTaskRequest, context: grpc.ServicerContext
    ) -> task_executor_pb2.DescribeTaskResponse:
        self.before_description()
        if (name := request.task.name) != self.description.name:
            traceback = f'Traceback (most recent call last):\n  File "m.py", line 1\nModuleNotFoundError: no {name}\n'
            abort(context, grpc.StatusCode.NOT_FOUND, f"{name} cannot be loaded: {traceback}")
        return self.description

    def CancelExecution(
        self, request: task_executor_pb2.CancelExecutionRequest, context: grpc.ServicerContext
    ) -> task_executor_pb2.CancelExecutionResponse:
        self.cancellations.append(request)
        if request.execution_id not in self.states:
            abort(context, grpc.StatusCode.NOT_FOUND, "no such execution")
        return task_executor_pb2.CancelExecutionResponse(state=self.states[request.execution_id])

    def GetCapabilities(
        self, request: worker_pool_pb2.GetCapabilitiesRequest, context: grpc.ServicerContext
    ) -> worker_pool_pb2.GetCapabilitiesResponse:
        return self.capabilities

    def ListEnvironments(
        self, request: worker_pool_pb2.ListEnvironmentsRequest, context: grpc.ServicerContext
    ) -> worker_pool_pb2.ListEnvironmentsResponse:
        worker = worker_pool_pb2.WorkerStatus(
            name="w-1", pid=7, state=worker_pool_pb2.WORKER_STATE_BUSY, executions=3, execution_id="e"
        )
        worker.first_memory_bytes = 70 << 20
        environment = worker_pool_pb2.EnvironmentStatus(
            key="k", state=worker_pool_pb2.ENVIRONMENT_STATE_READY, workers=[worker]
        )
        return worker_pool_pb2.ListEnvironmentsResponse(environments=[environment])

    def _health_handler(self) -> grpc.GenericRpcHandler:
        check = grpc.unary_unary_rpc_method_handler(lambda _request, _context: self.health)
        return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})
