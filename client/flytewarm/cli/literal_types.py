"""Flyte's literal types: as text for a reader, and as what a flag's text means."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from flyteidl.core import types_pb2

_NAMES = {
    types_pb2.NONE: "null",
    types_pb2.INTEGER: "int",
    types_pb2.FLOAT: "float",
    types_pb2.STRING: "str",
    types_pb2.BOOLEAN: "bool",
    types_pb2.DATETIME: "datetime",
    types_pb2.DURATION: "duration",
    types_pb2.BINARY: "binary",
    types_pb2.ERROR: "error",
    types_pb2.STRUCT: "object",
}
_PATH_KINDS = ("blob", "structured_dataset_type", "schema")
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def type_text(kind: types_pb2.LiteralType) -> str:
    """A type in Python's words, such as list[int] or int | null."""
    form = kind.WhichOneof("type")
    if form == "simple":
        return _NAMES.get(kind.simple, "value")
    if form == "collection_type":
        return f"list[{type_text(kind.collection_type)}]"
    if form == "map_value_type":
        return f"dict[str, {type_text(kind.map_value_type)}]"
    if form == "union_type":
        return " | ".join(type_text(variant) for variant in kind.union_type.variants)
    if form == "enum_type":
        return " | ".join(f'"{value}"' for value in kind.enum_type.values)
    if form == "blob":
        return "directory" if kind.blob.dimensionality == types_pb2.BlobType.MULTIPART else "file"
    return {"structured_dataset_type": "dataset", "schema": "dataset"}.get(form or "", "value")


def is_boolean(kind: types_pb2.LiteralType) -> bool:
    """Whether a flag of this type may stand without a value."""
    return bool(_simple(kind) == types_pb2.BOOLEAN)


def parse_text(text: str, kind: types_pb2.LiteralType) -> Any:
    """The value that a flag's text means to an input of this type. Raises ValueError, which says what is expected.

    Strings, enum values, datetimes and paths are taken as they are; the value of a union is JSON if it can be, else
    text; null stands for an Optional that is absent; everything else is JSON.
    """
    form = kind.WhichOneof("type")
    if form == "union_type":
        return _parse_union(text, kind)
    if form == "enum_type" or form in _PATH_KINDS:
        return local_paths_absolute(text, kind)
    parse = _SIMPLE.get(_simple(kind), _parse_json)
    return local_paths_absolute(parse(text), kind)


def local_paths_absolute(value: Any, kind: types_pb2.LiteralType) -> Any:
    """The value, in which relative paths that exist here are absolute: the worker's working directory is another."""
    form = kind.WhichOneof("type")
    if form in _PATH_KINDS and isinstance(value, str):
        return os.path.abspath(value) if value and "://" not in value and os.path.exists(value) else value
    if form == "collection_type" and isinstance(value, list):
        return [local_paths_absolute(item, kind.collection_type) for item in value]
    if form == "map_value_type" and isinstance(value, dict):
        return {key: local_paths_absolute(item, kind.map_value_type) for key, item in value.items()}
    if form == "union_type":
        for variant in kind.union_type.variants:
            value = local_paths_absolute(value, variant)
    return value


def missing_paths(value: Any, kind: types_pb2.LiteralType) -> Iterator[str]:
    """The local paths in a value of this type where nothing is. Only what can be nothing but a path counts as one."""
    form = kind.WhichOneof("type")
    if form in _PATH_KINDS and isinstance(value, str):
        if "://" not in value and not os.path.exists(value):
            yield value
    elif form == "collection_type" and isinstance(value, list):
        for item in value:
            yield from missing_paths(item, kind.collection_type)
    elif form == "map_value_type" and isinstance(value, dict):
        for item in value.values():
            yield from missing_paths(item, kind.map_value_type)
    elif form == "union_type" and len(variants := _variants(kind)) == 1:
        yield from missing_paths(value, variants[0])


def _parse_union(text: str, kind: types_pb2.LiteralType) -> Any:
    variants = _variants(kind)
    if text == "null" and len(variants) < len(kind.union_type.variants):
        return None
    if len(variants) == 1:
        return parse_text(text, variants[0])  # an Optional: what it holds is known
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return local_paths_absolute(value, kind)


def _variants(kind: types_pb2.LiteralType) -> list[types_pb2.LiteralType]:
    return [one for one in kind.union_type.variants if _simple(one) != types_pb2.NONE]


def _simple(kind: types_pb2.LiteralType) -> int | None:
    return kind.simple if kind.WhichOneof("type") == "simple" else None


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"expected JSON: {error}") from None


def _parse_integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None


def _parse_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a number") from None


def _parse_boolean(text: str) -> bool:
    if text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    raise ValueError("expected true or false")


def _parse_duration(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("expected a number of seconds") from None


_SIMPLE: dict[int | None, Callable[[str], Any]] = {
    types_pb2.STRING: str,
    types_pb2.DATETIME: str,
    types_pb2.INTEGER: _parse_integer,
    types_pb2.FLOAT: _parse_float,
    types_pb2.BOOLEAN: _parse_boolean,
    types_pb2.DURATION: _parse_duration,
}
