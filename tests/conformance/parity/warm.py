"""Runs a case through ExecuteTask on the one worker of a service."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flyteidl.core.literals_pb2 import LiteralMap

from conformance import Case
from flytewarm.cli.container_command import exit_code
from flytewarm_api.v1 import execution_pb2, settings_pb2, task_executor_pb2
from flytewarm_api.v1.task_executor_pb2_grpc import TaskExecutorStub
from parity.commands import DISTRIBUTION, Places, command, environment
from parity.fold import Fold
from parity.runs import Run, read_run
from parity.storage import Storage
from showcase.service import Service

_TIMEOUT_S = 120.0
_TRUE = ("true", "t", "1")  # as flytekit reads FLYTE_FAIL_ON_ERROR


@dataclass(frozen=True)
class WarmRun:
    """What a run left, and how it was told."""

    run: Run
    events: list[execution_pb2.Event]

    @property
    def outcome(self) -> execution_pb2.Outcome:
        """The last event's."""
        return self.events[-1].outcome

    @property
    def worker(self) -> tuple[str, int]:
        """Who ran it, and how many executions that had run with this one."""
        receipt = self.outcome.receipt
        return receipt.worker, receipt.worker_executions

    def log(self) -> str:
        """What the task wrote to its streams."""
        return "".join(event.log.text for event in self.events if event.HasField("log"))


def run_warm(
    stub: TaskExecutorStub, service: Service, case: Case, module: str, storage: Storage, places: Places, app: Path
) -> WarmRun:
    """Runs the case's command through the service."""
    env = environment(case, dict(storage.env), places)
    request = task_executor_pb2.ExecuteTaskRequest(
        command=task_executor_pb2.ContainerCommand(args=command(case, module, places)),
        settings=settings_pb2.ExecutionSettings(env=env),
    )
    events = [event for message in stub.ExecuteTask(request, timeout=_TIMEOUT_S) for event in message.events]
    status = exit_code(events[-1].outcome, env.get("FLYTE_FAIL_ON_ERROR", "").lower() in _TRUE)
    return WarmRun(read_run(status, storage, places, _fold(service, places, app)), events)


def inline_outputs(outcome: execution_pb2.Outcome) -> LiteralMap | None:
    """The outputs that came with the outcome; None when there are none, or they are only under the prefix."""
    if not outcome.HasField("outputs") or not outcome.outputs.HasField("literals"):
        return None
    return outcome.outputs.literals


def run_failing_task(stub: TaskExecutorStub, case: Case, storage: Storage, places: Places) -> execution_pb2.Outcome:
    """Has the case's worker run a task that fails."""
    environment = settings_pb2.Environment()
    if case.distribution:
        environment.distribution_uri = f"{places.shared}/{DISTRIBUTION}"
        environment.destination_dir = case.destination_dir
    request = task_executor_pb2.ExecuteTaskRequest(
        task=task_executor_pb2.TaskReference(name="failing.fail"),
        settings=settings_pb2.ExecutionSettings(env=storage.env),
        environment=environment,
    )
    outcome = [event for message in stub.ExecuteTask(request, timeout=_TIMEOUT_S) for event in message.events][-1]
    return outcome.outcome


def _fold(service: Service, places: Places, app: Path) -> Fold:
    environment = rf"{re.escape(str(service.scratch))}/flytewarm-[^/\s]+/environments/[0-9a-f-]+"
    sandbox = rf"{environment}/workers/[^/\s]+/\d+"
    return Fold(
        [
            (rf"{sandbox}/work(?=\W|$)", "{cwd}"),
            (rf"{sandbox}/tmp(?=\W|$)", "{tmp}"),
            (rf"{sandbox}(?:/sandbox)?(?=\W|$)", "{sandbox}"),
            (rf"{environment}/code", "{cwd}"),
            (re.escape(places.run), "{run}"),
            (re.escape(places.shared), "{shared}"),
            (re.escape(str(app)), "{cwd}"),
        ]
    )
