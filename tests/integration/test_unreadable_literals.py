"""Literals that are none: the server passes them on, and the worker says what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from flyteidl.core import errors_pb2

from calls import Calls, request
from conftest import open_calls
from flytewarm_api.v1 import execution_pb2, task_executor_pb2
from flytewarm_api.wire import encode_field_header
from showcase.service import Service

# The field `literals` with an entry that says to be longer than it is.
_UNREADABLE = b"\x2a\x04\x0a\x02\x0a\x7f"


def _outcome(calls: Calls, data: bytes) -> execution_pb2.Outcome:
    call = calls.channel.unary_stream(
        "/flytewarm_api.v1.TaskExecutor/ExecuteTask",
        response_deserializer=task_executor_pb2.ExecuteTaskResponse.FromString,
    )
    *_, last = (event for response in call(data) for event in response.events)
    assert isinstance(last, execution_pb2.Event)
    return last.outcome


def test_the_outcome_says_so_and_the_worker_goes_on(service: Service, tmp_path: Path) -> None:
    made = request("basic.nothing")
    made.settings.output_prefix = str(tmp_path / "out")
    with open_calls(service) as calls:
        for _ in range(service.workers + 1):
            outcome = _outcome(calls, made.SerializeToString() + _UNREADABLE)
            assert outcome.state == execution_pb2.EXECUTION_STATE_FAILED
            assert outcome.error.cause == execution_pb2.ERROR_CAUSE_INPUTS
            assert "literals: " in outcome.error.error.message
            assert outcome.receipt.worker_retired == ""
        document = errors_pb2.ErrorDocument.FromString((tmp_path / "out" / "error.pb").read_bytes())
        assert document.error.message == outcome.error.error.message
        assert calls.outcome(request("basic.nothing")).state == execution_pb2.EXECUTION_STATE_SUCCEEDED


@pytest.mark.parametrize("length", [100, 100_000])
def test_a_map_that_is_none_is_refused_however_large(service: Service, length: int) -> None:
    # It says to be a map with one byte more than there is.
    entry = b"\x0a" + _varint(length + 1) + bytes(length)
    data = request("basic.nothing").SerializeToString() + b"\x2a" + _varint(len(entry)) + entry
    with open_calls(service) as calls:
        for _ in range(service.workers + 1):
            with pytest.raises(grpc.RpcError) as refused:
                _outcome(calls, data)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        outcome = calls.outcome(request("basic.nothing"))
        assert outcome.state == execution_pb2.EXECUTION_STATE_SUCCEEDED


def test_a_large_map_of_what_is_no_literal_is_an_outcome(service: Service) -> None:
    # A string that is longer than what it is in.
    entry = b"\x0a\x7f" + bytes(100_000)
    literals = b"\x0a" + _varint(len(entry)) + entry
    data = request("basic.nothing").SerializeToString() + b"\x2a" + _varint(len(literals)) + literals
    with open_calls(service) as calls:
        for _ in range(service.workers + 1):
            outcome = _outcome(calls, data)
            assert outcome.error.cause == execution_pb2.ERROR_CAUSE_INPUTS
            assert outcome.receipt.worker_retired == ""


def _varint(value: int) -> bytes:
    """As protobuf encodes a length."""
    # A header without its key, of one byte for a field below 16.
    return encode_field_header(1, value)[1:]
