"""The server's view of the messages: the same on the wire, and literal maps as they came."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import literals_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from flytewarm_api.v1 import execution_pb2 as api_execution_pb2
from flytewarm_api.v1 import task_executor_pb2 as api_task_executor_pb2
from flytewarm_api.worker.v1 import frames_pb2 as api_frames_pb2
from flytewarm_server import messages
from flytewarm_server.messages import execution_pb2, frames_pb2, task_executor_pb2

_MODULES = ["execution_pb2", "settings_pb2", "task_executor_pb2", "worker_pool_pb2"]


def _proto(descriptor: Descriptor) -> descriptor_pb2.DescriptorProto:
    proto = descriptor_pb2.DescriptorProto()
    descriptor.CopyToProto(proto)
    return proto


@pytest.mark.parametrize("name", _MODULES)
def test_a_module_has_what_the_generated_one_has(name: str) -> None:
    ours = getattr(messages, name)
    generated = __import__(f"flytewarm_api.v1.{name}", fromlist=[name])
    for message, descriptor in generated.DESCRIPTOR.message_types_by_name.items():
        assert _proto(getattr(ours, message).DESCRIPTOR) == _proto(descriptor)
    for enum, descriptor in generated.DESCRIPTOR.enum_types_by_name.items():
        assert getattr(ours, enum).items() == getattr(generated, enum).items()
        for value in descriptor.values:
            assert getattr(ours, value.name) == getattr(generated, value.name)


_values = st.recursive(
    st.integers(-(2**63), 2**63 - 1).map(
        lambda n: literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=n)))
    ),
    lambda inner: st.lists(inner, max_size=3).map(
        lambda found: literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=found))
    ),
    max_leaves=10,
)
_maps = st.dictionaries(st.text(max_size=5), _values, max_size=4).map(
    lambda found: literals_pb2.LiteralMap(literals=found)
)


def _length(number: int) -> bytes:
    return bytes([number & 0x7F | 0x80, number >> 7])


def _with_content(message: Any, field: int, content: bytes) -> bytes:
    """The message on the wire, with one more field."""
    return bytes(message.SerializeToString() + bytes([field << 3 | 2]) + _length(len(content)) + content)


@given(_maps)
def test_inputs_are_passed_on_as_they_came(literal_map: literals_pb2.LiteralMap) -> None:
    content = literal_map.SerializeToString()
    came = _with_content(api_task_executor_pb2.ExecuteTaskRequest(execution_id="e"), 5, content)
    request = task_executor_pb2.ExecuteTaskRequest.FromString(came)
    assert (request.execution_id, request.WhichOneof("inputs")) == ("e", "literals")
    assert request.literals.SerializeToString() == content
    copy = task_executor_pb2.ExecuteTaskRequest()
    copy.CopyFrom(request)
    assert api_task_executor_pb2.ExecuteTaskRequest.FromString(copy.SerializeToString()).literals == literal_map


@given(_maps)
def test_outputs_are_passed_on_as_they_came(literal_map: literals_pb2.LiteralMap) -> None:
    outputs = api_execution_pb2.Outputs(literals=literal_map)
    came = api_frames_pb2.WorkerReply(outcome=api_execution_pb2.Outcome(outputs=outputs)).SerializeToString()
    event = execution_pb2.Event(outcome=frames_pb2.WorkerReply.FromString(came).outcome)
    sent = task_executor_pb2.ExecuteTaskResponse(events=[event]).SerializeToString()
    (received,) = api_task_executor_pb2.ExecuteTaskResponse.FromString(sent).events
    assert received.outcome.outputs == outputs


def test_what_is_no_literal_map_is_passed_on_as_well() -> None:
    # A field of a LiteralMap that is no entry: its length is more than there is.
    content = b"\x0a\x02\x0a\x7f"
    came = _with_content(api_task_executor_pb2.ExecuteTaskRequest(), 5, content)
    assert task_executor_pb2.ExecuteTaskRequest.FromString(came).literals.SerializeToString() == content
