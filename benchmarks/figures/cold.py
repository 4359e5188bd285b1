"""A process for each execution, as Flyte starts it, against the service: for code that it knows and for new code."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flyteidl.core.literals_pb2 import LiteralMap

from addition import EXAMPLES, INPUT_BYTES, MODULE, check_outputs, request
from blocking_client import Client, client_of
from bundles import MODULE as BUNDLED
from bundles import make_bundle
from figures.found import found, ratio
from flytewarm_api.v1.task_executor_pb2 import ContainerCommand, ExecuteTaskRequest
from showcase.service import Service
from timings import time_calls
from turns import shuffled

_BIN = Path(sys.executable).parent
_RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
_TIMEOUT_S = 60.0


def measure(repetitions: int = 8, warm_calls: int = 100) -> dict[str, Any]:
    """Cold, warm, warm with the files of a cold one, cold with new code, first result of new code: takes turns."""
    root = Path(tempfile.mkdtemp())
    (root / "inputs.pb").write_bytes(INPUT_BYTES)
    with Service(app_dir=EXAMPLES, preload=MODULE) as service, client_of(service) as client:
        with_files = ExecuteTaskRequest(command=ContainerCommand(args=_execute(MODULE, root, "warm")))
        ways: dict[str, Callable[[int], float]] = {
            "cold": lambda number: _run(_execute(MODULE, root, f"cold-{number}"), EXAMPLES),
            "warm": lambda _: statistics.median(time_calls(client.caller(request()), warm_calls)),
            "with files": lambda _: statistics.median(time_calls(client.caller(with_files), warm_calls)),
            # Each has code that the other has not seen.
            "new, cold": lambda number: _run_new(root, 2 * number),
            "new, first": lambda number: _first_result(client, root, 2 * number + 1),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(repetitions):
            for name in shuffled(ways, number):
                times[name].append(ways[name](number))
    _check_files(root / "warm")
    return {
        "pyflyte-execute, cold": found("ms", times["cold"]),
        "ExecuteTask, warm": found("ms", times["warm"]),
        "ExecuteTask with files, warm": found("ms", times["with files"]),
        "cold / warm ExecuteTask": ratio(times["cold"], times["warm"]),
        "cold / warm ExecuteTask with files": ratio(times["cold"], times["with files"]),
        "pyflyte-fast-execute, cold": found("ms", times["new, cold"]),
        "new code: first result": found("ms", times["new, first"]),
        "new code: first result / cold": ratio(times["new, first"], times["new, cold"]),
    }


def _check_files(directory: Path) -> None:
    """That a warm execution has written what a cold one does."""
    outputs = LiteralMap.FromString((directory / "outputs.pb").read_bytes())
    check_outputs(outputs.SerializeToString(deterministic=True))


def _run_new(root: Path, number: int) -> float:
    directory = root / f"new-{number}"
    directory.mkdir()
    return _run(_fast_execute(root, number), directory)


def _first_result(client: Client, root: Path, number: int) -> float:
    asked = ExecuteTaskRequest(command=ContainerCommand(args=_fast_execute(root, number)))
    return time_calls(client.caller(asked), 1, warm_up=0)[0]


def _run(command: list[str], directory: Path) -> float:
    started = time.perf_counter()
    subprocess.run(
        [str(_BIN / command[0]), *command[1:]],
        cwd=directory,
        # pyflyte-fast-execute looks for the command that it wraps on the path.
        env={**os.environ, "PATH": os.pathsep.join([str(_BIN), os.environ["PATH"]])},
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=True,
    )
    return (time.perf_counter() - started) * 1e3


def _fast_execute(root: Path, number: int) -> list[str]:
    fast = ["pyflyte-fast-execute", "--additional-distribution", make_bundle(root, number), "--dest-dir", ".", "--"]
    return fast + _execute(BUNDLED, root, f"bundled-{number}")


def _execute(module: str, root: Path, name: str) -> list[str]:
    outputs, raw = root / name, root / f"{name}-raw"
    outputs.mkdir()
    raw.mkdir()
    paths = ["--inputs", f"{root}/inputs.pb", "--output-prefix", f"{outputs}", "--raw-output-data-prefix", f"{raw}"]
    return ["pyflyte-execute", *paths, "--resolver", _RESOLVER, "--", "task-module", module, "task-name", "add"]
