"""A process for each execution, as Flyte starts it, against the service: for code that it knows and for new code."""

import itertools
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flyteidl.core.literals_pb2 import LiteralMap

from addition import EXAMPLES, INPUT_BYTES, MODULE, check_outputs, request
from blocking_client import client_of
from bundles import make_bundle
from commands import execute, fast_execute, first_result, run, run_in
from figures.found import found, ratio
from flytewarm_api.v1.task_executor_pb2 import ContainerCommand, ExecuteTaskRequest
from showcase.service import Service
from timings import time_calls
from turns import shuffled, take_turns


def measure(repetitions: int = 8, warm_calls: int = 100) -> dict[str, Any]:
    """Cold, warm, warm with the files of a cold one, cold with new code, first result of new code: takes turns."""
    root = Path(tempfile.mkdtemp())
    (root / "inputs.pb").write_bytes(INPUT_BYTES)
    with Service(app_dir=EXAMPLES, preload=MODULE) as service, client_of(service) as client:
        with_files = ExecuteTaskRequest(command=ContainerCommand(args=execute(MODULE, root, "warm")))
        numbers = itertools.count()
        ways: dict[str, Callable[[int], float]] = {
            "cold": lambda number: run(execute(MODULE, root, f"cold-{number}"), EXAMPLES),
            "warm": lambda _: statistics.median(time_calls(client.caller(request()), warm_calls)),
            "with files": lambda _: statistics.median(time_calls(client.caller(with_files), warm_calls)),
            # Each has code that the other has not seen.
            "new, cold": lambda number: run_in(root / f"new-{number}", fast_execute(root, make_bundle(root, number))),
            "new, first": lambda number: first_result(client, fast_execute(root, make_bundle(root, number))),
        }
        orders = (shuffled(ways, turn) for turn in range(repetitions))
        times = take_turns(orders, lambda name: ways[name](next(numbers)))
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
