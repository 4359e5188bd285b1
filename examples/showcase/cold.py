"""Runs a task as Flyte does: one pyflyte-execute, one interpreter, one task."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from showcase.captured import Captured, read_captured
from showcase.cases import EXAMPLES, Case
from showcase.identity import environment

RESOLVER = "flytekit.core.python_auto_container.default_task_resolver"
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class ColdRun:
    """What a cold run left behind, and how long the process took, in seconds."""

    captured: Captured
    seconds: float


def run_cold(case: Case, inputs_path: Path, directory: Path) -> ColdRun:
    """Runs one example in a process of its own, everything that it writes below `directory`.

    Raises RuntimeError with the process's output when it fails. A failing task is not such a failure: that is told by
    error.pb, and pyflyte-execute ends well.
    """
    outputs, raw, scratch = (directory / name for name in ("outputs", "raw", "tmp"))
    for path in (outputs, raw, scratch):
        path.mkdir(parents=True)
    started = time.perf_counter()
    done = subprocess.run(
        _command(case, inputs_path, outputs, raw),
        cwd=EXAMPLES,
        env={**os.environ, **environment(), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise RuntimeError(f"pyflyte-execute of {case.name} exited {done.returncode}\n{done.stdout}{done.stderr}")
    return ColdRun(captured=read_captured(outputs, raw), seconds=seconds)


def _command(case: Case, inputs_path: Path, outputs: Path, raw: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("pyflyte-execute")),
        *("--inputs", str(inputs_path)),
        *("--output-prefix", str(outputs)),
        *("--raw-output-data-prefix", str(raw)),
        *("--resolver", RESOLVER),
        "--",
        *("task-module", case.task_module, "task-name", case.task),
    ]
