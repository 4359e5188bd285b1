"""Short ways to call the service with raw stubs, for tests that look at the contract itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from flytewarm_api.v1 import execution_pb2, task_executor_pb2, task_executor_pb2_grpc, worker_pool_pb2_grpc

TIMEOUT = 60


def request(name: str, /, **inputs: Any) -> task_executor_pb2.ExecuteTaskRequest:
    """A request for `module.task` with inputs and outputs as JSON."""
    made = task_executor_pb2.ExecuteTaskRequest(
        task=task_executor_pb2.TaskReference(name=name), inputs_json=json.dumps(inputs)
    )
    made.events.outputs_as_json = True
    return made


class Calls:
    """Stubs over one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.executor = task_executor_pb2_grpc.TaskExecutorStub(channel)
        self.pool = worker_pool_pb2_grpc.WorkerPoolStub(channel)

    def __enter__(self) -> Calls:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()

    def messages(self, made: task_executor_pb2.ExecuteTaskRequest) -> list[task_executor_pb2.ExecuteTaskResponse]:
        """All messages of one ExecuteTask."""
        return list(self.executor.ExecuteTask(made, timeout=TIMEOUT))

    def events(self, made: task_executor_pb2.ExecuteTaskRequest) -> list[execution_pb2.Event]:
        """All events of one ExecuteTask."""
        return [event for message in self.messages(made) for event in message.events]

    def outcome(self, made: task_executor_pb2.ExecuteTaskRequest) -> execution_pb2.Outcome:
        """The outcome of one ExecuteTask."""
        return self.events(made)[-1].outcome

    def run(self, name: str, /, **inputs: Any) -> Any:
        """The single output of a task that must succeed, or its outputs by name."""
        outcome = self.outcome(request(name, **inputs))
        assert outcome.HasField("outputs"), outcome
        outputs = json.loads(outcome.outputs.json)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def details(error: grpc.RpcError) -> Iterator[Any]:
    """The google.rpc details of a status, unpacked."""
    metadata = dict(error.trailing_metadata())
    for packed in status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details:
        for kind in (error_details_pb2.BadRequest, error_details_pb2.RetryInfo, error_details_pb2.ErrorInfo):
            if packed.Is(kind.DESCRIPTOR):
                detail = kind()
                packed.Unpack(detail)
                yield detail


def violated_fields(error: grpc.RpcError) -> list[str]:
    """The fields that a BadRequest names."""
    found = [detail for detail in details(error) if isinstance(detail, error_details_pb2.BadRequest)]
    return [violation.field for detail in found for violation in detail.field_violations]
