"""Numbers, texts, and lists and dictionaries of them, straight from messages of literals and into such.

flytekit makes a model of each part of a message, and of that the value: of a list of 100,000 numbers half a million
objects. What is not covered is left to it: what is not of the expected kind, other types, transformers and models that
were replaced.
"""

from __future__ import annotations

import functools
from typing import Any, get_origin

from flyteidl.core import literals_pb2
from flytekit.models.literals import Literal

from flytewarm_worker import flytekit_private
from flytewarm_worker.originals import TRANSFORMERS, originals_of_models
from flytewarm_worker.simple_values import NotCoveredError, items_type, values_type

# Fields of a primitive.
_FIELDS: dict[type, str] = {int: "integer", float: "float_value", bool: "boolean", str: "string_value"}
# A value of each, by which flytekit is tried once.
_SAMPLES: tuple[Any, ...] = (-1, 0.5, True, "x")


def read(message: literals_pb2.Literal, expected: Any) -> Any:
    """What TypeEngine.to_python_value() makes of the literal. Raises NotCoveredError. Only where originals() and
    originals_of_models() are in place."""
    if (field := _field(expected)) is not None:
        return _primitive(message, field)
    if get_origin(expected) is dict:
        return _read_map(message, values_type(expected))
    return _read_list(message, items_type(expected))


def _read_list(message: literals_pb2.Literal, items: Any) -> list[Any]:
    if message.WhichOneof("value") != "collection":
        raise NotCoveredError
    literals = message.collection.literals
    if (field := _field(items)) is not None:
        return [_primitive(one, field) for one in literals]
    return [read(one, items) for one in literals]


def _read_map(message: literals_pb2.Literal, values: Any) -> dict[str, Any]:
    if message.WhichOneof("value") != "map":
        raise NotCoveredError
    literals = message.map.literals
    if (field := _field(values)) is not None:
        return {name: _primitive(one, field) for name, one in literals.items()}
    return {name: read(one, values) for name, one in literals.items()}


def fill(message: literals_pb2.Literal, value: Any, expected: Any) -> None:
    """Makes an empty message what TypeEngine.to_literal() makes of the value. Raises NotCoveredError, or what protobuf
    raises for a value that has no place in it, and leaves a part of it then. As read()."""
    if (field := _field(expected)) is not None:
        _set(message, value, expected, field)
    elif get_origin(expected) is dict:
        _fill_map(message.map, value, values_type(expected))
    else:
        _fill_list(message.collection, value, items_type(expected))


def _fill_list(message: literals_pb2.LiteralCollection, value: Any, items: Any) -> None:
    if type(value) is not list:
        raise NotCoveredError
    # Also without items.
    message.SetInParent()
    literals = message.literals
    if (field := _field(items)) is None:
        for one in value:
            fill(literals.add(), one, items)
    else:
        for one in value:
            _set(literals.add(), one, items, field)


def _fill_map(message: literals_pb2.LiteralMap, value: Any, values: Any) -> None:
    if type(value) is not dict or any(type(name) is not str for name in value):
        raise NotCoveredError
    message.SetInParent()
    literals = message.literals
    if (field := _field(values)) is None:
        for name, one in value.items():
            fill(literals[name], one, values)
    else:
        for name, one in value.items():
            _set(literals[name], one, values, field)


def are_models_in_place() -> bool:
    """Whether read() and fill() may stand in for flytekit's models now."""
    return originals_of_models().are_in_place() and _does_as_flytekit()


@functools.cache
def _does_as_flytekit() -> bool:
    """Functions without a name have no digest: what comes of them tells."""
    for value in _SAMPLES:
        message, transformer = literals_pb2.Literal(), TRANSFORMERS[type(value)]
        _set(message, value, type(value), _FIELDS[type(value)])
        if transformer._to_literal_transformer(value).to_flyte_idl() != message:
            return False
        if transformer._from_literal_transformer(Literal.from_flyte_idl(message)) != value:
            return False
    return True


def _field(expected: Any) -> str | None:
    if type(expected) is not type or (field := _FIELDS.get(expected)) is None:
        return None
    return field if flytekit_private.transformers().get(expected) is TRANSFORMERS[expected] else None


def _primitive(message: literals_pb2.Literal, field: str) -> Any:
    primitive = message.scalar.primitive
    if primitive.WhichOneof("value") != field:
        raise NotCoveredError
    return getattr(primitive, field)


def _set(message: literals_pb2.Literal, value: Any, expected: type, field: str) -> None:
    if type(value) is not expected:
        raise NotCoveredError
    setattr(message.scalar.primitive, field, value)
