"""What is kept apart is where it belongs in the bytes of a response; and what comes in is taken apart."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError

from flytewarm_api.v1 import execution_pb2 as known_execution_pb2
from flytewarm_api.v1 import task_executor_pb2 as known
from flytewarm_api.worker.framing import APART_BYTES
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import execution_pb2, task_executor_pb2
from flytewarm_server.rpc.large_outputs import encoded_with, fill_in
from flytewarm_server.rpc.received import decode


def _literals(text: str) -> known_execution_pb2.Outputs:
    outputs = known_execution_pb2.Outputs()
    outputs.literals.literals["o0"].scalar.primitive.string_value = text
    return outputs


def _events(json: str = "") -> list[execution_pb2.Event]:
    outcome = execution_pb2.Outcome(
        state=execution_pb2.EXECUTION_STATE_SUCCEEDED,
        outputs=execution_pb2.Outputs(json=json),
        receipt=execution_pb2.Receipt(worker="w-1"),
    )
    started = execution_pb2.Event(sequence=1, started=execution_pb2.Started(worker="w-1"))
    return [started, execution_pb2.Event(sequence=2, outcome=outcome)]


@pytest.mark.parametrize("response", ["ExecuteTaskResponse", "WatchExecutionResponse"])
@pytest.mark.parametrize("length", [0, 100, 100_000])
@pytest.mark.parametrize("json", ["", '{"o0": 1}'])
def test_a_response_with_outputs_that_were_kept_apart(response: str, length: int, json: str) -> None:
    outputs = _literals("x" * length)
    made = getattr(task_executor_pb2, response)(events=_events(json))
    whole = getattr(known, response).FromString(made.SerializeToString())
    whole.events[-1].outcome.outputs.literals.CopyFrom(outputs.literals)
    encoded = encoded_with(outputs.literals.SerializeToString(), made)
    assert getattr(known, response).FromString(encoded) == whole
    assert len(encoded) == whole.ByteSize()


def test_outputs_are_put_back_where_they_are_a_part_of_many() -> None:
    outputs = _literals("x" * 1000)
    *_, event = _events()
    fill_in(outputs.literals.SerializeToString(), event.outcome)
    assert known_execution_pb2.Event.FromString(event.SerializeToString()).outcome.outputs == outputs
    fill_in(None, event.outcome)
    assert known_execution_pb2.Event.FromString(event.SerializeToString()).outcome.outputs == outputs


def _request(length: int) -> known.ExecuteTaskRequest:
    request = known.ExecuteTaskRequest(execution_id="e-1")
    request.literals.literals["text"].scalar.primitive.string_value = "x" * length
    return request


@pytest.mark.parametrize("length", [1, APART_BYTES])
def test_a_request_is_handed_on_as_it_came(length: int) -> None:
    request = _request(length)
    received = decode(request.SerializeToString())
    assert (received.literals is not None) == (length >= APART_BYTES)
    assert received.message.WhichOneof("inputs") == "literals"
    valid = ValidRequest(received.message, literals=received.literals)
    assert known.ExecuteTaskRequest.FromString(b"".join(valid.parts())) == request
    in_the_message = ValidRequest(task_executor_pb2.ExecuteTaskRequest.FromString(request.SerializeToString()))
    assert valid.inputs_digest() == in_the_message.inputs_digest()
    assert valid.without_inputs().literals is None
    assert valid.message.WhichOneof("inputs") is None


def test_of_several_kinds_of_inputs_the_last_one_counts() -> None:
    other = known.ExecuteTaskRequest(inputs_uri="s3://x/y").SerializeToString()
    data = _request(APART_BYTES).SerializeToString()
    for order, kind in ((data + other, "inputs_uri"), (other + data, "literals")):
        received = decode(order)
        assert (received.message.WhichOneof("inputs"), received.literals) == (kind, None)


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(DecodeError):
        decode(b"\xff" * APART_BYTES)
