"""A task template's container -> the command that an orchestrator would start, filled in from the request."""

from __future__ import annotations

from flytewarm_server.messages import task_executor_pb2
from flytewarm_server.rpc.command import Command, CommandError, parse_command
from flytewarm_server.rpc.status import Violation

_COMMAND = "template.container.args"


class TemplateError(Exception):
    """A template that names no command of the entrypoint."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.violation = Violation(field, description)


def template_arguments(request: task_executor_pb2.ExecuteTaskRequest) -> list[str]:
    """The container's command line; placeholders for which the request has no value stay.

    {{.taskTemplatePath}} is one of them: only the worker has a file. Raises TemplateError.
    """
    if not request.template.HasField("container"):
        raise TemplateError("template.container", "is required")
    container, values = request.template.container, _values(request)
    return [_filled(argument, values) for argument in [*container.command, *container.args]]


def template_command(arguments: list[str], working_dir: str) -> Command:
    """The command, without the options that nobody has filled in. Raises TemplateError."""
    try:
        command = parse_command(arguments, working_dir)
    except CommandError as error:
        raise TemplateError(_COMMAND, error.violation.description) from error
    command.options = {flag: value for flag, value in command.options.items() if not value.startswith("{{")}
    if "--resolver" not in command.options:
        raise TemplateError(_COMMAND, "option --resolver is a placeholder")
    return command


def with_container_environment(request: task_executor_pb2.ExecuteTaskRequest) -> task_executor_pb2.ExecuteTaskRequest:
    """The request with the container's environment variables; its own win."""
    result = task_executor_pb2.ExecuteTaskRequest()
    result.CopyFrom(request)
    for pair in request.template.container.env:
        if pair.key not in request.settings.env:
            result.settings.env[pair.key] = pair.value
    return result


def _values(request: task_executor_pb2.ExecuteTaskRequest) -> dict[str, str]:
    """What flytepropeller's placeholders stand for."""
    settings = request.settings
    return {
        "{{.input}}": request.inputs_uri,
        "{{.outputPrefix}}": settings.output_prefix,
        "{{.rawOutputDataPrefix}}": settings.raw_output_prefix,
        "{{.checkpointOutputPrefix}}": settings.checkpoint.destination,
        "{{.prevCheckpointPrefix}}": settings.checkpoint.source,
    }


def _filled(argument: str, values: dict[str, str]) -> str:
    for placeholder, value in values.items():
        if value:
            argument = argument.replace(placeholder, value)
    return argument
