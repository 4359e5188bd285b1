"""Fields are put into messages and taken out of them as protobuf itself would have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_api.wire import encode_field_header, is_whole, take_out
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
    taken = take_out(request.SerializeToString(), LITERALS)
    assert taken is not None
    rest, literals = taken
    assert bytes(literals) == request.literals.SerializeToString()
    request.ClearField("literals")
    assert Request.FromString(rest) == request


def test_what_is_not_there_just_once_stays() -> None:
    data = _request().SerializeToString()
    assert take_out(Request(execution_id="e-1").SerializeToString(), LITERALS) is None
    assert take_out(data + data, LITERALS) is None
    assert take_out(b"", LITERALS) is None
    # Field 5 as a number, which is no map.
    assert take_out(b"\x28\x01", LITERALS) is None


@given(st.integers(0, 40), st.binary(max_size=8))
def test_what_is_no_message_is_left_to_the_parser(end: int, instead: bytes) -> None:
    data = _request().SerializeToString()[:end] + instead
    if (taken := take_out(data, LITERALS)) is not None:
        Request.FromString(taken[0])


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", True),
        (b"\x0a\x01x\x10\x96\x01\x19" + bytes(8) + b"\x25" + bytes(4), True),
        (b"\x0a\x05abc", False),
        (b"\x0a", False),
        (b"\x19\0", False),
        (b"\x02\x00", False),
        (b"\xff" * 99, False),
        # A group, and a field more than is looked through: for a parser to tell.
        (b"\x0b\x0c", False),
        (b"\x08\x01" * 64, True),
        (b"\x08\x01" * 65, False),
    ],
)
def test_whether_its_fields_are_whole(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole


@given(st.binary(max_size=12))
def test_what_is_whole_can_be_parsed_where_nothing_is_looked_into(data: bytes) -> None:
    if is_whole(data):
        # Without fields of its own.
        frames_pb2.Stop.FromString(data)
