"""Requests that cannot be run: the right status, every field named, and a service that goes on."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from google.rpc import error_details_pb2

from calls import Calls, details, request, violated_fields
from flytewarm_api.v1 import settings_pb2, task_executor_pb2, worker_pool_pb2

Request = task_executor_pb2.ExecuteTaskRequest
_RESOLVER = ["--resolver", "a.b", "--", "task-module", "m", "task-name", "t"]
_PATHS = ["--inputs", "/in", "--output-prefix", "/out"]


def _edited(edit: Callable[[Request], object]) -> Request:
    made = request("basic.add", a=1, b=2)
    edit(made)
    return made


def _command(*args: str) -> Request:
    return Request(command=task_executor_pb2.ContainerCommand(args=args))


_IMAGE = settings_pb2.Image(name="i", fqn="f", tag="t", digest="d")

INVALID = {
    "no target": (Request(), ["target"]),
    "empty task": (Request(task={}), ["task"]),
    "no module": (Request(task={"name": "add"}), ["task.name"]),
    "odd name": (Request(task={"name": "a..b"}), ["task.name"]),
    "name and resolver": (Request(task={"name": "a.b", "resolver": "c.d"}), ["task.name"]),
    "resolver without arguments": (Request(task={"resolver": "a.b"}), ["task.loader_args"]),
    "resolver without a module": (Request(task={"resolver": "a", "loader_args": ["x"]}), ["task.resolver"]),
    "odd id": (_edited(lambda r: setattr(r, "execution_id", "a b")), ["execution_id"]),
    "long id": (_edited(lambda r: setattr(r, "execution_id", "a" * 129)), ["execution_id"]),
    "not json": (_edited(lambda r: setattr(r, "inputs_json", "{")), ["inputs_json"]),
    "deep json": (_edited(lambda r: setattr(r, "inputs_json", "[" * 100_000)), ["inputs_json"]),
    "json but no object": (_edited(lambda r: setattr(r, "inputs_json", "[1]")), ["inputs_json"]),
    "empty uri": (_edited(lambda r: setattr(r, "inputs_uri", "")), ["inputs_uri"]),
    "variable without a name": (_edited(lambda r: r.settings.env.update({"": "x"})), ["settings.env"]),
    "variable with =": (_edited(lambda r: r.settings.env.update({"a=b": "x"})), ["settings.env"]),
    "variable with NUL": (_edited(lambda r: r.settings.env.update({"a": "\0"})), ["settings.env"]),
    "too many variables": (
        _edited(lambda r: r.settings.env.update({f"v{n}": "" for n in range(1025)})),
        ["settings.env"],
    ),
    "checkpoint source alone": (
        _edited(lambda r: setattr(r.settings.checkpoint, "source", "/x")),
        ["settings.checkpoint.destination"],
    ),
    "relative paths": (
        _edited(
            lambda r: (setattr(r.settings, "output_prefix", "out"), setattr(r.settings, "raw_output_prefix", "raw"))
        ),
        ["settings.output_prefix", "settings.raw_output_prefix"],
    ),
    "relative inputs": (_edited(lambda r: setattr(r, "inputs_uri", "inputs.pb")), ["inputs_uri"]),
    "default image": (
        _edited(lambda r: r.settings.serialization.image_config.default_image.MergeFrom(_IMAGE)),
        ["settings.serialization.image_config.default_image"],
    ),
    "compressed": (
        _edited(lambda r: setattr(r.settings.serialization, "compressed", "garbage")),
        ["settings.serialization.compressed"],
    ),
    "port": (_edited(lambda r: setattr(r.settings.stats, "port", 70000)), ["settings.stats.port"]),
    "zero timeout": (_edited(lambda r: r.policy.timeout.SetInParent()), ["policy.timeout"]),
    "huge timeout": (_edited(lambda r: setattr(r.policy.timeout, "seconds", 2**60)), ["policy.timeout"]),
    "priority": (_edited(lambda r: setattr(r.policy, "priority", 101)), ["policy.priority"]),
    "unknown isolation": (_edited(lambda r: setattr(r.policy, "isolation", 9)), ["policy.isolation"]),
    "limit without prefix": (
        _edited(lambda r: setattr(r.events, "inline_limit_bytes", 1)),
        ["events.inline_limit_bytes"],
    ),
    "date": (
        _edited(lambda r: setattr(r.settings.execution_date, "seconds", 2**60)),
        ["settings.execution_date"],
    ),
    "hundreds of faults": (
        _edited(lambda r: r.settings.env.update({f"{n}=" + "x" * 100: "" for n in range(500)})),
        ["settings.env"] * 10 + ["request"],
    ),
    "three faults": (
        _edited(
            lambda r: (
                setattr(r, "execution_id", "?"),
                setattr(r, "inputs_json", "x"),
                setattr(r.policy, "priority", 101),
            )
        ),
        ["execution_id", "inputs_json", "policy.priority"],
    ),
    "empty command": (_command(), ["command.args"]),
    "unknown program": (_command("rm", "-rf"), ["command.args"]),
    "unknown flag": (_command("pyflyte-execute", *_PATHS, "--what", "x", *_RESOLVER), ["command.args"]),
    "flag without value": (_command("pyflyte-execute", *_PATHS, "--resolver"), ["command.args"]),
    "no inputs flag": (_command("pyflyte-execute", "--output-prefix", "/o", *_RESOLVER), ["command.args"]),
    "no resolver": (_command("pyflyte-execute", *_PATHS, "--", "x"), ["command.args"]),
    "no loader arguments": (_command("pyflyte-execute", *_PATHS, "--resolver", "a.b"), ["command.args"]),
    "relative path in a command": (
        _command("pyflyte-execute", "--inputs", "in.pb", "--output-prefix", "/o", *_RESOLVER),
        ["command.args"],
    ),
    "concurrency": (_command("pyflyte-map-execute", *_PATHS, "--max-concurrency", "x", *_RESOLVER), ["command.args"]),
}


@pytest.mark.parametrize(("made", "fields"), INVALID.values(), ids=INVALID.keys())
def test_invalid_requests_name_every_field(calls: Calls, made: Request, fields: list[str]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        calls.events(made)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == fields
    assert calls.run("basic.add", a=1, b=2) == 3


UNSERVED = {
    "environment.python_interpreter": Request(task={"name": "a.b"}, environment={"python_interpreter": "/x"}),
}


@pytest.mark.parametrize("feature", UNSERVED)
def test_what_is_not_served_yet_is_named(calls: Calls, feature: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        calls.events(UNSERVED[feature])
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    (detail,) = [one for one in details(caught.value) if isinstance(one, error_details_pb2.ErrorInfo)]
    assert detail.metadata["feature"] == feature


def test_rpcs_of_later_versions_are_unimplemented(calls: Calls) -> None:
    attempts = [
        lambda: list(calls.pool.WarmEnvironment(worker_pool_pb2.WarmEnvironmentRequest())),
        lambda: calls.pool.EvictEnvironment(worker_pool_pb2.EvictEnvironmentRequest()),
    ]
    for attempt in attempts:
        with pytest.raises(grpc.RpcError) as caught:
            attempt()
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["TaskExecutor/ExecuteTask", "TaskExecutor/CancelExecution"])
def test_bytes_that_are_no_message(calls: Calls, method: str) -> None:
    path = f"/flytewarm_api.v1.{method}"
    call = calls.channel.unary_stream(path) if "Execute" in method else calls.channel.unary_unary(path)
    with pytest.raises(grpc.RpcError) as caught:
        list(call(b"\xff\xff\xff\xff"))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == ["request"]


def test_a_message_over_the_limit_names_the_limit(calls: Calls) -> None:
    limit = calls.pool.GetCapabilities(worker_pool_pb2.GetCapabilitiesRequest()).max_message_bytes
    with pytest.raises(grpc.RpcError) as caught:
        calls.events(request("basic.greet", name="x" * (limit + 1)))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(limit) in caught.value.details()


def test_an_outcome_over_the_limit_is_told(calls: Calls) -> None:
    limit = calls.pool.GetCapabilities(worker_pool_pb2.GetCapabilitiesRequest()).max_message_bytes
    outcome = calls.outcome(request("probes.long_text", length=limit))
    assert outcome.HasField("error")
    assert "--max-message-bytes" in outcome.error.error.message
    assert calls.run("basic.add", a=1, b=2) == 3


def test_unknown_executions(calls: Calls) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest(execution_id="nobody"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert "nobody" in caught.value.details()
    with pytest.raises(grpc.RpcError) as caught:
        calls.executor.CancelExecution(task_executor_pb2.CancelExecutionRequest())
    assert violated_fields(caught.value) == ["execution_id"]


@pytest.mark.parametrize("name", ["basic.no_such_task", "no_such_module.task", "os.path"])
def test_what_cannot_be_described(calls: Calls, name: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        calls.executor.DescribeTask(task_executor_pb2.DescribeTaskRequest(task={"name": name}))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert f"{name} cannot be loaded" in caught.value.details()
