"""Requests from bytes: what the server has not looked into."""

from __future__ import annotations

import os
import subprocess
import sys

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


_NOT_UTF_8 = """
from google.protobuf.internal import api_implementation
from flytewarm_api.v1 import task_executor_pb2
from flytewarm_worker.request import parse
assert api_implementation.Type() == "python"
request = task_executor_pb2.ExecuteTaskRequest(execution_id="e")
parsed = parse(request.SerializeToString() + bytes.fromhex("2a050a030a01ff"))
assert parsed.message == request, parsed
assert "literals: " in str(parsed.unreadable)
"""


def test_text_that_is_not_utf_8_where_protobuf_is_pythons_own() -> None:
    """That raises another error."""
    variables = {**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    ended = subprocess.run(
        [sys.executable, "-c", _NOT_UTF_8], check=False, env=variables, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
