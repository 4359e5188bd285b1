"""Native values <-> JSON, as the service reads and writes it."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import os
from collections.abc import Mapping
from typing import Any


def inputs_to_json(inputs: Mapping[str, Any]) -> str:
    """Encodes inputs as one JSON object.

    Takes None, bool, int, float (nan and the infinities as Python's tokens NaN and Infinity), str, list, tuple, dict
    with str keys, datetime and date (RFC 3339; a datetime without a zone is UTC), timedelta (seconds), Enum (its
    value), os.PathLike (the absolute path), dataclass instances (by field) and objects with model_dump().
    Raises TypeError, which names the input, for anything else.
    """
    return json.dumps({name: _encode_input(name, value) for name, value in inputs.items()})


def outputs_from_json(text: str) -> Any:
    """Decodes Outputs.json: None for no output, the value of a single one, else a dict of values by name."""
    outputs: dict[str, Any] = json.loads(text)
    if not outputs:
        return None
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _encode_input(name: str, value: Any) -> Any:
    try:
        return _encode(value, name)
    except RecursionError:
        raise TypeError(
            f"input {name!r} of type {_type_name(value)} is nested too deeply, or contains itself"
        ) from None


def _encode(value: Any, where: str) -> Any:
    # Enum comes before str and int: members of mixed classes are both.
    if isinstance(value, enum.Enum):
        return _encode(value.value, where)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_encode(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {_key(key, where): _encode(item, f"{where}[{key!r}]") for key, item in value.items()}
    return _encode_object(value, where)


def _encode_object(value: Any, where: str) -> Any:
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, type):
        raise _refusal(value, where)
    if isinstance(value, os.PathLike) and isinstance(path := os.fspath(value), str):
        return os.path.abspath(path)
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {one.name: _encode(getattr(value, one.name), f"{where}.{one.name}") for one in fields}
    if callable(dump := getattr(value, "model_dump", None)):
        return _encode(dump(), where)
    raise _refusal(value, where)


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"input {where}: keys must be str, not {_type_name(key)} ({key!r})")
    return key


def _refusal(value: Any, where: str) -> TypeError:
    return TypeError(
        f"input {where}: a value of type {_type_name(value)} cannot be sent; pass the URI or path of a file, "
        "directory or dataset, or use execute() with literals"
    )


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
