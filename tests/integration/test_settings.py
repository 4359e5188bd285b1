"""Settings of a request in the task's context, and that nothing of one execution is seen by the next."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flytekit.configuration import ImageConfig, SerializationSettings

from calls import Calls, request
from conftest import open_calls
from flytewarm_api.v1 import task_executor_pb2
from showcase.service import Service

_FAST = {"enabled": True, "destination_dir": "/destination", "distribution_location": "s3://bucket/code.tar.gz"}
_DEFAULT = {"name": "default", "fqn": "example.org/i", "tag": "v1", "digest": None}
_OTHER = {"name": "other", "fqn": "example.org/o", "tag": None, "digest": "sha256:00"}
# Each constructor parameter: its field of the request, and what the task finds under its name.
_GIVEN: list[tuple[str, Any, str, Any]] = [
    ("project", "own-project", "project", "own-project"),
    ("domain", "own-domain", "domain", "own-domain"),
    ("env", {"A": "1"}, "env", {"A": "1"}),
    ("git_repo", "https://example.org/r", "git_repo", "https://example.org/r"),
    ("python_interpreter", "/opt/p/bin/python", "python_interpreter", "/opt/p/bin/python"),
    ("flytekit_virtualenv_root", "/opt/root", "flytekit_virtualenv_root", "/opt/root"),
    ("source_root", "/src", "source_root", "/src"),
    ("fast_serialization", _FAST, "fast_serialization_settings", _FAST),
    (
        "image_config",
        {"default_image": {**_DEFAULT, "digest": ""}, "images": [{**_OTHER, "tag": ""}]},
        "image_config",
        {"default_image": _DEFAULT, "images": [_OTHER]},
    ),
]
_COMPRESSED = SerializationSettings(
    ImageConfig.from_images("example.org/compressed:v1"), project="cp", domain="cd", version="cv", source_root="/c"
).serialized_context


def _seen(calls: Calls, **serialization: Any) -> dict[str, Any]:
    made = request("settings_tasks.serialization")
    made.settings.task.version = "v7"
    made.settings.execution.project, made.settings.execution.domain = "p", "d"
    made.settings.serialization.MergeFrom(type(made.settings.serialization)(**serialization))
    seen: dict[str, Any] = json.loads(json.loads(calls.outcome(made).outputs.json)["o0"])
    return seen


@pytest.mark.parametrize(("field", "value", "name", "expected"), _GIVEN, ids=[one[0] for one in _GIVEN])
def test_each_parameter_of_a_request(calls: Calls, field: str, value: Any, name: str, expected: Any) -> None:
    default = _seen(calls)
    seen = _seen(calls, **{field: value})
    assert seen[name] == expected
    changed = {key for key in seen if seen[key] != default[key]}
    # The root of the virtual environment follows from the interpreter only where settings are built from nothing.
    assert changed == {name}
    # And over the compressed form.
    assert _seen(calls, compressed=_COMPRESSED, **{field: value})[name] == expected
    assert _seen(calls) == default


def test_the_version_is_the_tasks(calls: Calls) -> None:
    assert _seen(calls, version="own", compressed=_COMPRESSED)["version"] == "v7"


def test_the_compressed_form(calls: Calls) -> None:
    seen = _seen(calls, compressed=_COMPRESSED)
    assert [seen["project"], seen["domain"], seen["source_root"]] == ["cp", "cd", "/c"]
    assert seen["image_config"]["default_image"]["fqn"] == "example.org/compressed"


def test_secrets_are_one_executions_own(own_service: Callable[..., Service], tmp_path: Path) -> None:
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "key").write_text("from a file")
    asked = {"group": "group", "key": "key"}
    with open_calls(own_service()) as calls:
        by_variable = request("settings_tasks.secret", **asked)
        by_variable.settings.env["_FSEC_GROUP_KEY"] = "from a variable"
        by_file = request("settings_tasks.secret", **asked)
        by_file.settings.env["FLYTE_SECRETS_DEFAULT_DIR"] = str(tmp_path)
        for made, expected in ((by_variable, "from a variable"), (by_file, "from a file")):
            assert json.loads(calls.outcome(made).outputs.json)["o0"] == expected
            assert calls.run("settings_tasks.secret", **asked) == "none"


def test_signal_handlers_of_flytekit_are_gone(own_service: Callable[..., Service]) -> None:
    with open_calls(own_service()) as calls:
        assert [calls.run("settings_tasks.adds_handler") for _ in range(2)] == [0, 0]


def test_local_files_of_threads_are_in_the_sandbox(own_service: Callable[..., Service]) -> None:
    service = own_service()
    seen = []
    with open_calls(service) as calls:
        for _ in range(2):
            directory = Path(calls.run("settings_tasks.sandbox_of_a_thread"))
            # .../workers/WORKER/COUNT/sandbox/local_flytekit/RANDOM
            assert directory.parents[4].name == "workers"
            assert directory.is_relative_to(service.scratch)
            seen.append(directory)
            # The next execution begins when the worker has cleaned up.
            calls.run("basic.nothing")
        assert not any(directory.exists() for directory in seen)


@pytest.mark.parametrize(
    "flags", [[], ["--raw-output-data-prefix", "{{.rawOutputDataPrefix}}"]], ids=["none", "unfilled"]
)
def test_without_a_raw_output_prefix_it_is_in_the_sandbox(
    calls: Calls, service: Service, tmp_path: Path, flags: list[str]
) -> None:
    (tmp_path / "inputs.pb").write_bytes(b"")
    command = ["pyflyte-execute", "--inputs", f"{tmp_path}/inputs.pb", "--output-prefix", f"{tmp_path}/out", *flags]
    command += ["--resolver", "flytekit.core.python_auto_container.default_task_resolver", "--"]
    command += ["task-module", "settings_tasks", "task-name", "prefix"]
    made = task_executor_pb2.ExecuteTaskRequest(command={"args": command})
    outcome = calls.outcome(made)
    seen = Path(outcome.outputs.literals.literals["o0"].scalar.primitive.string_value)
    assert seen.is_relative_to(service.scratch)


def test_what_modules_change_when_imported_stays(own_service: Callable[..., Service]) -> None:
    expected = {
        "variables": ["1", "by the module"],
        "path": "/of-a-module",
        "limit": 1234,
        "filters": 1,
        "root": 40,
        "flytekit": 1,
    }
    with open_calls(own_service()) as calls:
        for name in ("", "", "an-execution", ""):
            made = request("imported.changes")
            made.settings.execution.name = name
            assert json.loads(json.loads(calls.outcome(made).outputs.json)["o0"]) == expected
