"""Bytes -> request. The server does not look into literals, so what is wrong with them is found here."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from flytewarm_api.v1 import task_executor_pb2


@dataclass(frozen=True)
class Request:
    """What is to be executed."""

    message: task_executor_pb2.ExecuteTaskRequest
    # Why its inputs cannot be read; `message` has none then.
    unreadable: DecodeError | None = None


def parse(data: bytes) -> Request:
    """The request that the server has found to be runnable, but for what is in its literals."""
    try:
        return Request(task_executor_pb2.ExecuteTaskRequest.FromString(data))
    except (DecodeError, ValueError) as error:
        # The latter where protobuf is Python's own: text that is not UTF-8.
        fault = DecodeError(f"literals: {len(data)} bytes are no request with a LiteralMap: {error}")
        return Request(_without_literals(data), fault)


def _without_literals(data: bytes) -> task_executor_pb2.ExecuteTaskRequest:
    from flytewarm_api.opaque import OpaqueMessages

    messages = OpaqueMessages(task_executor_pb2.DESCRIPTOR).module(task_executor_pb2.DESCRIPTOR.name)
    request = messages.ExecuteTaskRequest.FromString(data)
    request.ClearField("literals")
    return task_executor_pb2.ExecuteTaskRequest.FromString(request.SerializeToString())
