"""One example, cold once and warm many times, with what was measured and how the results compare."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from flyteidl.core.literals_pb2 import LiteralMap

from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from showcase.captured import Captured
from showcase.cases import EXAMPLES, Case
from showcase.cold import ColdRun, run_cold
from showcase.compare import differences
from showcase.inputs import make_inputs
from showcase.warm import WarmRun, inline_differences, run_warm


@dataclass(frozen=True)
class Prepared:
    """An example with its inputs and its cold run."""

    case: Case
    inputs: LiteralMap
    cold: ColdRun
    directory: Path


@dataclass(frozen=True)
class Measured:
    """An example after its cold and its warm runs. `found` tells every difference; empty means that all runs agree."""

    case: Case
    cold: ColdRun
    runs: tuple[WarmRun, ...]
    found: tuple[str, ...]

    @property
    def warm_p50_s(self) -> float:
        """Median of all calls after the first."""
        return statistics.median(run.seconds for run in self.runs[1:])

    @property
    def ratio(self) -> float:
        """How many warm calls take as long as one cold run."""
        return self.cold.seconds / self.warm_p50_s


def prepare(case: Case, root: Path) -> Prepared:
    """Writes inputs.pb and runs the example cold, below a directory of its own in `root`."""
    directory = root / case.name
    directory.mkdir()
    inputs = make_inputs(case, directory / "inputs")
    path = directory / "inputs.pb"
    path.write_bytes(inputs.SerializeToString(deterministic=True))
    return Prepared(case, inputs, run_cold(case, path, directory / "cold"), directory)


def measure(prepared: Prepared, stub: TaskExecutorStub, calls: int) -> Measured:
    """Executes an example once and then `calls` times more, and compares every result with the cold one."""
    runs = tuple(
        run_warm(stub, prepared.case, prepared.inputs, prepared.directory / f"warm-{number}")
        for number in range(calls + 1)
    )
    # A dictionary keeps the order and drops what many runs have to say alike.
    found = dict.fromkeys(sentence for run in runs for sentence in compare_runs(prepared, run))
    return Measured(prepared.case, prepared.cold, runs, tuple(found))


def compare_runs(prepared: Prepared, run: WarmRun) -> list[str]:
    """Tells every difference between a warm run, the cold run and what the example is meant to end with."""
    found = differences(prepared.cold.captured, run.captured, EXAMPLES) + inline_differences(run)
    for name, captured in (("cold", prepared.cold.captured), ("warm", run.captured)):
        found += _unexpected(name, prepared.case, captured)
    return found


def _unexpected(name: str, case: Case, captured: Captured) -> list[str]:
    if getattr(captured, case.result) is not None:
        return []
    reason = captured.error.message if captured.error is not None else ""
    return [f"the {name} run did not end with {case.result}: {reason}"]
