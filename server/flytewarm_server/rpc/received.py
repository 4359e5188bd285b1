"""Bytes -> request, its literal map apart where that is large: to have it in a message would copy it."""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl.core import literals_pb2

from flytewarm_api.wire import holds_only, take_out
from flytewarm_api.worker.framing import APART_BYTES
from flytewarm_server.messages import task_executor_pb2

_Request = task_executor_pb2.ExecuteTaskRequest
_LITERALS = literals_pb2.LiteralMap.LITERALS_FIELD_NUMBER


@dataclass(frozen=True)
class Received:
    """A request as it came. Where there are `literals`, the message has an empty map in their place."""

    message: task_executor_pb2.ExecuteTaskRequest
    literals: memoryview | None = None


def decode(data: bytes) -> Received:
    """Raises DecodeError. What is in the literals of a map is for the worker to find out."""
    parted = take_out(data, _Request.LITERALS_FIELD_NUMBER, APART_BYTES) if len(data) >= APART_BYTES else None
    if parted is not None:
        rest, literals = parted
        message = _Request.FromString(rest)
        # Of several kinds of inputs the last one counts, and which that was cannot be told any more.
        if message.WhichOneof("inputs") is None and holds_only(literals, _LITERALS):
            message.literals.SetInParent()
            return Received(message, literals)
    return Received(_Request.FromString(data))
