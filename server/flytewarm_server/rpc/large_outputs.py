"""Outputs that are too large to be copied at will: their literal map is put into a response as that is encoded."""

from __future__ import annotations

from google.protobuf.message import Message

from flytewarm_api.wire import encode_field_header
from flytewarm_server.messages import execution_pb2, task_executor_pb2

_EventsResponse = task_executor_pb2.ExecuteTaskResponse | task_executor_pb2.WatchExecutionResponse


def encoded_with(literals: bytes, response: _EventsResponse) -> bytes:
    """The bytes of a response whose last event is an outcome with outputs, with these literals in them. The response is
    taken apart for that."""
    event = response.events[-1]
    outcome = event.outcome
    parts = [literals]
    # From the inside out, as what has the literals precedes them with its length.
    for message, child in (
        (outcome.outputs, "literals"),
        (outcome, "outputs"),
        (event, "outcome"),
        (response, "events"),
    ):
        header = encode_field_header(message.DESCRIPTOR.fields_by_name[child].number, sum(map(len, parts)))
        parts = [_without_last(message, child), header, *parts]
    return b"".join(parts)


def fill_in(literals: bytes | None, outcome: execution_pb2.Outcome) -> None:
    """Puts literals that were kept apart into the outcome's outputs: for messages of which these are but a part."""
    if literals is not None:
        outcome.outputs.literals.MergeFromString(literals)


def _without_last(message: Message, field: str) -> bytes:
    if field == "events":
        del message.events[-1]  # type: ignore[attr-defined]
    else:
        message.ClearField(field)
    return message.SerializeToString()
