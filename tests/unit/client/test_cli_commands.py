"""`flytewarm` from its arguments to its exit code, with a scripted service."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import scripted as scripts
from google.rpc import error_details_pb2
from scripted import ScriptedService

from flytewarm.cli import main
from flytewarm_api.v1 import execution_pb2, settings_pb2

WAIT_S = 10.0
STDERR = execution_pb2.LOG_STREAM_STDERR


@pytest.fixture(autouse=True)
def _target(scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTEWARM_TARGET", scripted.target)
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")


def answers(scripted: ScriptedService, *events: execution_pb2.Event) -> None:
    scripted.script = lambda _request, _context: iter(events)


def test_run(
    scripted: ScriptedService,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(scripted, scripts.log("out\n"), scripts.log("err\n", STDERR), scripts.outputs('{"o0": [1, NaN]}'))
    monkeypatch.chdir(tmp_path)
    options = ["--timeout", "2.5", "--output-prefix", "out", "--raw-output-prefix=s3://b", "--env", "A=1"]
    options += ["--isolation", "PROCESS", "--priority=-3", "--on-disconnect", "continue"]
    assert main(["run", *options, "--execution-id", "e", "m.t", "--a", "1", "--b=2"]) == 0
    assert capsys.readouterr() == ("[1, NaN]\n", "out\nerr\n")
    (request,) = scripted.requests
    assert json.loads(request.inputs_json) == {"a": 1, "b": 2}
    assert request.policy.timeout.ToMilliseconds() == 2500
    assert request.policy.isolation == settings_pb2.ISOLATION_PROCESS
    assert request.policy.priority == -3
    assert request.policy.on_disconnect == settings_pb2.ON_DISCONNECT_CONTINUE
    assert request.execution_id == "e"
    assert request.settings.output_prefix == str(tmp_path / "out")
    assert request.settings.raw_output_prefix == "s3://b"
    assert dict(request.settings.env) == {"A": "1"}
    assert not request.events.omit_logs
    assert request.events.omit_decks


@pytest.mark.parametrize(
    ("outcome", "printed"),
    [
        (execution_pb2.Outcome(outputs=execution_pb2.Outputs(json="{}")), None),
        (execution_pb2.Outcome(outputs=execution_pb2.Outputs(json='{"a": 1, "b": "ü"}')), {"a": 1, "b": "ü"}),
        (execution_pb2.Outcome(ignored=execution_pb2.IgnoredOutputs(reason="rank")), None),
        (execution_pb2.Outcome(futures=execution_pb2.Futures(spec={"min_successes": 2})), {"minSuccesses": "2"}),
    ],
)
def test_run_prints_json(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], outcome: execution_pb2.Outcome, printed: Any
) -> None:
    answers(scripted, execution_pb2.Event(outcome=outcome))
    assert main(["run", "m.t", "--a=1", "--b=1"]) == 0
    assert json.loads(capsys.readouterr().out) == printed


def test_run_of_a_task_that_fails(scripted: ScriptedService, capsys: pytest.CaptureFixture[str]) -> None:
    event = scripts.failure(
        execution_pb2.EXECUTION_STATE_FAILED, execution_pb2.ERROR_CAUSE_USER, code="USER:X", message="why\n"
    )
    answers(scripted, event)
    assert main(["run", "m.t", "--a=1", "--b=1"]) == 1
    assert capsys.readouterr() == ("", "USER:X: why\n")


def test_the_first_line_of_a_failure_says_what_went_wrong(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "Trace:\n\n    Traceback\n\nMessage:\n\n    ValueError: no reason"
    cause, failed = execution_pb2.ERROR_CAUSE_USER, execution_pb2.EXECUTION_STATE_FAILED
    answers(scripted, scripts.failure(failed, cause, code="USER:ValueError", message=message))
    assert main(["run", "m.t", "--a=1", "--b=1"]) == 1
    assert capsys.readouterr().err == f"USER:ValueError: no reason\n\n{message}\n"


def test_help_of_a_task(capsys: pytest.CaptureFixture[str], scripted: ScriptedService) -> None:
    assert main(["run", "m.t", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: flytewarm run m.t --a A --b B\n")
    assert scripted.requests == []


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        ([], 2, "usage: flytewarm COMMAND"),
        (["nonsense"], 2, "no command 'nonsense'\n"),
        (["stauts"], 2, "no command 'stauts'; did you mean status?"),
        (
            ["run"],
            2,
            "usage: flytewarm run [options] MODULE.TASK [--INPUT VALUE ...]\nflytewarm run: MODULE.TASK is missing\n",
        ),
        (["run", "--timeout"], 2, "flytewarm run: --timeout needs a value"),
        (["run", "--timeout", "x", "m.t"], 2, "--timeout: expected a number of seconds above 0, got 'x'"),
        (["run", "--raw-prefix", "p", "m.t"], 2, "no option --raw-prefix; did you mean --raw-output-prefix?"),
        (["run", "--a", "1", "m.t"], 2, "no option --a; inputs of the task go after its name"),
        (["run", "--image", "name", "m.t"], 2, "--image name: expected NAME:TAG or NAME@DIGEST"),
        (["status", "--json=1"], 2, "usage: flytewarm status "),
        (["status", "--json=1"], 2, "--json takes no value"),
        (["cancel", "a", "b"], 2, "'b' is one argument too many"),
        (["cancel"], 2, "EXECUTION_ID is missing"),
        (["run", "--timeout", "-1", "m.t"], 2, "--timeout: expected a number of seconds above 0, got '-1'"),
        (["drain", "--grace", "-1"], 2, "--grace: expected a number of seconds, got '-1'"),
        (["drain", "--grace", "nan"], 2, "--grace: expected a number of seconds, got 'nan'"),
        (["run", "--env", "A", "m.t"], 2, "--env A: expected NAME=VALUE"),
        (["run", "--target", "nonsense", "m.t"], 2, "target 'nonsense' is none of"),
        (["run", "--inputs", "/no/such.json", "m.t"], 2, "No such file"),
        (["run", "m.t", "--c", "1"], 2, "no input --c; m.t takes --a --b\n"),
        (["run", "m.other"], 2, "flytewarm run: m.other cannot be loaded: ModuleNotFoundError: no m.other\n"),
        (["run", "--verbose", "m.other"], 2, "Traceback"),
        (
            ["run", "--target", "unix:/nonexistent", "m.t"],
            3,
            "run: no service at unix:/nonexistent (No such file or directory)",
        ),
        (
            ["exec", "--target", "unix:/nonexistent", "x"],
            3,
            "flytewarm serve --app-dir DIR --listen unix:/nonexistent\n",
        ),
        (["status", "--target", "unix:/nonexistent"], 3, "no service at"),
        (["status", "--live", "--target", "unix:/nonexistent"], 3, "no service at"),
        (["exec"], 2, "flytewarm exec: COMMAND is missing\n"),
        (["describe", "m.other"], 2, "m.other cannot be loaded: ModuleNotFoundError: no m.other\n"),
        (["describe", "--verbose", "m.other"], 2, "Traceback"),
    ],
)
def test_usage_and_statuses(capsys: pytest.CaptureFixture[str], argv: list[str], code: int, message: str) -> None:
    assert main(argv) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err


@pytest.mark.parametrize(
    ("status", "code"), [(grpc.StatusCode.INVALID_ARGUMENT, 2), (grpc.StatusCode.RESOURCE_EXHAUSTED, 3)]
)
def test_details_of_a_status_are_told(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], status: grpc.StatusCode, code: int
) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="command.args", description="is empty")
    details = [error_details_pb2.BadRequest(field_violations=[violation]), error_details_pb2.RetryInfo()]

    def script(_request: object, context: grpc.ServicerContext) -> Iterator[execution_pb2.Event]:
        scripts.abort(context, status, "no", details)
        yield execution_pb2.Event()

    scripted.script = script
    assert main(["exec", "pyflyte-execute"]) == code
    expected = f"flytewarm exec: {status.name}: no\n  command.args: is empty\n  try again in 0 s\n"
    assert capsys.readouterr().err == expected


def test_exec(scripted: ScriptedService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "e")
    monkeypatch.setenv("SOMETHING_ELSE", "x")
    answers(scripted, scripts.log("out\n"), scripts.log("err\n", STDERR), scripts.outputs("{}"))
    command = ["pyflyte-execute", "--inputs", "/in.pb", "--output-prefix", "/o", "--resolver", "r.x", "--", "a", "b"]
    assert main(["exec", "--env", "MINE=1", "--", *command]) == 0
    assert capsys.readouterr() == ("out\n", "err\n")
    assert main(["exec", *command]) == 0
    first, second = scripted.requests
    assert list(first.command.args) == list(second.command.args) == command
    assert first.settings.env["FLYTE_INTERNAL_EXECUTION_ID"] == "e"
    assert first.settings.env["MINE"] == "1"
    assert "SOMETHING_ELSE" not in first.settings.env
    assert first.events.inline_limit_bytes == 1
    assert main(["exec", "--env-all", *command]) == 0
    assert scripted.requests[-1].settings.env["SOMETHING_ELSE"] == "x"


def test_exec_ends_as_the_entrypoint_does(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(
        scripted,
        scripts.failure(
            execution_pb2.EXECUTION_STATE_FAILED, execution_pb2.ERROR_CAUSE_USER, code="USER:X", message="why"
        ),
    )
    assert main(["exec", "pyflyte-execute"]) == 0
    assert capsys.readouterr() == ("", "USER:X: why\n")
    assert main(["exec", "--env", "FLYTE_FAIL_ON_ERROR=true", "pyflyte-execute"]) == 1
    monkeypatch.setenv("FLYTE_FAIL_ON_ERROR", "True")
    assert main(["exec", "pyflyte-execute"]) == 1


def test_describe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "m.t"]) == 0
    assert capsys.readouterr().out.startswith("m.t (python-task)\n\ninputs:\n  a  int  required\n")
    assert main(["describe", "--json", "m.t"]) == 0
    assert json.loads(capsys.readouterr().out)["taskType"] == "python-task"


def test_status(scripted: ScriptedService, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{scripted.target}: SERVING"
    assert "environment k: READY, 0 waiting" in lines
    assert lines[-1].split() == ["w-1", "7", "BUSY", "3", "70", "e"]
    scripted.health = b"\x08\x02"
    assert main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["serving"] is False


def test_a_service_that_answers_is_live(scripted: ScriptedService, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.health = b"\x08\x02"
    assert main(["status", "--live"]) == 0
    assert capsys.readouterr().out == f"{scripted.target}: NOT SERVING\n"
    assert main(["status"]) == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (execution_pb2.EXECUTION_STATE_QUEUED, "execution e-1 was QUEUED and is being cancelled\n"),
        (execution_pb2.EXECUTION_STATE_RUNNING, "execution e-1 was RUNNING and is being cancelled\n"),
        (execution_pb2.EXECUTION_STATE_SUCCEEDED, "execution e-1 had ended already: SUCCEEDED\n"),
        (execution_pb2.EXECUTION_STATE_LOST, "execution e-1 had ended already: LOST\n"),
    ],
)
def test_cancel(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], state: execution_pb2.ExecutionState, told: str
) -> None:
    scripted.states["e-1"] = state
    assert main(["cancel", "e-1", "--reason", "enough"]) == 0
    assert capsys.readouterr().out == told
    assert [(one.execution_id, one.reason) for one in scripted.cancellations] == [("e-1", "enough")]


def test_cancel_of_an_unknown_execution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cancel", "other"]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("flytewarm cancel: the service knows no execution other;")


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    words = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert words == [
        "run",
        "map",
        "exec",
        "describe",
        "status",
        "executions",
        "watch",
        "cancel",
        "drain",
        "lint",
        "serve",
    ]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("flytewarm ")
    for command in words[:-1]:
        assert main([command, "--help"]) == 0


def start(*argv: str, **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "flytewarm.cli", *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def endless(_request: object, context: grpc.ServicerContext) -> Iterator[execution_pb2.Event]:
    ended = threading.Event()
    context.add_callback(ended.set)
    yield scripts.log("started\n")
    ended.wait(WAIT_S)


def test_an_interrupt_ends_the_execution(scripted: ScriptedService) -> None:
    scripted.script = endless
    with start("exec", "pyflyte-execute") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130
    assert printed == "flytewarm exec: interrupted: the execution is cancelled\n"
    assert scripted.call_ended.wait(WAIT_S)


def test_a_reader_who_leaves_ends_the_execution(scripted: ScriptedService) -> None:
    gone = threading.Event()

    def script(_request: object, context: grpc.ServicerContext) -> Iterator[execution_pb2.Event]:
        yield scripts.log("started\n")
        assert gone.wait(WAIT_S)
        yield scripts.log("nobody reads this\n")
        yield from endless(_request, context)

    scripted.script = script
    with start("exec", "pyflyte-execute") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        gone.set()
        assert process.wait(timeout=WAIT_S) == 141
        assert process.stderr.read() == ""
    assert scripted.call_ended.wait(WAIT_S)
