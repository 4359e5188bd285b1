"""Fields are put into messages and taken out of them as protobuf itself would have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_api.wire import encode_field_header, holds_only, take_out
from flytewarm_api.worker.v1 import frames_pb2

Request = task_executor_pb2.ExecuteTaskRequest
LITERALS = Request.LITERALS_FIELD_NUMBER


def _request(text: str = "x") -> task_executor_pb2.ExecuteTaskRequest:
    made = Request(execution_id="e-1", task=task_executor_pb2.TaskReference(name="a.b"))
    made.literals.literals["text"].scalar.primitive.string_value = text
    return made


@pytest.mark.parametrize("length", [0, 1, 127, 128, 300, 1 << 14, 1 << 21])
def test_a_message_can_be_put_in_another_without_a_copy(length: int) -> None:
    event = execution_pb2.Event(log=execution_pb2.Log(text="x" * length))
    payload = event.SerializeToString()
    field = frames_pb2.WorkerReply.EVENT_FIELD_NUMBER
    reply = frames_pb2.WorkerReply.FromString(encode_field_header(field, len(payload)) + payload)
    assert reply == frames_pb2.WorkerReply(event=event)


@pytest.mark.parametrize("length", [1, 200, 1 << 21])
def test_a_field_is_taken_out(length: int) -> None:
    request = _request("x" * length)
    taken = take_out(request.SerializeToString(), LITERALS, 0)
    assert taken is not None
    rest, literals = taken
    assert bytes(literals) == request.literals.SerializeToString()
    request.ClearField("literals")
    assert Request.FromString(rest) == request


def test_what_is_not_there_just_once_stays() -> None:
    data = _request().SerializeToString()
    assert take_out(Request(execution_id="e-1").SerializeToString(), LITERALS, 0) is None
    assert take_out(data + data, LITERALS, 0) is None
    assert take_out(b"", LITERALS, 0) is None
    # Field 5 as a number, which is no map.
    assert take_out(b"\x28\x01", LITERALS, 0) is None


@given(st.integers(0, 40), st.binary(max_size=8))
def test_what_is_no_message_is_left_to_the_parser(end: int, instead: bytes) -> None:
    data = _request().SerializeToString()[:end] + instead
    if (taken := take_out(data, LITERALS, 0)) is not None:
        Request.FromString(taken[0])


@pytest.mark.parametrize(
    ("data", "only"),
    [
        (b"", True),
        (b"\x0a\x01x\x0a\x00", True),
        # Damaged.
        (b"\x0a\x05abc", False),
        (b"\x0a", False),
        (b"\x0a\xff\xff\xff\xff\xff\xff", False),
        # Another field, or the same as a number.
        (b"\x0a\x01x\x12\x01x", False),
        (b"\x08\x01", False),
        # A group, and a field more than is looked through: for a parser to tell.
        (b"\x0b\x0c", False),
        (b"\x0a\x00" * 256, True),
        (b"\x0a\x00" * 257, False),
    ],
)
def test_whether_there_is_nothing_else(data: bytes, only: bool) -> None:
    assert holds_only(data, 1) is only
    assert holds_only(memoryview(data), 1) is only


@given(st.binary(max_size=12))
def test_what_holds_nothing_else_can_be_parsed_where_nothing_is_looked_into(data: bytes) -> None:
    if holds_only(data, 1):
        # Without fields of its own.
        frames_pb2.Stop.FromString(data)


def test_what_is_small_stays() -> None:
    data = _request("x" * 100).SerializeToString()
    assert take_out(data, LITERALS, 1000) is None
    assert take_out(data, LITERALS, 100) is not None
