"""Which environments a request may name, and how a container command names one."""

from __future__ import annotations

from typing import Any

import pytest

from flytewarm_server.execution.request import ValidRequest, WantedEnvironment
from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.rpc.status import CallError
from flytewarm_server.rpc.validation import validate_execute

Request = task_executor_pb2.ExecuteTaskRequest
DIGEST = "0123456789abcdef" * 4
URI = "s3://bucket/fast.tar.gz"
INNER = [
    *("pyflyte-execute", "--inputs", "/i.pb", "--output-prefix", "/o", "--resolver", "a.resolver"),
    *("--", "task-module", "m"),
]


def _environment(**fields: Any) -> Request:
    return Request(task={"name": "m.t"}, environment=settings_pb2.Environment(**fields))


def _fast(*options: str, inner: list[str] = INNER) -> ValidRequest:
    return validate_execute(Request(command={"args": ["pyflyte-fast-execute", *options, "--", *inner]}), "/work")


def test_the_default() -> None:
    assert validate_execute(_environment()).environment == WantedEnvironment()


def test_everything_that_can_be_wanted() -> None:
    request = _environment(
        distribution_uri=URI,
        distribution_digest=DIGEST,
        destination_dir="/code",
        env={"B": "2", "A": "1"},
        preload_modules=["a.b"],
    )
    request.settings.env["_F_RUNTIME_PACKAGES"] = "one two==2"
    wanted = WantedEnvironment(URI, DIGEST, "/code", (("A", "1"), ("B", "2")), ("a.b",), "one two==2")
    assert validate_execute(request).environment == wanted


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"distribution_uri": "code.tar.gz"}, "distribution_uri"),
        ({"distribution_uri": "s3://bucket/code.zip"}, "distribution_uri"),
        ({"distribution_uri": "s3://[bucket/code.tar.gz"}, "distribution_uri"),
        ({"distribution_uri": "/a\0b/code.tar.gz"}, "distribution_uri"),
        ({"distribution_uri": URI, "destination_dir": "a\0b"}, "destination_dir"),
        ({"distribution_uri": URI, "distribution_digest": "abc"}, "distribution_digest"),
        ({"distribution_uri": URI, "distribution_digest": DIGEST.upper()}, "distribution_digest"),
        ({"distribution_digest": DIGEST}, "distribution_digest"),
        ({"destination_dir": "/x"}, "destination_dir"),
        ({"env": {"": "x"}}, "env"),
        ({"env": {"A": "\0"}}, "env"),
        ({"preload_modules": ["a-b"]}, "preload_modules"),
    ],
)
def test_what_may_not_be_wanted(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(CallError) as caught:
        validate_execute(_environment(**fields))
    assert [one.field for one in caught.value.details[0].field_violations] == [f"environment.{fault}"]


def test_a_command_that_brings_its_code() -> None:
    valid = _fast("--additional-distribution", URI, "--dest-dir", "/code")
    assert valid.environment == WantedEnvironment(distribution_uri=URI, destination_dir="/code")
    fast = valid.message.settings.serialization.fast_serialization
    assert (fast.enabled, fast.distribution_location, fast.destination_dir) == (True, URI, "/code")
    assert list(valid.message.task.loader_args) == ["task-module", "m"]
    assert valid.message.inputs_uri == "/i.pb"


def test_code_is_unpacked_in_the_working_directory_by_default() -> None:
    valid = _fast(f"--additional-distribution={URI}")
    assert valid.environment.destination_dir == ""
    assert valid.message.settings.serialization.fast_serialization.destination_dir == "/work"


def test_without_a_resolver_nothing_is_said_of_dynamic_tasks() -> None:
    # As the entrypoint, which looks for the flag on its own.
    inner = [*INNER[:5], "--resolver=a.resolver", "--", "task-module", "m"]
    settings = _fast("--additional-distribution", URI, inner=inner).message.settings
    assert not settings.serialization.HasField("fast_serialization")


def test_a_field_wins_over_the_flag() -> None:
    request = Request(command={"args": ["pyflyte-fast-execute", "--additional-distribution", URI, "--", *INNER]})
    request.environment.distribution_uri = "s3://mine/other.tar.gz"
    assert validate_execute(request).environment.distribution_uri == "s3://mine/other.tar.gz"


@pytest.mark.parametrize(
    ("options", "inner", "fault"),
    [
        ((), INNER, "--additional-distribution is missing"),
        (("--additional-distribution", "code.tar.gz"), INNER, "must be an absolute path or a URI"),
        (("--additional-distribution", "/code.zip"), INNER, "must end in .tar.gz"),
        (("--additional-distribution", URI), [], "is empty"),
        (("--additional-distribution", URI), INNER[:3], "--output-prefix is missing"),
        (("--inputs", "/x"), INNER, "no option --inputs"),
        (("--dest-dir",), [], "is missing"),
    ],
)
def test_bad_commands(options: tuple[str, ...], inner: list[str], fault: str) -> None:
    with pytest.raises(CallError, match=fault):
        _fast(*options, inner=inner)
