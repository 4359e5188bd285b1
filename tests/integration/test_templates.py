"""ExecuteTask with a task template: its container's command is run, and the template itself may be the task."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from flyteidl.core import literals_pb2, tasks_pb2, types_pb2

from calls import Calls, violated_fields
from flytewarm_api.v1 import execution_pb2, task_executor_pb2

SHIM = "flytekit.core.python_customized_container_task.default_task_template_resolver"
DEFAULT = "flytekit.core.python_auto_container.default_task_resolver"
# As flytekit writes them when it registers a task.
_PATHS = ["--inputs", "{{.input}}", "--output-prefix", "{{.outputPrefix}}"]
_PATHS += ["--raw-output-data-prefix", "{{.rawOutputDataPrefix}}"]
_CHECKPOINTS = ["--checkpoint-path", "{{.checkpointOutputPrefix}}", "--prev-checkpoint", "{{.prevCheckpointPrefix}}"]
_LITERAL = {"times": literals_pb2.Literal(scalar={"primitive": {"integer": 2}})}


def _template(resolver: str, *loader_args: str) -> tasks_pb2.TaskTemplate:
    template = tasks_pb2.TaskTemplate(type="repeats")
    template.id.name = "a.repeat"
    template.custom["word"] = "word "
    template.interface.inputs.variables["times"].type.simple = types_pb2.INTEGER
    template.interface.outputs.variables["text"].type.simple = types_pb2.STRING
    template.container.args.extend(["pyflyte-execute", *_PATHS, *_CHECKPOINTS])
    template.container.args.extend(["--resolver", resolver, "--", *loader_args])
    template.container.env.add(key="ENDING", value="!")
    return template


def _shim(executor: str = "shims.Repeats") -> task_executor_pb2.ExecuteTaskRequest:
    request = task_executor_pb2.ExecuteTaskRequest(template=_template(SHIM, "{{.taskTemplatePath}}", executor))
    request.literals.literals["times"].CopyFrom(_LITERAL["times"])
    return request


def _text(outcome: execution_pb2.Outcome, name: str = "text") -> str:
    return str(outcome.outputs.literals.literals[name].scalar.primitive.string_value)


def test_a_shim_task_has_the_template_and_its_environment(calls: Calls) -> None:
    outcomes = [calls.outcome(_shim()) for _ in range(2)]
    assert [_text(outcome) for outcome in outcomes] == ["word word !"] * 2


def test_the_requests_environment_wins(calls: Calls) -> None:
    request = _shim()
    request.settings.env["ENDING"] = "?"
    assert _text(calls.outcome(request)) == "word word ?"


def test_placeholders_are_the_requests_paths(calls: Calls, tmp_path: Path) -> None:
    inputs = literals_pb2.LiteralMap(literals=_LITERAL)
    (tmp_path / "inputs.pb").write_bytes(inputs.SerializeToString())
    request = _shim()
    request.inputs_uri = str(tmp_path / "inputs.pb")
    request.settings.output_prefix = str(tmp_path / "out")
    request.settings.raw_output_prefix = str(tmp_path / "raw")
    outcome = calls.outcome(request)
    written = literals_pb2.LiteralMap.FromString((tmp_path / "out" / "outputs.pb").read_bytes())
    assert written == outcome.outputs.literals
    assert _text(outcome) == "word word !"


def test_a_template_of_an_ordinary_task_runs_it(calls: Calls) -> None:
    template = _template(DEFAULT, "task-module", "basic", "task-name", "two")
    outcome = calls.outcome(task_executor_pb2.ExecuteTaskRequest(template=template))
    assert _text(outcome, "label") == "two"


def test_an_unknown_executor_is_the_users_error(calls: Calls) -> None:
    outcome = calls.outcome(_shim("shims.NoSuchExecutor"))
    assert outcome.error.cause == execution_pb2.ERROR_CAUSE_USER
    assert "NoSuchExecutor" in outcome.error.error.message
    assert _text(calls.outcome(_shim())) == "word word !"


def _with_arguments(*arguments: str) -> tasks_pb2.TaskTemplate:
    template = tasks_pb2.TaskTemplate()
    template.container.args.extend(arguments)
    return template


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (tasks_pb2.TaskTemplate(type="python-task"), "template.container"),
        (_with_arguments(), "template.container.args"),
        (_with_arguments("sleep", "1"), "template.container.args"),
        (_with_arguments("pyflyte-execute", *_PATHS, "--", "x"), "template.container.args"),
        (
            _with_arguments("pyflyte-execute", *_PATHS, "--resolver", "{{.resolver}}", "--", "x"),
            "template.container.args",
        ),
    ],
    ids=["no container", "no command", "another command", "no resolver", "a placeholder as resolver"],
)
def test_a_template_without_a_command_is_refused(calls: Calls, template: tasks_pb2.TaskTemplate, field: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        calls.events(task_executor_pb2.ExecuteTaskRequest(template=template))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert violated_fields(caught.value) == [field]
