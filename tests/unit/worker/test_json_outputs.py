"""Every kind of literal as JSON."""

from __future__ import annotations

import json
from typing import Any

import msgpack
import pytest
from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import struct_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from flytewarm_worker.json_values import json_from_literals

Literal = literals_pb2.Literal
Scalar = literals_pb2.Scalar


def _json(literal: Literal) -> Any:
    return json.loads(json_from_literals(literals_pb2.LiteralMap(literals={"o0": literal})))["o0"]


def _primitive(**value: Any) -> Literal:
    return Literal(scalar=Scalar(primitive=literals_pb2.Primitive(**value)))


def _packed(value: Any) -> Literal:
    return Literal(scalar=Scalar(binary=literals_pb2.Binary(value=msgpack.packb(value), tag="msgpack")))


def _struct(**values: Any) -> Literal:
    struct = struct_pb2.Struct()
    struct.update(values)
    return Literal(scalar=Scalar(generic=struct))


KINDS: list[tuple[str, Literal, Any]] = [
    ("integer", _primitive(integer=2**62), 2**62),
    ("zero", _primitive(integer=0), 0),
    ("float", _primitive(float_value=0.1), 0.1),
    ("string", _primitive(string_value="é"), "é"),
    ("boolean", _primitive(boolean=False), False),
    ("datetime", _primitive(datetime=Timestamp(seconds=1, nanos=5000)), "1970-01-01T00:00:01.000005Z"),
    ("duration", _primitive(duration=Duration(seconds=-1, nanos=-500_000_000)), -1.5),
    ("primitive without a value", _primitive(), None),
    ("none", Literal(scalar=Scalar(none_type=literals_pb2.Void())), None),
    ("nothing", Literal(), None),
    ("blob", Literal(scalar=Scalar(blob=literals_pb2.Blob(uri="s3://b"))), "s3://b"),
    ("schema", Literal(scalar=Scalar(schema=literals_pb2.Schema(uri="s3://s"))), "s3://s"),
    (
        "structured dataset",
        Literal(scalar=Scalar(structured_dataset=literals_pb2.StructuredDataset(uri="s3://d"))),
        "s3://d",
    ),
    ("struct", _struct(a=1, b=[True, None]), {"a": 1, "b": [True, None]}),
    ("msgpack", _packed({"a": [1, {"b": None}]}), {"a": [1, {"b": None}]}),
    ("msgpack with numbers as keys", _packed({1: "x"}), {"1": "x"}),
    ("msgpack with bytes", _packed({"raw": b"\xff\x00"}), {"raw": "/wA="}),
    ("binary", Literal(scalar=Scalar(binary=literals_pb2.Binary(value=b"\xff\x00", tag="other"))), "/wA="),
    ("error", Literal(scalar=Scalar(error=types_pb2.Error(message="m"))), {"error": "m"}),
    ("union", Literal(scalar=Scalar(union=literals_pb2.Union(value=_primitive(integer=1)))), 1),
    (
        "collection",
        Literal(collection=literals_pb2.LiteralCollection(literals=[_primitive(integer=1), Literal()])),
        [1, None],
    ),
    ("empty collection", Literal(collection=literals_pb2.LiteralCollection()), []),
    ("map", Literal(map=literals_pb2.LiteralMap(literals={"k": _packed([1])})), {"k": [1]}),
    (
        "offloaded",
        Literal(offloaded_metadata=literals_pb2.LiteralOffloadedMetadata(uri="s3://o", size_bytes=1)),
        "s3://o",
    ),
]


@pytest.mark.parametrize(("literal", "expected"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_a_literal(literal: Literal, expected: Any) -> None:
    got = _json(literal)
    assert got == expected
    assert type(got) is type(expected)


def test_no_kind_of_literal_is_forgotten() -> None:
    shown = [kind[1] for kind in KINDS]
    assert {one.WhichOneof("value") for one in shown} == {*_oneof(Literal, "value"), None}
    scalars = [one.scalar for one in shown if one.HasField("scalar")]
    assert {one.WhichOneof("value") for one in scalars} == _oneof(Scalar, "value")
    primitives = [one.primitive for one in scalars if one.HasField("primitive")]
    assert {one.WhichOneof("value") for one in primitives} == {*_oneof(literals_pb2.Primitive, "value"), None}


def _oneof(message: Any, name: str) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.oneofs_by_name[name].fields}


def test_outputs_come_in_the_order_of_their_names() -> None:
    outputs = literals_pb2.LiteralMap(literals={name: _primitive(integer=1) for name in ("o2", "o0", "o1")})
    assert json_from_literals(outputs) == '{"o0": 1, "o1": 1, "o2": 1}'
    assert json_from_literals(literals_pb2.LiteralMap()) == "{}"
