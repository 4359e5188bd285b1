"""A task's inputs as flags: --name value, --name=value, bare --name for booleans."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flyteidl.core import types_pb2

from flytewarm.cli import literal_types
from flytewarm.cli.exits import UsageError
from flytewarm_api.v1 import task_executor_pb2


def asks_for_help(flags: Sequence[str]) -> bool:
    """Whether the flags ask what the task takes."""
    return any(flag in ("-h", "--help") for flag in flags)


def parse_inputs(
    flags: Sequence[str],
    task: task_executor_pb2.DescribeTaskResponse,
    given: Mapping[str, Any],
    options: Collection[str] = (),
    check_paths: bool = False,
) -> dict[str, Any]:
    """The inputs, by name, that `given` (from a file) and the flags say; flags win.

    `options` are the command's own. Raises UsageError, which names the flag, for a flag that the task does not have, a
    value that does not fit its type, a flag given twice, a required input that is missing, or, if `check_paths`, a flag
    with a local path where nothing is.
    """
    types = _types(task)
    if unknown := sorted(given.keys() - types.keys()):
        raise UsageError(f"--inputs: no input {', '.join(unknown)}; {_takes(task)}")
    values = {name: literal_types.local_paths_absolute(value, types[name]) for name, value in given.items()}
    parsed = _parse_flags(list(flags), task, types, options)
    if check_paths:
        for name, value in parsed.items():
            _check_paths(name, value, types[name])
    values.update(parsed)
    missing = [f"--{one.name}" for one in task.inputs if one.required and one.name not in values]
    if missing:
        raise UsageError(f"{', '.join(missing)} missing; {_takes(task)}")
    return values


def load_inputs(path: str) -> dict[str, Any]:
    """Reads a file with one JSON object. Raises UsageError."""
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError) as error:
        raise UsageError(f"--inputs {path}: {error}") from None
    if not isinstance(values, dict):
        raise UsageError(f"--inputs {path}: expected one JSON object")
    return values


def _parse_flags(
    rest: list[str],
    task: task_executor_pb2.DescribeTaskResponse,
    types: Mapping[str, types_pb2.LiteralType],
    options: Collection[str],
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    while rest:
        flag, equals, text = rest.pop(0).partition("=")
        name = _input_name(flag, types)
        if name is None:
            hint = f"; as an option of flytewarm, {flag} goes before the task's name" if flag in options else ""
            raise UsageError(f"no input {flag}; {_takes(task)}{hint}")
        if name in values:
            raise UsageError(f"{flag} is given twice")
        if not equals:
            text = _take_value(flag, types[name], rest)
        try:
            values[name] = literal_types.parse_text(text, types[name])
        except ValueError as error:
            raise UsageError(f"{flag} ({literal_types.type_text(types[name])}): {error}; got {text!r}") from None
    return values


def _check_paths(name: str, value: Any, kind: types_pb2.LiteralType) -> None:
    missing = next(literal_types.missing_paths(value, kind), None)
    if missing is not None:
        raise UsageError(
            f"--{name}: no file or directory {missing!r} (working directory: {os.getcwd()});"
            " a path that only the service can see is given in --inputs FILE.json"
        )


def _take_value(flag: str, kind: types_pb2.LiteralType, rest: list[str]) -> str:
    if rest and not rest[0].startswith("--"):
        return rest.pop(0)
    if literal_types.is_boolean(kind):
        return "true"
    hint = f"; if {rest[0]} is the value, write {flag}={rest[0]}" if rest else ""
    raise UsageError(f"{flag} needs a value{hint}")


def _input_name(flag: str, types: Mapping[str, types_pb2.LiteralType]) -> str | None:
    """The input that a flag means. Dashes and underscores are the same; the exact name comes first."""
    if not flag.startswith("--"):
        return None
    name = flag[2:]
    same = [one for one in types if one.replace("-", "_") == name.replace("-", "_")]
    return name if name in types else next(iter(same), None)


def _types(task: task_executor_pb2.DescribeTaskResponse) -> dict[str, types_pb2.LiteralType]:
    variables = task.interface.inputs.variables
    return {one.name: variables[one.name].type for one in task.inputs}


def _takes(task: task_executor_pb2.DescribeTaskResponse) -> str:
    names = [f"--{one.name}" if one.required else f"[--{one.name}]" for one in task.inputs]
    return f"{task.name} takes {' '.join(names) or 'no inputs'}"
