"""Resolver -> task, and what a task says of itself."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any

from flytekit.bin.entrypoint import load_object_from_module
from flytekit.core.base_task import PythonTask
from flytekit.core.type_engine import UnionTransformer

from flytewarm_api.v1 import settings_pb2, task_executor_pb2
from flytewarm_worker import flytekit_private
from flytewarm_worker.quick_loading import DEFAULT_RESOLVER, imported_task

_LEGACY_MAP_RESOLVER = "flytekit.core.legacy_map_task.MapTaskResolver"

# The placeholder that flytepropeller replaces by the template's file.
_TEMPLATE_PATH = "{{.taskTemplatePath}}"


def resolver_and_arguments(reference: task_executor_pb2.TaskReference) -> tuple[str, list[str]]:
    """The resolver and its arguments; a plain name is short for flytekit's default resolver."""
    if not reference.name:
        return reference.resolver, list(reference.loader_args)
    module, _, name = reference.name.rpartition(".")
    return DEFAULT_RESOLVER, ["task-module", module, "task-name", name]


def reference_of(
    request: task_executor_pb2.ExecuteTaskRequest, template_task: task_executor_pb2.TaskReference, directory: str
) -> task_executor_pb2.TaskReference:
    """What a request names. A template's container command does, which the server has read (`template_task`), and finds
    the template in a file in `directory`. Raises OSError when that cannot be written.
    """
    if request.WhichOneof("target") != "template":
        return request.task
    arguments = list(template_task.loader_args)
    if _TEMPLATE_PATH in arguments:
        path = os.path.join(directory, "given_task_template.pb")
        with open(path, "wb") as file:
            file.write(request.template.SerializeToString(deterministic=True))
        arguments = [path if argument == _TEMPLATE_PATH else argument for argument in arguments]
    return task_executor_pb2.TaskReference(resolver=template_task.resolver, loader_args=arguments)


def load_resolver(location: str, for_map_task: bool) -> Any:
    """Loads the resolver. pyflyte-map-execute names a class, the other commands an object.

    Raises TypeError when map task settings come with another resolver.
    """
    resolver = load_object_from_module(location)
    if not for_map_task:
        return resolver
    if not isinstance(resolver, type):
        raise TypeError(f"settings.map_task needs the resolver of a map task; {location} is none")
    return resolver()


def is_imported(resolver: str, arguments: list[str]) -> bool:
    """Whether nothing has to be imported for a task, as far as its resolver is flytekit's default one."""
    return resolver == DEFAULT_RESOLVER and len(arguments) >= 4 and imported_task(arguments) is not None


def load_task(resolver: Any, arguments: list[str], map_task: settings_pb2.MapTaskSettings | None) -> Any:
    """Loads the task as the entrypoint does. Raises TypeError for something that is no task."""
    if map_task is None:
        # A tuple, as click makes it.
        task = resolver.load_task(loader_args=tuple(arguments))
    else:
        concurrency = map_task.max_concurrency if map_task.HasField("max_concurrency") else None
        task = resolver.load_task(loader_args=tuple(arguments), max_concurrency=concurrency)
    if not hasattr(task, "dispatch_execute"):
        raise TypeError(f"{' '.join(arguments)} is a {type(task).__name__}, not a task")
    return task


def map_output_prefix(resolver: str, prefix: str) -> str:
    """Where a map task's item writes: the legacy resolver has a directory for each index, the others have not."""
    if load_resolver(resolver, for_map_task=True).name() != _LEGACY_MAP_RESOLVER:
        return prefix
    return os.path.join(prefix, str(flytekit_private.array_job_index()))


def describe(reference: task_executor_pb2.TaskReference) -> task_executor_pb2.DescribeTaskResponse:
    """Loads a task and tells its interface. Raises whatever loading it raises."""
    location, arguments = resolver_and_arguments(reference)
    task = load_task(load_resolver(location, for_map_task=False), arguments, map_task=None)
    return task_executor_pb2.DescribeTaskResponse(
        name=task.name,
        task_type=task.task_type,
        interface=task.interface.to_flyte_idl(),
        inputs=[_input(name, *pair) for name, pair in task.python_interface.inputs_with_defaults.items()],
        documentation=_documentation(task),
    )


def _input(name: str, python_type: Any, default: Any) -> task_executor_pb2.InputDescription:
    required = default is None and not UnionTransformer.is_optional_type(python_type)
    return task_executor_pb2.InputDescription(
        name=name, python_type=type_text(python_type), required=required, default_json=_default_json(default)
    )


def type_text(python_type: Any) -> str:
    """A type as people write it."""
    return python_type.__name__ if isinstance(python_type, type) else str(python_type).replace("typing.", "")


def _default_json(default: Any) -> str:
    if default is None:
        return ""
    try:
        return json.dumps(default)
    except (TypeError, ValueError):
        return ""  # a default that JSON cannot hold is not shown


def _documentation(task: PythonTask) -> str:
    function = getattr(task, "task_function", None)
    text = inspect.getdoc(function) if function is not None else None
    return (text or "").split("\n\n")[0]
