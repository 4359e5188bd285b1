"""Does a request name only what the allow-lists have? Every way in is looked at, and every fault is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.rpc.status import Violation, permission_denied
from flytewarm_server.security.allow_lists import DEFAULT_RESOLVER, AllowLists, Refusal

_Refused = Iterator[tuple[str, Refusal]]


def check_execute(request: ValidRequest, lists: AllowLists) -> None:
    """Raises CallError PERMISSION_DENIED. A command has become settings and a task: what is checked is what is done."""
    if lists.any:
        _raise_if(_execute(request, lists))


def check_describe(request: task_executor_pb2.DescribeTaskRequest, lists: AllowLists) -> None:
    """Raises CallError PERMISSION_DENIED."""
    if lists.any:
        _raise_if([*_task("task", request.task, lists), *_environment(request.environment, (), lists)])


def _raise_if(found: Iterable[tuple[str, Refusal]]) -> None:
    refused = list(found)
    if refused:
        violations = [Violation(field, f"is not allowed by {one.option}: {one.what}") for field, one in refused]
        raise permission_denied(violations, refused[0][1].option)


def _execute(request: ValidRequest, lists: AllowLists) -> _Refused:
    message = request.message
    field = "task"
    if request.command:
        field = "template.container.args" if message.HasField("template") else "command.args"
    yield from _task(field, request.task, lists)
    yield from _environment(message.environment, tuple(message.settings.env), lists)
    yield from _of("settings.env", (lists.variable(name) for name in message.settings.env))
    settings = message.settings
    uris = {
        "inputs_uri": message.inputs_uri,
        "settings.output_prefix": settings.output_prefix,
        "settings.raw_output_prefix": settings.raw_output_prefix,
        "settings.checkpoint.destination": settings.checkpoint.destination,
        "settings.checkpoint.source": settings.checkpoint.source,
    }
    for name, uri in uris.items():
        if uri:
            yield from _of(name, [lists.uri(uri)])


def _task(field: str, reference: task_executor_pb2.TaskReference, lists: AllowLists) -> _Refused:
    if reference.name:
        arguments = ["task-module", reference.name.rpartition(".")[0]]
        yield from _of(f"{field}.name", [lists.task(DEFAULT_RESOLVER, arguments)])
    else:
        name = "task.resolver" if field == "task" else field
        yield from _of(name, [lists.task(reference.resolver, reference.loader_args)])


def _environment(environment: settings_pb2.Environment, variables: tuple[str, ...], lists: AllowLists) -> _Refused:
    if environment.distribution_uri:
        known = (*variables, *environment.env)
        yield from _of("environment.distribution_uri", [lists.distribution(environment.distribution_uri, known)])
    yield from _of("environment.preload_modules", (lists.module(name) for name in environment.preload_modules))
    yield from _of("environment.env", (lists.variable(name) for name in environment.env))


def _of(field: str, refusals: Iterable[Iterator[Refusal]]) -> _Refused:
    return ((field, one) for some in refusals for one in some)
