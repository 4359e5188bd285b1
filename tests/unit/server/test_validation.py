"""Which requests are refused, with which faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.rpc.status import CallError
from flytewarm_server.rpc.validation import validate_execute, validate_task_reference

Request = task_executor_pb2.ExecuteTaskRequest
Reference = task_executor_pb2.TaskReference


def _request(**fields: Any) -> Request:
    return Request(**{"task": Reference(name="m.t"), **fields})


def _faults(request: Request) -> list[str]:
    """The fields that a refusal names."""
    with pytest.raises(CallError) as refusal:
        validate_execute(request)
    assert refusal.value.code is grpc.StatusCode.INVALID_ARGUMENT
    (detail,) = refusal.value.details
    assert isinstance(detail, error_details_pb2.BadRequest)
    return [one.field for one in detail.field_violations]


def _unimplemented(call: Callable[[], object]) -> str:
    """The feature that a refusal names."""
    with pytest.raises(CallError) as refusal:
        call()
    assert refusal.value.code is grpc.StatusCode.UNIMPLEMENTED
    (detail,) = refusal.value.details
    assert isinstance(detail, error_details_pb2.ErrorInfo)
    return detail.metadata["feature"]


def test_a_plain_request_is_left_as_it_is() -> None:
    request = _request(execution_id="a-1", inputs_json="{}")
    assert validate_execute(request) == ValidRequest(request, command=[], dry_run=False)


@pytest.mark.parametrize("execution_id", ["a", "A-Z.0_9:/x", "x" * 128])
def test_good_ids(execution_id: str) -> None:
    assert validate_execute(_request(execution_id=execution_id)).message.execution_id == execution_id


@pytest.mark.parametrize("execution_id", ["x" * 129, "a b", "é", "a\n", "\0"])
def test_bad_ids(execution_id: str) -> None:
    assert _faults(_request(execution_id=execution_id)) == ["execution_id"]


@pytest.mark.parametrize(
    "reference",
    [
        Reference(name="m.t"),
        Reference(name="a.b._c1"),
        Reference(name="é.ü"),
        Reference(resolver="a.b", loader_args=["x"]),
    ],
)
def test_good_references(reference: Reference) -> None:
    assert list(validate_task_reference(reference)) == []


@pytest.mark.parametrize(
    ("reference", "fields"),
    [
        (Reference(), ["task"]),
        (Reference(name="t"), ["task.name"]),
        (Reference(name="m..t"), ["task.name"]),
        (Reference(name="m.t\n"), ["task.name"]),
        (Reference(name="m.1"), ["task.name"]),
        (Reference(name="m.t", resolver="a.b"), ["task.name"]),
        (Reference(name="t", loader_args=["x"]), ["task.name", "task.name"]),
        (Reference(loader_args=["x"]), ["task"]),
        (Reference(resolver="a.b"), ["task.loader_args"]),
        (Reference(resolver="a"), ["task.resolver", "task.loader_args"]),
        (Reference(resolver="a b.c", loader_args=["x"]), ["task.resolver"]),
    ],
)
def test_bad_references(reference: Reference, fields: list[str]) -> None:
    assert [fault.field for fault in validate_task_reference(reference)] == fields
    assert _faults(Request(task=reference)) == fields


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"inputs_uri": ""}, ["inputs_uri"]),
        ({"inputs_json": ""}, ["inputs_json"]),
        ({"inputs_json": "{"}, ["inputs_json"]),
        ({"inputs_json": "[]"}, ["inputs_json"]),
        ({"inputs_json": "[" * 100_000}, ["inputs_json"]),
        ({"inputs_json": '{"a": ' + "9" * 5000 + "}"}, ["inputs_json"]),
        ({"events": settings_pb2.EventOptions(inline_limit_bytes=1)}, ["events.inline_limit_bytes"]),
    ],
)
def test_bad_inputs(fields: dict[str, Any], faults: list[str]) -> None:
    assert _faults(_request(**fields)) == faults


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"env": {f"V{n}": "" for n in range(1025)}}, "settings.env"),
        ({"env": {"": "x"}}, "settings.env"),
        ({"env": {"A=B": "x"}}, "settings.env"),
        ({"env": {"A\0": "x"}}, "settings.env"),
        ({"env": {"A": "x\0"}}, "settings.env"),
        ({"checkpoint": {"source": "s3://c"}}, "settings.checkpoint.destination"),
        ({"stats": {"port": 65536}}, "settings.stats.port"),
        (
            {"serialization": {"image_config": {"images": [{"tag": "t"}, {"tag": "t", "digest": "d"}]}}},
            "settings.serialization.image_config.images[1]",
        ),
        ({"execution_date": {"seconds": 2**60}}, "settings.execution_date"),
        ({"execution_date": {"nanos": -1}}, "settings.execution_date"),
    ],
)
def test_bad_settings(settings: dict[str, Any], fault: str) -> None:
    assert _faults(_request(settings=settings_pb2.ExecutionSettings(**settings))) == [fault]


def test_good_settings() -> None:
    settings = settings_pb2.ExecutionSettings(
        env={f"V{n}": "a=b" for n in range(1024)},
        checkpoint={"destination": "/d", "source": "s3://s"},
        stats={"port": 65535},
    )
    settings.execution_date.FromJsonString("0001-01-01T00:00:00Z")
    assert validate_execute(_request(settings=settings)).message.settings == settings


@pytest.mark.parametrize(
    ("policy", "fault"),
    [
        ({"timeout": {"seconds": 0}}, "policy.timeout"),
        ({"timeout": {"seconds": -1}}, "policy.timeout"),
        ({"timeout": {"seconds": 1, "nanos": -1}}, "policy.timeout"),
        ({"timeout": {"seconds": 2**60}}, "policy.timeout"),
        ({"priority": 101}, "policy.priority"),
        ({"priority": -101}, "policy.priority"),
        ({"isolation": 77}, "policy.isolation"),
        ({"on_disconnect": 77}, "policy.on_disconnect"),
    ],
)
def test_bad_policies(policy: dict[str, Any], fault: str) -> None:
    assert _faults(_request(policy=settings_pb2.ExecutionPolicy(**policy))) == [fault]


def test_timeouts_in_seconds() -> None:
    timed = _request(policy=settings_pb2.ExecutionPolicy(timeout={"seconds": 1, "nanos": 500_000_000}, priority=-100))
    assert validate_execute(timed).timeout_seconds == 1.5
    assert validate_execute(_request()).timeout_seconds is None


def test_every_fault_is_told_at_once() -> None:
    request = Request(
        execution_id=" ",
        inputs_json="?",
        settings=settings_pb2.ExecutionSettings(stats={"port": 70000}),
        policy=settings_pb2.ExecutionPolicy(priority=200),
    )
    assert _faults(request) == ["execution_id", "target", "inputs_json", "settings.stats.port", "policy.priority"]


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"environment": settings_pb2.Environment(python_interpreter="/p")}, "environment.python_interpreter"),
    ],
)
def test_what_is_not_served_yet(fields: dict[str, Any], feature: str) -> None:
    assert _unimplemented(lambda: validate_execute(Request(task=Reference(name="m.t"), **fields))) == feature


@pytest.mark.parametrize(
    ("asked", "default", "own_process"),
    [
        (settings_pb2.ISOLATION_UNSPECIFIED, settings_pb2.ISOLATION_CONTEXT, False),
        (settings_pb2.ISOLATION_UNSPECIFIED, settings_pb2.ISOLATION_PROCESS, True),
        (settings_pb2.ISOLATION_CONTEXT, settings_pb2.ISOLATION_PROCESS, False),
        (settings_pb2.ISOLATION_PROCESS, settings_pb2.ISOLATION_CONTEXT, True),
    ],
)
def test_isolation_is_the_requests_else_the_services(
    asked: settings_pb2.Isolation, default: settings_pb2.Isolation, own_process: bool
) -> None:
    request = Request(task=Reference(name="m.t"), policy=settings_pb2.ExecutionPolicy(isolation=asked))
    assert validate_execute(request, isolation=default).own_process is own_process
