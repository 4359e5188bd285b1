"""A container command becomes task, inputs and settings; what the request itself says wins."""

from __future__ import annotations

import pytest

from flytewarm_server.messages import settings_pb2, task_executor_pb2
from flytewarm_server.rpc.status import CallError
from flytewarm_server.rpc.validation import validate_execute

Settings = settings_pb2.ExecutionSettings
PLAIN = ["--inputs", "/i.pb", "--output-prefix", "/out", "--resolver", "a.resolver"]
LOADER = ["--", "task-module", "m", "task-name", "t"]


def _request(
    *options: str, program: str = "pyflyte-execute", settings: Settings | None = None
) -> task_executor_pb2.ExecuteTaskRequest:
    command = task_executor_pb2.ContainerCommand(args=[program, *PLAIN, *options, *LOADER])
    return task_executor_pb2.ExecuteTaskRequest(command=command, settings=settings)


def _settings(*options: str, program: str = "pyflyte-execute", settings: Settings | None = None) -> Settings:
    return validate_execute(_request(*options, program=program, settings=settings)).message.settings


def test_the_command_is_taken_apart() -> None:
    request = _request("--raw-output-data-prefix", "/raw")
    request.execution_id = "e-1"
    request.policy.priority = 5
    before = request.SerializeToString(deterministic=True)
    valid = validate_execute(request)
    assert valid.command == list(request.command.args)
    assert valid.dry_run is False
    message = valid.message
    assert message.task.resolver == "a.resolver"
    assert list(message.task.loader_args) == ["task-module", "m", "task-name", "t"]
    assert message.inputs_uri == "/i.pb"
    assert (message.settings.output_prefix, message.settings.raw_output_prefix) == ("/out", "/raw")
    assert (message.execution_id, message.policy.priority) == ("e-1", 5)
    # The caller's own message is what idempotency compares: it is not touched.
    assert request.SerializeToString(deterministic=True) == before


def test_the_dry_run() -> None:
    assert validate_execute(_request("--test")).dry_run is True


def test_what_is_not_given_stays_unset() -> None:
    assert _settings() == Settings(output_prefix="/out")


def test_fields_win_over_flags() -> None:
    given = Settings(
        output_prefix="/mine",
        raw_output_prefix="/my-raw",
        checkpoint={"destination": "/my-checkpoint"},
        serialization={"fast_serialization": {"distribution_location": "my-distro"}},
        map_task={"max_concurrency": 3},
    )
    flags = [
        *("--raw-output-data-prefix", "/raw"),
        *("--checkpoint-path", "/checkpoint"),
        *("--dynamic-addl-distro", "distro", "--dynamic-dest-dir", "dir"),
        *("--max-concurrency", "7"),
    ]
    told = _settings(*flags, program="pyflyte-map-execute", settings=given)
    assert (told.output_prefix, told.raw_output_prefix) == ("/mine", "/my-raw")
    assert told.checkpoint.destination == "/my-checkpoint"
    assert told.serialization == given.serialization
    assert told.map_task == given.map_task


@pytest.mark.parametrize("source", ["literals", "inputs_json", "inputs_uri"])
def test_inputs_of_the_request_win(source: str) -> None:
    request = _request()
    if source == "literals":
        request.literals.SetInParent()
    else:
        setattr(request, source, "{}" if source == "inputs_json" else "/inputs.pb")
    message = validate_execute(request).message
    assert message.WhichOneof("inputs") == source
    assert getattr(message, source) == getattr(request, source)


def test_checkpoints() -> None:
    told = _settings("--checkpoint-path", "/new", "--prev-checkpoint", "/old").checkpoint
    assert (told.destination, told.source) == ("/new", "/old")
    told = _settings("--checkpoint-path", "/new", "--prev-checkpoint", "{{.prevCheckpointPrefix}}").checkpoint
    assert (told.destination, told.source) == ("/new", "")


def test_without_a_destination_there_are_no_checkpoints() -> None:
    unfilled = ["--checkpoint-path", "{{.checkpointOutputPrefix}}", "--prev-checkpoint", "/old"]
    assert not _settings(*unfilled).HasField("checkpoint")
    assert not _settings("--prev-checkpoint", "/old").HasField("checkpoint")


def test_fast_registration_of_dynamic_tasks() -> None:
    told = _settings("--dynamic-addl-distro", "s3://d.tar.gz", "--dynamic-dest-dir", "/root").serialization
    assert told.fast_serialization == settings_pb2.FastSerializationSettings(
        enabled=True, distribution_location="s3://d.tar.gz", destination_dir="/root"
    )
    assert not _settings("--dynamic-dest-dir", "/root").HasField("serialization")
    # As the entrypoint, to which an empty location is none.
    assert not _settings("--dynamic-addl-distro", "").HasField("serialization")


def test_map_tasks() -> None:
    assert not _settings().HasField("map_task")
    told = _settings(program="/usr/bin/pyflyte-map-execute")
    assert told.HasField("map_task")
    assert not told.map_task.HasField("max_concurrency")
    for text, number in [("4", 4), ("0", 0), ("4294967295", 2**32 - 1)]:
        told = _settings("--max-concurrency", text, program="pyflyte-map-execute")
        assert told.map_task.max_concurrency == number
        assert not told.map_task.HasField("index")


def test_a_map_task_keeps_its_index() -> None:
    told = _settings(program="pyflyte-map-execute", settings=Settings(map_task={"index": 2}))
    assert told.map_task.index == 2


def test_outputs_have_a_place_by_the_command() -> None:
    request = _request()
    request.events.inline_limit_bytes = 100
    assert validate_execute(request).message.events.inline_limit_bytes == 100


def test_a_bad_command_is_told_with_the_other_faults() -> None:
    request = _request("--no-such-option")
    request.policy.priority = 1000
    with pytest.raises(CallError, match=r"policy\.priority: .*; command\.args: .*--no-such-option"):
        validate_execute(request)
