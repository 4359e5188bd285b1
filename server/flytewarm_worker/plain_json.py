"""JSON -> plain inputs (plain_literals.py), as json_values.py makes them by way of flytekit's models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, get_args

from flyteidl.core import literals_pb2
from flytekit.core.base_task import PythonTask

from flytewarm_worker.plain_literals import PlainInputs, filler
from flytewarm_worker.simple_values import NotCoveredError

_Fill: TypeAlias = Callable[[literals_pb2.Literal, Any], None]


def plain_from_values(task: PythonTask, values: Any) -> PlainInputs | None:
    """The inputs of parsed JSON without models, if each is given, and is what plain_literals.py covers: then the
    literals are those of literals_from_values(), and the values are those that flytekit makes of them. Otherwise None.
    Changes no value. Only where originals() and originals_of_models() are in place."""
    fillers = _fillers(task)
    if fillers is None or type(values) is not dict or values.keys() != fillers.keys():
        return None
    types, message = task.python_interface.inputs, literals_pb2.LiteralMap()
    try:
        arguments = {
            name: _filled(fill, message.literals[name], types[name], values[name]) for name, fill in fillers.items()
        }
    except (NotCoveredError, ValueError, OverflowError):
        # The latter where protobuf or a float has no place for a value: literals_from_values() tells which.
        return None
    return PlainInputs(message, arguments)


def _fillers(task: PythonTask) -> dict[str, _Fill] | None:
    """Those of all inputs; None if one is not covered."""
    try:
        return {name: filler(expected) for name, expected in task.python_interface.inputs.items()}
    except Exception:  # noqa: BLE001  # annotations are the user's, and may raise anything when they are looked at
        return None


def _filled(fill: _Fill, message: literals_pb2.Literal, expected: Any, value: Any) -> Any:
    """Fills a message with a value, and returns what flytekit makes of that."""
    try:
        fill(message, value)
    except NotCoveredError:
        if _innermost(expected) is not float:
            raise
        # Looked at only now: most values have none.
        value = _with_floats(expected, value)
        message.Clear()
        fill(message, value)
    return value


def _innermost(expected: Any) -> Any:
    while arguments := get_args(expected):
        expected = arguments[-1]
    return expected


def _with_floats(expected: Any, value: Any) -> Any:
    """With integers made floats where these are expected: JavaScript writes 1.0 as 1."""
    if expected is float:
        return float(value) if type(value) is int else value
    of_items = get_args(expected)[-1]
    if type(value) is list:
        return [_with_floats(of_items, one) for one in value]
    return {name: _with_floats(of_items, one) for name, one in value.items()} if type(value) is dict else value
