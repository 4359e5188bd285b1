"""A task's description for a reader."""

from __future__ import annotations

from collections.abc import Sequence

from flytewarm.cli.literal_types import type_text
from flytewarm_api.v1 import task_executor_pb2

_INDENT = "  "


def usage_text(task: task_executor_pb2.DescribeTaskResponse, command: str) -> str:
    """The help of `command`, which runs the task: inputs as flags, with types, defaults and docs."""
    flags = [_flag_usage(one) for one in task.inputs]
    return "\n\n".join([f"usage: {' '.join([command, *flags])}", describe_text(task, flag_names=True)])


def describe_text(task: task_executor_pb2.DescribeTaskResponse, flag_names: bool = False) -> str:
    """Name, documentation, inputs and outputs; inputs as flags if `flag_names`."""
    parts = [f"{task.name} ({task.task_type})"]
    if task.documentation:
        parts.append(task.documentation)
    prefix = "--" if flag_names else ""
    inputs = [(f"{prefix}{one.name}", _input_type(task, one), _input_notes(task, one)) for one in task.inputs]
    parts.append(_section("inputs", inputs))
    outputs = task.interface.outputs.variables
    parts.append(
        _section(
            "outputs", [(name, type_text(outputs[name].type), _outputs_note(task, name)) for name in sorted(outputs)]
        )
    )
    return "\n\n".join(parts)


def _section(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    if not rows:
        return f"{title}: none"
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = [f"{_INDENT}{name:<{widths[0]}}  {kind:<{widths[1]}}  {notes}".rstrip() for name, kind, notes in rows]
    return "\n".join([f"{title}:", *lines])


def _flag_usage(one: task_executor_pb2.InputDescription) -> str:
    text = f"--{one.name} {one.name.upper()}"
    return text if one.required else f"[{text}]"


def _input_type(task: task_executor_pb2.DescribeTaskResponse, one: task_executor_pb2.InputDescription) -> str:
    return one.python_type or type_text(task.interface.inputs.variables[one.name].type)


def _input_notes(task: task_executor_pb2.DescribeTaskResponse, one: task_executor_pb2.InputDescription) -> str:
    need = "required" if one.required else f"default {one.default_json}" if one.default_json else "optional"
    return _joined(need, task.interface.inputs.variables[one.name].description, one.name)


def _outputs_note(task: task_executor_pb2.DescribeTaskResponse, name: str) -> str:
    return _joined("", task.interface.outputs.variables[name].description, name)


def _joined(need: str, description: str, name: str) -> str:
    # flytekit describes what the docstring does not by its name.
    parts = [need, description if description != name else ""]
    return ". ".join(part for part in parts if part)
