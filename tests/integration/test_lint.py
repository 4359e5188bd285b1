"""`flytewarm lint` on modules that leave this and that behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from conftest import TASKS
from faults import wait_for

LINTED = Path(__file__).parent / "linted"
PROGRAM = Path(sys.executable).with_name("flytewarm")
DEADLINE_S = 120


def lint(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    command = [str(PROGRAM), "lint", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEADLINE_S, **options)


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    """What is told of each module."""
    names = sorted(path.stem for path in LINTED.glob("*.py") if path.stem != "hangs")
    done = lint("--json", "--app-dir", LINTED, *names, "no_such_module", "large.py")
    assert done.returncode == 1, done.stderr
    assert "printed at import" in done.stderr
    found = json.loads(done.stdout)
    assert [one["module"] for one in found] == [*names, "no_such_module", "large.py"]
    # Above each traceback there is the module's name.
    assert "preload module no_such_module:\nTraceback" in done.stderr
    return {one["module"]: one for one in found}


def _verdict(report: dict[str, Any]) -> tuple[str, str]:
    return report["verdict"], report["reason"]


def test_a_native_thread(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["native_thread"]
    assert [(one["native"], one["fork_safe"]) for one in report["threads"]] == [(True, False)]
    assert _verdict(report) == ("not fork-safe", f"preloaded code started threads: {report['threads'][0]['name']}")


def test_descriptors_and_sockets(reports: dict[str, dict[str, Any]]) -> None:
    report = reports["leaves_descriptors"]
    found = report["descriptors"]
    assert [one["kind"] for one in found] == ["file", "pipe", "pipe", "socket", "socket"]
    assert found[0]["target"] == str(LINTED / "leaves_descriptors.py")
    listening = found[3]["target"]
    assert listening.startswith("INET 127.0.0.1:")
    assert found[4]["target"].endswith(f" to {listening.removeprefix('INET ')}")
    # No fork minds descriptors; whether its users do is for people to judge.
    assert _verdict(report) == ("fork-safe", "")


def test_memory_and_time(reports: dict[str, dict[str, Any]]) -> None:
    assert 64 <= reports["large"]["memory_mib"] < 80
    assert reports["leaves_descriptors"]["memory_mib"] < 32
    assert reports["large"]["import_ms"] > 0


def test_modules_that_are_not_imported(reports: dict[str, dict[str, Any]]) -> None:
    assert _verdict(reports["exits"]) == ("not imported", "its process exited with status 3")
    reason = "preload module no_such_module: ModuleNotFoundError: No module named 'no_such_module'"
    assert _verdict(reports["no_such_module"]) == ("not imported", reason)
    assert reports["large.py"]["reason"].endswith("; a module is named without .py: large")
    verdict, reason = _verdict(reports["half_a_torch"])
    assert (verdict, reason.partition(":")[0]) == ("not imported", "AttributeError")


def test_a_module_that_hangs_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    marked = {**os.environ, "LINT_TEST": str(tmp_path)}
    done = lint("--app-dir", LINTED, "--timeout", "1", "hangs", "large", env=marked)
    assert done.returncode == 1
    heading, hangs, large = done.stdout.splitlines()
    columns = ["MODULE", "IMPORT", "MS", "MEMORY", "MIB", "THREADS", "DESCRIPTORS", "CUDA", "VERDICT"]
    assert heading.split() == columns
    assert hangs.split(maxsplit=1) == ["hangs", "not imported: not within 1 s (--timeout)"]
    assert large.split()[-4:] == ["none", "none", "no", "fork-safe"]
    assert _processes_with(tmp_path) == []


def test_ctrl_c_ends_all(tmp_path: Path) -> None:
    command = [str(PROGRAM), "lint", "--app-dir", str(LINTED), "hangs"]
    with subprocess.Popen(command, env={**os.environ, "LINT_TEST": str(tmp_path)}) as process:
        # The command, the interpreter, the scratch process, and the process that the module has started.
        wait_for(lambda: len(_processes_with(tmp_path)) == 4)
        process.send_signal(2)
        assert process.wait(timeout=DEADLINE_S) == 130
    assert _processes_with(tmp_path) == []


def _processes_with(directory: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["environ"]):
        if (process.info["environ"] or {}).get("LINT_TEST") == str(directory):
            found.append(process.pid)
    return found


def test_modules_that_are_fork_safe(tmp_path: Path) -> None:
    done = lint("basic", "hooked", cwd=TASKS, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == ["fork-safe", "fork-safe"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "MODULE is missing"),
        (["not-a-name"], "'not-a-name' is no name of a module"),
        (["--app-dir", "/does/not/exist", "basic"], "--app-dir /does/not/exist: no such directory"),
        (["--python", "/does/not/exist", "basic"], "--python /does/not/exist: No such file or directory"),
        (["--python", "/bin/false", "basic"], "--python /bin/false ended with status 1; it needs flytewarm[tasks]"),
        (["--timeout", "0", "basic"], "expected a number of seconds above 0, got '0'"),
    ],
)
def test_wrong_usage(arguments: list[str], reason: str) -> None:
    done = lint(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
