"""What the command line says around results and errors, on a real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from faults import wait_for
from showcase.service import Service

DEADLINE_S = 60
PROGRAM = Path(sys.executable).with_name("flytewarm")


def run(service: Service, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`flytewarm run` to its end."""
    environment = {**os.environ, "FLYTEWARM_TARGET": service.target}
    command = [str(PROGRAM), "run", *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=DEADLINE_S, env=environment, **options
    )


def test_a_file_that_goes_with_the_execution(service: Service, tmp_path: Path) -> None:
    gone = run(service, "probes.write_text", "--text", "x")
    assert gone.returncode == 0
    # With the sandbox, which goes after the outcome is there.
    wait_for(lambda: not os.path.exists(json.loads(gone.stdout)))
    assert "--raw-output-prefix PREFIX, before the task's name, keeps such files" in gone.stderr
    kept = run(service, "--raw-output-prefix", str(tmp_path), "probes.write_text", "--text", "x")
    assert Path(json.loads(kept.stdout)).read_text() == "x"
    assert kept.stderr == ""


def test_a_dynamic_task(service: Service) -> None:
    refused = run(service, "probes.fan", "--count", "1")
    assert refused.returncode == 1
    assert "flytewarm run: --image NAME:TAG, before the task's name" in refused.stderr
    futures = run(service, "--image", "localhost:5000/a/b:v1", "probes.fan", "--count", "1")
    assert futures.returncode == 0
    assert "the task is dynamic" in futures.stderr
    (task,) = json.loads(futures.stdout)["tasks"]
    assert task["container"]["image"] == "localhost:5000/a/b:v1"


def test_outputs_that_are_too_large(service: Service, tmp_path: Path) -> None:
    long_text = ["probes.long_text", "--length", "2000000"]
    refused = run(service, *long_text)
    assert refused.returncode == 1
    assert "flytewarm run: with --output-prefix PREFIX" in refused.stderr
    written = run(service, "--output-prefix", str(tmp_path), *long_text)
    assert (written.returncode, written.stdout) == (0, "")
    assert f"it is in {tmp_path}/outputs.pb" in written.stderr
    assert (tmp_path / "outputs.pb").stat().st_size > 2_000_000


def test_inputs_that_do_not_fit(service: Service, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"a": "x", "b": 1}')
    short = run(service, "--inputs", "in.json", "basic.add", cwd=tmp_path)
    assert short.returncode == 1
    assert short.stderr == "flytewarm run: input 'a': expected an integer, got \"x\"\n"
    long = run(service, "--verbose", "--inputs", "in.json", "basic.add", cwd=tmp_path)
    assert "Traceback" in long.stderr


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("nowhere.nothing", "ModuleNotFoundError: No module named 'nowhere'"),
        ("basic.nope", "AttributeError: module 'basic' has no attribute 'nope'"),
    ],
)
def test_a_task_that_does_not_exist(service: Service, task: str, reason: str) -> None:
    ended = run(service, task, "--a", "1")
    assert (ended.returncode, ended.stderr) == (2, f"flytewarm run: {task} cannot be loaded: {reason}\n")
