"""The command `flytewarm` as a process, on a real service."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import errors_pb2, literals_pb2

from showcase.service import Service

TASKS = Path(__file__).parent / "tasks"
RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
DEADLINE_S = 60
SCRIPTS = Path(sys.executable).parent


def flytewarm(service: Service, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    environment = {**os.environ, "FLYTEWARM_TARGET": service.target, **options.pop("env", {})}
    command = [str(SCRIPTS / "flytewarm"), *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=DEADLINE_S, env=environment, **options
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["basic.add", "--a", "1", "--b=2"], 3),
        (["basic.greet", "--name", "5"], "hello 5 hello 5"),
        (["basic.greet", "--name=--x", "--times", "1"], "hello --x"),
        (["basic.nothing"], None),
        (["basic.two"], {"count": 2, "label": "two"}),
    ],
)
def test_run(service: Service, arguments: list[str], expected: Any) -> None:
    ended = flytewarm(service, "run", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == expected


def test_inputs_and_outputs_in_files(service: Service, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"a": 1, "b": 1}')
    ended = flytewarm(
        service, "run", "--inputs", "in.json", "--output-prefix", "out", "basic.add", "--b", "41", cwd=tmp_path
    )
    assert (ended.returncode, ended.stdout) == (0, "42\n")
    written = literals_pb2.LiteralMap.FromString((tmp_path / "out" / "outputs.pb").read_bytes())
    assert written.literals["o0"].scalar.primitive.integer == 42


def test_logs_go_to_stderr(service: Service) -> None:
    ended = flytewarm(service, "run", "basic.noisy", "--lines", "2")
    assert ended.stdout == "2\n"
    lines = ended.stderr.splitlines()
    assert {"out 0", "out 1", "err 0", "err 1", "from a descriptor", "from a subprocess"} <= set(lines)


def test_exit_codes(service: Service) -> None:
    failed = flytewarm(service, "run", "basic.fail", "--message", "no reason")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "ValueError: no reason" in failed.stderr
    assert flytewarm(service, "run", "--timeout", "0.5", "basic.sleep", "--seconds", "30").returncode == 1
    assert flytewarm(service, "run", "basic.add", "--a", "x").returncode == 2
    assert flytewarm(service, "run", "no dots").returncode == 2
    assert flytewarm(service, "run", "basic.nope").returncode == 2
    assert flytewarm(service, "run", "--target", "unix:/nonexistent", "basic.add").returncode == 3


def test_help_and_describe(service: Service) -> None:
    ended = flytewarm(service, "run", "basic.greet", "--help")
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: flytewarm run basic.greet --name NAME [--times TIMES]\n")
    described = flytewarm(service, "describe", "basic.add").stdout
    assert "Adds two numbers." in described
    assert "  a  int  required" in described


def test_status(service: Service) -> None:
    ended = flytewarm(service, "status")
    assert ended.returncode == 0
    assert ended.stdout.startswith(f"{service.target}: SERVING\n")
    assert flytewarm(service, "status", "--live").stdout == f"{service.target}: SERVING\n"
    told = json.loads(flytewarm(service, "status", "--json").stdout)
    assert told["capabilities"]["workers"] == 2
    assert len(told["environments"][0]["workers"]) >= 2


def test_interrupt_and_cancel(service: Service) -> None:
    command = [str(SCRIPTS / "flytewarm"), "run", "--target", service.target, "--execution-id"]
    slow = ["basic.sleep", "--seconds", "30"]
    with subprocess.Popen([*command, "cli-int", *slow], stderr=subprocess.PIPE, text=True) as process:
        _wait_until_running(service, "cli-int")
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, printed) == (130, "flytewarm run: interrupted: the execution is cancelled\n")
    with subprocess.Popen([*command, "cli-cancel", *slow], stderr=subprocess.PIPE, text=True) as process:
        _wait_until_running(service, "cli-cancel")
        ended = flytewarm(service, "cancel", "cli-cancel", "--reason", "enough")
        assert ended.stdout == "execution cli-cancel was RUNNING and is being cancelled\n"
        _, printed = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert "enough" in printed
    ended = flytewarm(service, "cancel", "cli-cancel")
    assert ended.stdout == "execution cli-cancel had ended already: CANCELLED\n"
    assert flytewarm(service, "cancel", "cli-unknown").returncode == 3


def _wait_until_running(service: Service, execution_id: str) -> None:
    from flytewarm import Executor

    with Executor(service.target) as executor:
        while not any(one.execution_id == execution_id for one in executor.environments()[0].workers):
            pass  # the test's own timeout ends it


def test_progress_on_a_terminal(service: Service) -> None:
    terminal, end = pty.openpty()
    command = [str(SCRIPTS / "flytewarm"), "run", "--target", service.target, "basic.sleep", "--seconds", "1.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, text=True) as process:
        printed, _ = process.communicate(timeout=DEADLINE_S)
    os.close(end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert printed == "1.5\n"
    # The description may take a second, too, on a busy machine.
    assert re.fullmatch(r"(\r\x1b\[Kbasic\.sleep: (waiting for a worker|running), \d+ s)+\r\x1b\[K", shown)
    assert "basic.sleep: running" in shown


def _command(directory: Path, task: str, inputs: literals_pb2.LiteralMap) -> list[str]:
    """An entrypoint's command with relative paths under `directory`."""
    directory.mkdir()
    (directory / "inputs.pb").write_bytes(inputs.SerializeToString())
    flags = ["--inputs", "inputs.pb", "--output-prefix", "out", "--raw-output-data-prefix", "raw"]
    return ["pyflyte-execute", *flags, "--resolver", RESOLVER, "--", "task-module", "basic", "task-name", task]


def _stock(directory: Path, task: str, inputs: literals_pb2.LiteralMap, env: dict[str, str]) -> int:
    """What the entrypoint itself does in `directory`: its exit code."""
    command = _command(directory, task, inputs)
    program = str(SCRIPTS / command[0])
    environment = {**os.environ, "PYTHONPATH": str(TASKS), **env}
    return subprocess.run(
        [program, *command[1:]], check=False, cwd=directory, env=environment, timeout=DEADLINE_S, capture_output=True
    ).returncode


def _inputs(**values: int | str) -> literals_pb2.LiteralMap:
    made = literals_pb2.LiteralMap()
    for name, value in values.items():
        primitive = made.literals[name].scalar.primitive
        if isinstance(value, int):
            primitive.integer = value
        else:
            primitive.string_value = value
    return made


@pytest.mark.parametrize(
    ("task", "inputs", "env", "code"),
    [
        ("add", _inputs(a=1, b=2), {}, 0),
        ("fail", _inputs(message="why"), {}, 0),
        ("fail", _inputs(message="why"), {"FLYTE_FAIL_ON_ERROR": "true"}, 1),
        ("add", _inputs(a=1), {}, 0),
    ],
)
def test_exec_does_what_the_entrypoint_does(
    service: Service, tmp_path: Path, task: str, inputs: literals_pb2.LiteralMap, env: dict[str, str], code: int
) -> None:
    cold, warm = tmp_path / "cold", tmp_path / "warm"
    assert _stock(cold, task, inputs, env) == code
    ended = flytewarm(service, "exec", "--", *_command(warm, task, inputs), cwd=warm, env=env)
    assert ended.returncode == code, ended.stderr
    files = sorted(path.name for path in (cold / "out").iterdir())
    assert sorted(path.name for path in (warm / "out").iterdir()) == files
    if "outputs.pb" in files:
        assert (warm / "out" / "outputs.pb").read_bytes() == (cold / "out" / "outputs.pb").read_bytes()
    if "error.pb" in files:
        assert _error(warm).code == _error(cold).code
        assert _error(warm).kind == _error(cold).kind


def _error(directory: Path) -> errors_pb2.ContainerError:
    return errors_pb2.ErrorDocument.FromString((directory / "out" / "error.pb").read_bytes()).error


def test_exec_brings_its_code(own_service: Callable[..., Service], tmp_path: Path) -> None:
    service = own_service()
    code = tmp_path / "bundled.py"
    code.write_text("from flytekit import task\n\n\n@task\ndef triple(a: int) -> int:\n    return 3 * a\n")
    with tarfile.open(tmp_path / "code.tar.gz", "w:gz") as tar:
        tar.add(code, "bundled.py")
    directory = tmp_path / "run"
    command = _command(directory, "triple", _inputs(a=2))
    command[command.index("task-module") + 1] = "bundled"
    fast = ["pyflyte-fast-execute", "--additional-distribution", "../code.tar.gz", "--", *command]
    ended = flytewarm(service, "exec", "--", *fast, cwd=directory)
    assert ended.returncode == 0, ended.stderr
    outputs = literals_pb2.LiteralMap.FromString((directory / "out" / "outputs.pb").read_bytes())
    assert outputs.literals["o0"].scalar.primitive.integer == 6
    # The entrypoint fails, too, when there is no such code.
    fast[2] = "../none.tar.gz"
    ended = flytewarm(service, "exec", "--", *fast, cwd=directory)
    assert (ended.returncode, "none.tar.gz does not exist" in ended.stderr) == (1, True)


def test_exec_keeps_the_streams_apart(service: Service, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    ended = flytewarm(service, "exec", *_command(directory, "noisy", _inputs(lines=2)), cwd=directory)
    assert ended.returncode == 0
    assert "out 0\nout 1\n" in ended.stdout
    assert "err 0\nerr 1\n" in ended.stderr
    assert "out" not in ended.stderr


def test_exec_refuses_a_wrong_command(service: Service) -> None:
    ended = flytewarm(service, "exec", "--", "pyflyte-execute", "--nonsense", "x")
    assert ended.returncode == 2
    assert "--nonsense" in ended.stderr


def test_executions_are_listed_and_watched(service: Service) -> None:
    assert flytewarm(service, "run", "--execution-id", "cli-1", "probes.prints", "--text", "told").returncode == 0
    assert flytewarm(service, "run", "--execution-id", "cli-2", "basic.fail", "--message", "as told").returncode == 1
    listed = flytewarm(service, "executions", "--limit", "2")
    heading, failed, succeeded = listed.stdout.splitlines()
    assert (listed.returncode, heading.split()[:2]) == (0, ["EXECUTION", "STATE"])
    assert failed.split()[:2] == ["cli-2", "FAILED"]
    assert failed.split()[-1].startswith("USER:")
    assert succeeded.split()[:2] == ["cli-1", "SUCCEEDED"]
    assert re.fullmatch(r"flytewarm executions: (\d+|more than 1000) more; --limit 0 lists all\n", listed.stderr)
    assert flytewarm(service, "executions", "--limit", "0").stderr == ""
    only = flytewarm(service, "executions", "--state", "succeeded", "--task", "probes.prints", "--json")
    assert json.loads(only.stdout)[0]["executionId"] == "cli-1"

    watched = flytewarm(service, "watch", "cli-1")
    assert (watched.returncode, watched.stdout.strip()) == (0, "told")
    assert "execution cli-1: SUCCEEDED" in watched.stderr
    watched = flytewarm(service, "watch", "cli-2")
    assert watched.returncode == 1
    assert "as told" in watched.stderr
    unknown = flytewarm(service, "watch", "nowhere")
    assert unknown.returncode == 3
    assert "the service knows no execution nowhere" in unknown.stderr
