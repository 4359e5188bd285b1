"""What `flytewarm run` says around a result: notes and hints on stderr, never on stdout."""

from __future__ import annotations

import json

import pytest
import scripted as scripts
from flyteidl.core import types_pb2
from scripted import ScriptedService

from flytewarm.cli import main
from flytewarm_api.v1 import execution_pb2

TASK = ["m.t", "--a=1", "--b=1"]
SANDBOX = "/tmp/flytewarm-x/workers/w-1/3/raw"
FAILED = execution_pb2.EXECUTION_STATE_FAILED
INPUTS = execution_pb2.ERROR_CAUSE_INPUTS
USER = execution_pb2.ERROR_CAUSE_USER
TRACEBACK = "Trace:\n\n    Traceback\n\nMessage:\n\n    SomeError: input 'a': expected an integer"


@pytest.fixture(autouse=True)
def _target(scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTEWARM_TARGET", scripted.target)


def answers(scripted: ScriptedService, event: execution_pb2.Event) -> None:
    event.outcome.receipt.worker = "w-1"
    scripted.script = lambda _request, _context: iter([event])


@pytest.mark.parametrize(
    ("value", "note"),
    [
        (f"{SANDBOX}/a.txt", "1 file that went"),
        ([f"{SANDBOX}/a", {"k": f"{SANDBOX}/b"}, 1], "2 files that went"),
        ("/data/workers/other/raw/a.txt", ""),
        (f"it was in {SANDBOX}/a.txt", ""),
        ("s3://bucket/a.txt", ""),
    ],
)
def test_files_that_are_gone_are_told(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], value: object, note: str
) -> None:
    answers(scripted, scripts.outputs(json.dumps({"o0": value})))
    assert main(["run", *TASK]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == value
    assert ("--raw-output-prefix PREFIX" in printed.err) == bool(note)
    assert note in printed.err
    assert main(["run", "--raw-output-prefix", "/keep", *TASK]) == 0
    assert capsys.readouterr().err == ""


def test_futures_are_announced(scripted: ScriptedService, capsys: pytest.CaptureFixture[str]) -> None:
    answers(scripted, execution_pb2.Event(outcome={"futures": {"spec": {"min_successes": 2}}}))
    assert main(["run", "--image", "a/b:v1", *TASK]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"minSuccesses": "2"}
    assert len(printed.err.splitlines()) == 1
    assert "the task is dynamic" in printed.err
    image = scripted.requests[0].settings.serialization.image_config.default_image
    assert (image.fqn, image.tag) == ("a/b", "v1")


@pytest.mark.parametrize("kind", ["outputs", "futures"])
def test_a_result_that_was_only_written(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    answers(scripted, execution_pb2.Event(outcome={kind: {"uri": "/o/x.pb"}}))
    assert main(["run", "--output-prefix", "/o", *TASK]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "too large to be printed; it is in /o/x.pb" in printed.err


def test_errors_about_inputs_are_one_line_unless_verbose(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(scripted, scripts.failure(FAILED, INPUTS, code="SYSTEM", message=TRACEBACK))
    assert main(["run", *TASK]) == 1
    assert capsys.readouterr().err == "flytewarm run: input 'a': expected an integer\n"
    assert main(["run", "--verbose", *TASK]) == 1
    assert capsys.readouterr().err == f"INPUTS: input 'a': expected an integer\n\n{TRACEBACK}\n"


@pytest.mark.parametrize(
    ("code", "message", "options", "hint"),
    [
        ("USER:RuntimeError", "An image is required for X tasks", [], "--image NAME:TAG"),
        ("USER:RuntimeError", "An image is required for X tasks", ["--image", "a:b"], ""),
        ("SYSTEM:OutputsTooLarge", "too large", [], "--output-prefix PREFIX"),
        ("USER:X", "why", [], ""),
    ],
)
def test_errors_with_a_way_out(
    scripted: ScriptedService,
    capsys: pytest.CaptureFixture[str],
    code: str,
    message: str,
    options: list[str],
    hint: str,
) -> None:
    answers(scripted, scripts.failure(FAILED, USER, code=code, message=message))
    assert main(["run", *options, *TASK]) == 1
    first, _, rest = capsys.readouterr().err.partition("\n")
    assert first == f"{code}: {message}"
    assert hint in rest
    assert bool(rest) == bool(hint)


def test_a_missing_path_is_refused_before_the_task_runs(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.add_input("f", types_pb2.LiteralType(blob=types_pb2.BlobType()), required=True)
    assert main(["run", *TASK, "--f", "gone"]) == 2
    assert capsys.readouterr().err.startswith("flytewarm run: --f: no file or directory 'gone' (working directory: /")
    assert scripted.requests == []


def test_options_after_the_tasks_name(
    scripted: ScriptedService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["run", *TASK, "--timeout", "1"]) == 2
    assert "--timeout goes before the task's name" in capsys.readouterr().err
    monkeypatch.setenv("FLYTEWARM_TARGET", "unix:/nonexistent")
    assert main(["run", *TASK, "--target", scripted.target]) == 3
    assert capsys.readouterr().err.endswith("--target after the task's name is taken for an input\n")
