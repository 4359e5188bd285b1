"""Numbers, texts, and lists and dictionaries of them, straight from messages of literals and into such.

flytekit makes a model of each part of a message, and of that the value: of a list of 100,000 numbers half a million
objects. What is not covered is left to it: what is not of the expected kind, other types, transformers and models that
were replaced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class PlainInputs:
    """Inputs of a task of which literals and values are known."""

    message: literals_pb2.LiteralMap
    # For one execution: the task may change them.
    arguments: dict[str, Any]


def reader(expected: Any) -> Callable[[literals_pb2.Literal], Any]:
    """Makes of a literal what TypeEngine.to_python_value() makes of it, or raises NotCoveredError. That is raised here
    for types that are not covered. Only where originals() and originals_of_models() are in place."""
    if (field := _field(expected)) is not None:
        return functools.partial(_primitive, field)
    if get_origin(expected) is dict:
        return functools.partial(_read_map, reader(values_type(expected)))
    return functools.partial(_read_list, reader(items_type(expected)))


def filler(expected: Any) -> Callable[[literals_pb2.Literal, Any], None]:
    """Makes an empty message what TypeEngine.to_literal() makes of a value; or raises NotCoveredError, or what protobuf
    raises for a value that has no place in it, and leaves a part of it then. As reader()."""
    if (field := _field(expected)) is not None:
        return functools.partial(_set, field, expected)
    if get_origin(expected) is dict:
        return functools.partial(_fill_map, filler(values_type(expected)))
    return functools.partial(_fill_list, filler(items_type(expected)))


def _read_list(read: Callable[[literals_pb2.Literal], Any], message: literals_pb2.Literal) -> list[Any]:
    if message.WhichOneof("value") != "collection":
        raise NotCoveredError
    return [read(one) for one in message.collection.literals]


def _read_map(read: Callable[[literals_pb2.Literal], Any], message: literals_pb2.Literal) -> dict[str, Any]:
    if message.WhichOneof("value") != "map":
        raise NotCoveredError
    return {name: read(one) for name, one in message.map.literals.items()}


def _fill_list(fill: Callable[[literals_pb2.Literal, Any], None], message: literals_pb2.Literal, value: Any) -> None:
    if type(value) is not list:
        raise NotCoveredError
    # Also without items.
    message.collection.SetInParent()
    add = message.collection.literals.add
    for one in value:
        fill(add(), one)


def _fill_map(fill: Callable[[literals_pb2.Literal, Any], None], message: literals_pb2.Literal, value: Any) -> None:
    if type(value) is not dict or any(type(name) is not str for name in value):
        raise NotCoveredError
    message.map.SetInParent()
    literals = message.map.literals
    for name, one in value.items():
        fill(literals[name], one)


def are_models_in_place() -> bool:
    """Whether reader() and filler() may stand in for flytekit's models now."""
    return originals_of_models().are_in_place() and _does_as_flytekit()


@functools.cache
def _does_as_flytekit() -> bool:
    """Functions without a name have no digest: what comes of them tells."""
    for value in _SAMPLES:
        message, transformer = literals_pb2.Literal(), TRANSFORMERS[type(value)]
        _set(_FIELDS[type(value)], type(value), message, value)
        if transformer._to_literal_transformer(value).to_flyte_idl() != message:
            return False
        if transformer._from_literal_transformer(Literal.from_flyte_idl(message)) != value:
            return False
    return True


def _field(expected: Any) -> str | None:
    if type(expected) is not type or (field := _FIELDS.get(expected)) is None:
        return None
    return field if flytekit_private.transformers().get(expected) is TRANSFORMERS[expected] else None


def _primitive(field: str, message: literals_pb2.Literal) -> Any:
    primitive = message.scalar.primitive
    if primitive.WhichOneof("value") != field:
        raise NotCoveredError
    return getattr(primitive, field)


def _set(field: str, expected: type, message: literals_pb2.Literal, value: Any) -> None:
    if type(value) is not expected:
        raise NotCoveredError
    setattr(message.scalar.primitive, field, value)
