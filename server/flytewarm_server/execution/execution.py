"""One execution as the server sees it: a request, a state, a log of events."""

from __future__ import annotations

import time
from collections.abc import Callable

from flytewarm_server.execution.endings import Ending
from flytewarm_server.execution.events import EventLog
from flytewarm_server.execution.logs import LineAssembler, LogBudget
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.execution.states import EXECUTION_TABLE, ExecutionState
from flytewarm_server.lifecycle import Lifecycle
from flytewarm_server.messages import execution_pb2
from flytewarm_server.timers import Delay

_STREAMS = (execution_pb2.LOG_STREAM_STDOUT, execution_pb2.LOG_STREAM_STDERR)


MetricObserver = Callable[[execution_pb2.Metric], None]


def ignore_metric(_metric: execution_pb2.Metric) -> None:
    """Observes nothing."""


class Execution:
    """Not thread-safe; lives on the server's event loop."""

    def __init__(
        self,
        execution_id: str,
        request: ValidRequest,
        max_log_bytes: int,
        coalescing: Delay,
        on_metric: MetricObserver = ignore_metric,
        number: int = 0,
        level: int = 0,
    ) -> None:
        """For `coalescing` see EventLog. `number` grows with each execution of the service; `level` is 0 for what no
        other execution asked for, and otherwise one more than that one's."""
        self.id = execution_id
        self.number = number
        self.level = level
        # Whether its task has asked for others.
        self.is_parent = False
        # Key of the environment that it waits or runs in; empty while that is being made.
        self.environment = ""
        # When its timeout passes, in the event loop's time; None without one.
        self.deadline: float | None = None
        self.request = request
        self.log = EventLog(coalescing)
        # Set when the service decides to end it (the worker's own outcome may still win, see Pool), or when its worker
        # is lost.
        self.ending: Ending | None = None
        # Of the outcome that its worker has sent; 0 without one.
        self.outcome_bytes = 0
        # The literal map of that outcome's outputs where it is large, which is not in it then.
        self.literals: bytes | None = None
        # How many RPCs stream it; the last one's disconnect may cancel it.
        self.watchers = 0
        # When it was accepted, taken by a worker and ended, in nanoseconds since the epoch; 0 when it was not yet.
        self.created_ns, self.started_ns, self.ended_ns = time.time_ns(), 0, 0
        self._on_metric = on_metric
        self._accepted_ns = time.monotonic_ns()
        self._queue_ns = 0
        self._inputs_digest = b""
        self._announced = False
        self._lifecycle = Lifecycle(f"execution {execution_id}", EXECUTION_TABLE, ExecutionState.QUEUED)
        # Of the streams that the task has written to.
        self._lines: dict[execution_pb2.LogStream, LineAssembler] = {}
        self._budget = LogBudget(max_log_bytes)

    @property
    def state(self) -> ExecutionState:
        """The state now."""
        return self._lifecycle.state

    @property
    def ended(self) -> bool:
        """Whether it has its outcome."""
        return self._lifecycle.ended

    def differences(self, request: ValidRequest) -> list[str]:
        """The fields in which a request with the same id is another one."""
        return self.request.differences(request, self._inputs_digest or self.request.inputs_digest())

    def queued(self, position: int) -> None:
        """Tells, once, that it waits, with `position` others before it."""
        if self._announced:
            return
        self._announced = True
        if not self.request.message.events.omit_progress:
            self.log.append(execution_pb2.Event(queued=execution_pb2.Queued(position=position, execution_id=self.id)))

    def starting(self) -> None:
        """It was handed to a worker."""
        self._lifecycle.move(ExecutionState.STARTING)
        self.started_ns = time.time_ns()
        self._queue_ns = time.monotonic_ns() - self._accepted_ns

    def running(self, worker: str, warm: bool) -> None:
        """The worker has it."""
        self._lifecycle.move(ExecutionState.RUNNING)
        if not self.request.message.events.omit_progress:
            self.log.append(execution_pb2.Event(started=execution_pb2.Started(worker=worker, warm=warm)))

    def write(self, stream: execution_pb2.LogStream, data: bytes) -> None:
        """Adds output of the task."""
        self._append_text(stream, self._lines.setdefault(stream, LineAssembler()).feed(data))

    def event(self, event: execution_pb2.Event) -> None:
        """Adds an event of the worker. Metrics and live decks count as the log does; the final deck is always kept."""
        if event.HasField("metric"):
            self._on_metric(event.metric)
        if (event.HasField("deck") and event.deck.final) or self._budget.take(event.ByteSize()):
            self.log.append(event)

    def finish(self, outcome: execution_pb2.Outcome, worker: str) -> None:
        """Ends it. The receipt is completed with what only the server knows."""
        for stream in _STREAMS:
            if (lines := self._lines.get(stream)) is not None:
                self._append_text(stream, lines.flush())
        if self._budget.dropped:
            self.log.append(execution_pb2.Event(log=execution_pb2.Log(dropped_bytes=self._budget.dropped)))
        self._lifecycle.move(ExecutionState(outcome.state))
        self.ended_ns = time.time_ns()
        receipt = outcome.receipt
        receipt.queue_ns = self._queue_ns or time.monotonic_ns() - self._accepted_ns
        receipt.worker = worker
        receipt.environment = self.environment
        literals, self.literals = self.literals, None
        if not outcome.HasField("outputs"):
            literals = None
        self.log.append(execution_pb2.Event(outcome=outcome), self.outcome_bytes, literals)
        self._forget_inputs()

    def _forget_inputs(self) -> None:
        """Ended executions are remembered; their inputs, which may be large, need not be."""
        if self.request.message.execution_id:
            self._inputs_digest = self.request.inputs_digest()
        self.request = self.request.without_inputs()

    def _append_text(self, stream: execution_pb2.LogStream, text: str) -> None:
        if kept := self._budget.admit(text):
            self.log.append(execution_pb2.Event(log=execution_pb2.Log(stream=stream, text=kept)))
