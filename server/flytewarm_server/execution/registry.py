"""All executions that the service knows, by id: idempotency, and a bounded memory of finished ones."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator

from flytewarm_server.execution.events import COALESCE_SECONDS
from flytewarm_server.execution.execution import Execution, MetricObserver, ignore_metric
from flytewarm_server.execution.request import ValidRequest
from flytewarm_server.timers import Delay


class RequestMismatchError(Exception):
    """The id names an execution of a different request."""


class Registry:
    """Not thread-safe; lives on the server's event loop."""

    def __init__(
        self, retain: int, retain_bytes: int, max_log_bytes: int, on_metric: MetricObserver = ignore_metric
    ) -> None:
        """What is remembered of finished executions: `retain` in number, `retain_bytes` of events in all.

        `max_log_bytes`: log kept for each execution. `on_metric` is called with each metric of a task.
        """
        self._retain = retain
        self._retain_bytes = retain_bytes
        self._bytes = 0
        self._max_log_bytes = max_log_bytes
        self._on_metric = on_metric
        self._coalescing = Delay(COALESCE_SECONDS)
        self._count = 0
        self._running: dict[str, Execution] = {}
        self._finished: OrderedDict[str, Execution] = OrderedDict()

    def running(self) -> list[Execution]:
        """Executions without an outcome."""
        return list(self._running.values())

    @property
    def is_idle(self) -> bool:
        """Whether every execution has its outcome."""
        return not self._running

    def newest_first(self, before: int | None = None) -> Iterator[Execution]:
        """Every execution that is known, or those whose number is less than `before`."""
        known = [*self._running.values(), *self._finished.values()]
        known.sort(key=lambda execution: execution.number, reverse=True)
        return (execution for execution in known if before is None or execution.number < before)

    def get(self, execution_id: str) -> Execution | None:
        """Finds an execution; None when the id is unknown or was forgotten."""
        return self._running.get(execution_id) or self._finished.get(execution_id)

    def attach(self, request: ValidRequest) -> Execution | None:
        """The execution that the request's id already names, None if it is new. Raises RequestMismatchError."""
        found = self.get(request.message.execution_id)
        if found is not None and (fields := found.differences(request)):
            told = f"execution {found.id!r} belongs to a different request, in {', '.join(fields)}"
            raise RequestMismatchError(f"{told}: watch it (WatchExecution), or use another id")
        return found

    def create(self, request: ValidRequest, level: int = 0) -> Execution:
        """Makes a new execution, with an id of its own when the request names none. For `level` see Execution."""
        execution_id = request.message.execution_id or os.urandom(8).hex()
        self._count += 1
        execution = Execution(
            execution_id, request, self._max_log_bytes, self._coalescing, self._on_metric, self._count, level
        )
        self._running[execution.id] = execution
        return execution

    def discard(self, execution: Execution) -> None:
        """Forgets an execution that was not accepted after all."""
        self._running.pop(execution.id, None)

    def finished(self, execution: Execution) -> None:
        """Moves an execution to the finished ones and forgets the oldest over the limits."""
        self._running.pop(execution.id, None)
        self._finished[execution.id] = execution
        self._bytes += execution.log.bytes
        while self._finished and (len(self._finished) > self._retain or self._bytes > self._retain_bytes):
            _, oldest = self._finished.popitem(last=False)
            self._bytes -= oldest.log.bytes
