"""Requests from bytes: what the server has not looked into."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from flytewarm_api.v1 import task_executor_pb2
from flytewarm_worker.request import parse


def test_a_request() -> None:
    request = task_executor_pb2.ExecuteTaskRequest(execution_id="e")
    request.literals.literals["a"].scalar.primitive.integer = 5
    parsed = parse(request.SerializeToString())
    assert (parsed.message, parsed.unreadable) == (request, None)


def test_literals_that_are_none_are_left_out_and_named() -> None:
    request = task_executor_pb2.ExecuteTaskRequest(execution_id="e")
    request.task.name = "m.t"
    parsed = parse(request.SerializeToString() + b"\x2a\x04\x0a\x02\x0a\x7f")
    assert parsed.message == request
    assert isinstance(parsed.unreadable, DecodeError)
    assert "literals: " in str(parsed.unreadable)
