"""Is this request one that can be run? Every fault is collected; a container command is taken apart."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable, Iterator

from google.protobuf.duration_pb2 import Duration

from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.rpc import command as commands
from flytewarm_server.rpc.environments import (
    DOTTED_NAME,
    MAX_VARIABLES,
    distribution_fault,
    environment_faults,
    path_fault,
    variable_faults,
    wanted_environment,
)
from flytewarm_server.rpc.status import Violation, invalid
from flytewarm_server.rpc.template import (
    TemplateError,
    template_arguments,
    template_command,
    with_container_environment,
)

_EXECUTION_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_PRIORITIES = range(-100, 101)
_ENUMS = {"isolation": settings_pb2.Isolation, "on_disconnect": settings_pb2.OnDisconnect}
_ENUM_VALUES = {name: frozenset(enum.values()) for name, enum in _ENUMS.items()}


def validate_execute(
    request: task_executor_pb2.ExecuteTaskRequest,
    working_dir: str = "",
    isolation: settings_pb2.Isolation = settings_pb2.ISOLATION_CONTEXT,
) -> ValidRequest:
    """Checks a request. Raises CallError INVALID_ARGUMENT with every fault, or UNIMPLEMENTED.

    `working_dir`: where tasks of the default environment run. `isolation`: that of requests that do not say.
    """
    faults = list(_request_faults(request))
    command = None
    arguments: list[str] = []
    try:
        if request.WhichOneof("target") == "command":
            arguments = list(request.command.args)
            command = commands.parse_command(arguments, working_dir)
        elif request.WhichOneof("target") == "template":
            arguments = template_arguments(request)
            command = template_command(arguments, working_dir)
            request = with_container_environment(request)
    except (commands.CommandError, TemplateError) as error:
        faults.append(error.violation)
    if command is not None:
        faults += _command_path_faults(command)
    if faults:
        raise invalid(faults)
    message = request if command is None else _without_command(request, command)
    return ValidRequest(
        message,
        arguments,
        dry_run=command is not None and command.test,
        environment=wanted_environment(message.environment, message.settings.env),
        own_process=(message.policy.isolation or isolation) == settings_pb2.ISOLATION_PROCESS,
        template_task=_reference(command) if command and request.HasField("template") else None,
    )


def validate_task_reference(reference: task_executor_pb2.TaskReference, path: str = "task") -> Iterator[Violation]:
    """Yields the faults of a task reference."""
    if reference.name:
        if reference.resolver or reference.loader_args:
            yield Violation(f"{path}.name", "excludes resolver and loader_args")
        if not DOTTED_NAME.fullmatch(reference.name) or "." not in reference.name:
            yield Violation(f"{path}.name", f"must be 'module.task', not {reference.name!r}")
        return
    if not reference.resolver:
        yield Violation(path, "needs a name, or a resolver with loader_args")
    elif not DOTTED_NAME.fullmatch(reference.resolver) or "." not in reference.resolver:
        yield Violation(f"{path}.resolver", f"must be a dotted name, not {reference.resolver!r}")
    if reference.resolver and not reference.loader_args:
        yield Violation(f"{path}.loader_args", "must not be empty when a resolver is given")


def _request_faults(request: task_executor_pb2.ExecuteTaskRequest) -> Iterator[Violation]:
    if request.execution_id and not _EXECUTION_ID.fullmatch(request.execution_id):
        yield Violation("execution_id", "must be 1 to 128 characters of A-Z a-z 0-9 . _ : / -")
    target = request.WhichOneof("target")
    if target is None:
        yield Violation("target", "one of task, command and template is required")
    elif target == "task":
        yield from validate_task_reference(request.task)
    elif target == "template":
        variables = {pair.key: pair.value for pair in request.template.container.env}
        yield from variable_faults("template.container.env", variables)
        if (count := len({*variables, *request.settings.env})) > MAX_VARIABLES:
            fault = f"makes {count} variables with settings.env, over the limit of {MAX_VARIABLES}"
            yield Violation("template.container.env", fault)
    yield from _input_faults(request)
    # What is not there has no faults, and most requests have none of them.
    if request.HasField("settings"):
        yield from _settings_faults(request.settings, has_command=target == "command")
    if request.HasField("policy"):
        yield from _policy_faults(request.policy)
    if request.HasField("environment"):
        yield from environment_faults(request.environment)
    if request.events.inline_limit_bytes and not (request.settings.output_prefix or target == "command"):
        yield Violation("events.inline_limit_bytes", "needs settings.output_prefix: larger outputs are given by URI")


def _input_faults(request: task_executor_pb2.ExecuteTaskRequest) -> Iterator[Violation]:
    source = request.WhichOneof("inputs")
    if source == "inputs_uri" and not request.inputs_uri:
        yield Violation("inputs_uri", "must not be empty")
    elif source == "inputs_uri" and (fault := path_fault(request.inputs_uri)):
        yield Violation("inputs_uri", fault)
    if source != "inputs_json":
        return
    try:
        value = json.loads(request.inputs_json)
    except (ValueError, RecursionError) as error:
        yield Violation("inputs_json", f"is not JSON: {error}")
        return
    if not isinstance(value, dict):
        yield Violation("inputs_json", f"must be a JSON object, not {type(value).__name__}")


def _settings_faults(settings: settings_pb2.ExecutionSettings, has_command: bool) -> Iterator[Violation]:
    yield from variable_faults("settings.env", settings.env)
    if settings.checkpoint.source and not settings.checkpoint.destination and not has_command:
        yield Violation("settings.checkpoint.destination", "is required when source is given")
    if settings.HasField("stats") and settings.stats.port > 65535:
        yield Violation("settings.stats.port", f"must be 1 to 65535, not {settings.stats.port}")
    yield from _serialization_faults(settings.serialization)
    yield from _path_faults(settings)
    if settings.HasField("execution_date") and not _is_valid(settings.execution_date.ToJsonString):
        yield Violation("settings.execution_date", "is out of range")


def _serialization_faults(serialization: settings_pb2.SerializationSettings) -> Iterator[Violation]:
    config = serialization.image_config
    images = {"default_image": config.default_image, **{f"images[{n}]": one for n, one in enumerate(config.images)}}
    for name, image in images.items():
        if image.tag and image.digest:
            yield Violation(f"settings.serialization.image_config.{name}", "has both tag and digest")
    if serialization.compressed and not _is_compressed(serialization.compressed):
        yield Violation("settings.serialization.compressed", "is not base64 of gzip, as flytekit makes it")


def _path_faults(settings: settings_pb2.ExecutionSettings) -> Iterator[Violation]:
    """A relative path means another place to the caller, to the server and to the worker."""
    paths = {
        "settings.output_prefix": settings.output_prefix,
        "settings.raw_output_prefix": settings.raw_output_prefix,
        "settings.checkpoint.destination": settings.checkpoint.destination,
        "settings.checkpoint.source": settings.checkpoint.source,
    }
    for field, path in paths.items():
        if fault := path_fault(path):
            yield Violation(field, fault)


def _is_compressed(text: str) -> bool:
    try:
        # A few bytes tell; the rest is the worker's to unpack.
        zlib.decompressobj(wbits=31).decompress(base64.b64decode(text, validate=True), 1)
    except (ValueError, zlib.error):
        return False
    return True


def _policy_faults(policy: settings_pb2.ExecutionPolicy) -> Iterator[Violation]:
    if policy.HasField("timeout") and not (_is_valid(policy.timeout.ToJsonString) and _nanoseconds(policy.timeout) > 0):
        yield Violation("policy.timeout", "must be a positive duration")
    if policy.priority not in _PRIORITIES:
        yield Violation("policy.priority", f"must be -100 to 100, not {policy.priority}")
    for name, known in _ENUM_VALUES.items():
        if (value := getattr(policy, name)) not in known:
            yield Violation(f"policy.{name}", f"{value} is not a value of {_ENUMS[name].DESCRIPTOR.name}")


def _nanoseconds(duration: Duration) -> int:
    return int(duration.ToNanoseconds())


def _is_valid(check: Callable[[], object]) -> bool:
    try:
        check()
    except ValueError:
        return False
    return True


def _command_path_faults(command: commands.Command) -> Iterator[Violation]:
    for flag in commands.PATHS:
        if fault := path_fault(command.options.get(flag, "")):
            yield Violation("command.args", f"{flag} {fault}")
    if command.distribution and (fault := distribution_fault(command.distribution)):
        yield Violation("command.args", f"--additional-distribution {fault}")
    if "\0" in command.destination_dir:
        yield Violation("command.args", "--dest-dir must not contain NUL")


def _reference(command: commands.Command) -> task_executor_pb2.TaskReference:
    return task_executor_pb2.TaskReference(resolver=command.options["--resolver"], loader_args=command.resolver_args)


def _without_command(
    request: task_executor_pb2.ExecuteTaskRequest, command: commands.Command
) -> task_executor_pb2.ExecuteTaskRequest:
    """The same request in terms of task, inputs and settings; fields that it gives win over the command's flags.

    A template stays the target: the task may want to read it.
    """
    result = task_executor_pb2.ExecuteTaskRequest()
    result.CopyFrom(request)
    options, settings = command.options, result.settings
    if result.WhichOneof("target") == "command":
        result.task.CopyFrom(_reference(command))
    if result.WhichOneof("inputs") is None and "--inputs" in options:
        result.inputs_uri = options["--inputs"]
    if command.distribution and not result.environment.distribution_uri:
        result.environment.distribution_uri = command.distribution
        result.environment.destination_dir = command.destination_dir
    settings.output_prefix = settings.output_prefix or options.get("--output-prefix", "")
    settings.raw_output_prefix = settings.raw_output_prefix or options.get("--raw-output-data-prefix", "")
    checkpoint = settings.checkpoint
    if destination := checkpoint.destination or options.get("--checkpoint-path", ""):
        checkpoint.destination = destination
        checkpoint.source = checkpoint.source or options.get("--prev-checkpoint", "")
    if options.get("--dynamic-addl-distro") and not settings.serialization.HasField("fast_serialization"):
        fast = settings.serialization.fast_serialization
        fast.enabled = True
        fast.distribution_location = options["--dynamic-addl-distro"]
        fast.destination_dir = options.get("--dynamic-dest-dir", "")
    if command.program == commands.MAP_EXECUTE:
        settings.map_task.SetInParent()
        if "--max-concurrency" in options and not settings.map_task.HasField("max_concurrency"):
            settings.map_task.max_concurrency = int(options["--max-concurrency"])
    return result
