"""A steady load of two clients, while workers and zygotes are killed; and what came of each execution."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
from flyteidl.core import literals_pb2

from calls import Calls, request
from flytewarm_api.v1 import execution_pb2, task_executor_pb2, worker_pool_pb2
from showcase.service import Service

_CLIENTS = 2
_PAGE = 1000


@dataclass
class Load:
    """A load on a service, and what its clients saw. Figures are in executions, unless they say otherwise."""

    service: Service
    directory: Path
    executions: int
    worker_kill_every: int
    zygote_kill_every: int
    outcomes: dict[int, list[execution_pb2.Outcome]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._numbers = iter(range(self.executions))
        self._lock = threading.Lock()
        self._ran = self.directory / "ran"

    def run(self) -> None:
        """Runs all executions. What goes wrong is in the figures."""
        started = time.monotonic()
        clients = [threading.Thread(target=self._client) for _ in range(_CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.seconds = time.monotonic() - started

    def _client(self) -> None:
        with Calls(
            grpc.insecure_channel(self.service.target, options=[("grpc.use_local_subchannel_pool", 1)])
        ) as calls:
            while (number := self._next()) is not None:
                if number and number % self.zygote_kill_every == 0:
                    self._kill(calls, "zygote")
                elif number and number % self.worker_kill_every == 0:
                    self._kill(calls, "worker")
                self._execute(calls, number)

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)

    def _execute(self, calls: Calls, number: int) -> None:
        made = request("steady.double", number=number, ran=str(self._ran))
        made.execution_id = _name(number)
        made.settings.output_prefix = str(self._prefix(number))
        try:
            events = calls.events(made)
        except grpc.RpcError as error:
            self.refusals.append(f"{number}: {error.code()} {error.details()}")
            return
        self.outcomes[number] = [event.outcome for event in events if event.HasField("outcome")]

    def _kill(self, calls: Calls, what: str) -> None:
        """Kills the worker of the other client's execution, or whichever there is; or its zygote."""
        (environment,) = calls.pool.ListEnvironments(worker_pool_pb2.ListEnvironmentsRequest()).environments
        workers = sorted(environment.workers, key=lambda one: bool(one.execution_id), reverse=True)
        for pid in (one.pid for one in workers if one.pid):
            try:
                process = psutil.Process(pid)
                (process.parent() if what == "zygote" else process).kill()
            except (psutil.NoSuchProcess, AttributeError):
                # It has just been replaced.
                continue
            self.killed[what] += 1
            return

    def _prefix(self, number: int) -> Path:
        return self.directory / "outputs" / str(number)

    # What came of it

    @property
    def states(self) -> Counter[str]:
        """How many ended in each state, as the clients saw it."""
        return Counter(_state(outcomes[-1]) for outcomes in self.outcomes.values() if outcomes)

    def problems(self) -> list[str]:
        """What is wrong: one outcome each, as the service keeps it; a success ran once, and has its file."""
        found = [*self.refusals]
        kept = self._kept()
        ran = Counter(map(int, self._ran.read_text().split()))
        for number in range(self.executions):
            outcomes = self.outcomes.get(number, [])
            if len(outcomes) != 1:
                found.append(f"{number}: {len(outcomes)} outcomes")
                continue
            (outcome,) = outcomes
            if kept.pop(_name(number), "none") != _state(outcome):
                found.append(f"{number}: the service keeps another state than {_state(outcome)}")
            if outcome.state == execution_pb2.EXECUTION_STATE_SUCCEEDED:
                found += self._problems_of_success(number, ran[number])
            elif outcome.error.cause != execution_pb2.ERROR_CAUSE_WORKER_LOST:
                found.append(f"{number}: {outcome.error}")
        return [*found, *(f"{name}: unknown to the clients" for name in kept)]

    def _problems_of_success(self, number: int, ran: int) -> list[str]:
        path = self._prefix(number) / "outputs.pb"
        if not path.exists():
            return [f"{number}: a success without its file"]
        value = literals_pb2.LiteralMap.FromString(path.read_bytes()).literals["o0"].scalar.primitive.integer
        problems = [] if value == 2 * number else [f"{number}: {value} in the file"]
        return problems if ran == 1 else [*problems, f"{number}: ran {ran} times"]

    def _kept(self) -> dict[str, str]:
        """State of each execution that the service remembers, by id."""
        kept: dict[str, str] = {}
        token = ""
        with Calls(grpc.insecure_channel(self.service.target)) as calls:
            while True:
                asked = task_executor_pb2.ListExecutionsRequest(page_size=_PAGE, page_token=token)
                page = calls.executor.ListExecutions(asked)
                kept |= {one.execution_id: execution_pb2.ExecutionState.Name(one.state) for one in page.executions}
                if not (token := page.next_page_token):
                    return kept


def _name(number: int) -> str:
    return f"steady-{number}"


def _state(outcome: execution_pb2.Outcome) -> str:
    return execution_pb2.ExecutionState.Name(outcome.state)
