"""Runs a task through the service: one ExecuteTask, with the inputs and settings of the cold run."""

import time
from dataclasses import dataclass
from pathlib import Path

from flyteidl.core.literals_pb2 import LiteralMap

from flytewarm_api.v1.execution_pb2 import Event, Outcome
from flytewarm_api.v1.task_executor_pb2 import ExecuteTaskRequest, TaskReference
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from showcase.captured import Captured, read_captured
from showcase.cases import Case
from showcase.identity import settings

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class WarmRun:
    """What an execution left behind, the events that it streamed, and how long the call took, in seconds."""

    captured: Captured
    events: tuple[Event, ...]
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """The last event's."""
        return self.events[-1].outcome


def run_warm(stub: TaskExecutorStub, case: Case, inputs: LiteralMap, directory: Path) -> WarmRun:
    """Executes one example, everything that it writes below `directory`."""
    outputs, raw = directory / "outputs", directory / "raw"
    request = ExecuteTaskRequest(
        task=TaskReference(name=f"{case.task_module}.{case.task}"),
        literals=inputs,
        settings=settings(str(outputs), str(raw)),
    )
    events: list[Event] = []
    started = time.perf_counter()
    for response in stub.ExecuteTask(request, timeout=TIMEOUT_S):
        events.extend(response.events)
    seconds = time.perf_counter() - started
    if not events or events[-1].WhichOneof("kind") != "outcome":
        raise RuntimeError(f"the execution of {case.name} ended without an outcome")
    return WarmRun(_captured(case, events[-1].outcome, outputs, raw), tuple(events), seconds)


def _captured(case: Case, outcome: Outcome, outputs: Path, raw: Path) -> Captured:
    try:
        return read_captured(outputs, raw)
    except FileNotFoundError as missing:
        raise RuntimeError(f"{case.name}: {missing}; the outcome was\n{outcome}") from missing


def inline_differences(run: WarmRun) -> list[str]:
    """Tells where the streamed outcome and deck are not what was written under the output prefix."""
    result, captured = run.outcome.WhichOneof("result"), run.captured
    found = []
    if captured.outputs is not None and (result != "outputs" or run.outcome.outputs.literals != captured.outputs):
        found.append("outcome: not the outputs in outputs.pb")
    if captured.futures is not None and (result != "futures" or run.outcome.futures.spec != captured.futures):
        found.append("outcome: not the specification in futures.pb")
    if captured.error is not None and (result != "error" or run.outcome.error.error != captured.error):
        found.append("outcome: not the error in error.pb")
    if captured.deck is not None and final_deck(run) != captured.deck:
        found.append("deck event: not the document in deck.html")
    return found


def final_deck(run: WarmRun) -> str | None:
    """The last complete deck among the events."""
    final = [event.deck.html for event in run.events if event.WhichOneof("kind") == "deck" and event.deck.final]
    return final[-1] if final else None


def log_lines(run: WarmRun) -> list[tuple[str, str]]:
    """The execution's log lines, each with the name of its stream."""
    names = {1: "stdout", 2: "stderr"}
    logs = [event.log for event in run.events if event.WhichOneof("kind") == "log"]
    return [(names[log.stream], line) for log in logs for line in log.text.splitlines()]
