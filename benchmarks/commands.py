"""The entrypoint's commands that run the task add, in a process of their own or by the service."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from blocking_client import Client
from bundles import MODULE as BUNDLED
from flytewarm_api.v1.task_executor_pb2 import ContainerCommand, ExecuteTaskRequest
from timings import time_calls

_BIN = Path(sys.executable).parent
_RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
_TIMEOUT_S = 60.0


def execute(module: str, root: Path, name: str) -> list[str]:
    """pyflyte-execute: reads `root`/inputs.pb, writes to `root`/`name`, which is made."""
    outputs, raw = root / name, root / f"{name}-raw"
    outputs.mkdir()
    raw.mkdir()
    paths = ["--inputs", f"{root}/inputs.pb", "--output-prefix", f"{outputs}", "--raw-output-data-prefix", f"{raw}"]
    return ["pyflyte-execute", *paths, "--resolver", _RESOLVER, "--", "task-module", module, "task-name", "add"]


def fast_execute(root: Path, uri: str) -> list[str]:
    """pyflyte-fast-execute with the code at `uri` (bundles.py)."""
    fast = ["pyflyte-fast-execute", "--additional-distribution", uri, "--dest-dir", ".", "--"]
    return fast + execute(BUNDLED, root, f"outputs-of-{Path(uri).name}")


def run(command: Sequence[str], directory: Path) -> float:
    """Runs it in a new process; returns the milliseconds that it took."""
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


def run_in(directory: Path, command: Sequence[str]) -> float:
    """As run(), in a directory that is made."""
    directory.mkdir()
    return run(command, directory)


def first_result(client: Client, command: Sequence[str]) -> float:
    """Has the service run it, once; returns the milliseconds that it took."""
    asked = ExecuteTaskRequest(command=ContainerCommand(args=command))
    return time_calls(client.caller(asked), 1, warm_up=0)[0]
