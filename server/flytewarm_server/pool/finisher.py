"""The ends of executions: error document, outcome, registry, metrics; and the moment when none is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from flytewarm_server.background import BackgroundTasks
from flytewarm_server.execution.documents import write_error_document
from flytewarm_server.execution.endings import PREEMPTED, Ending, outcome_of_ending
from flytewarm_server.execution.execution import Execution
from flytewarm_server.execution.registry import Registry
from flytewarm_server.memory_return import MemoryReturn
from flytewarm_server.messages import execution_pb2
from flytewarm_server.security.redaction import redacted
from flytewarm_server.telemetry.metrics import Metrics

_log = structlog.get_logger(__name__)
# How long writing an error document may take before the outcome is sent without it, in seconds.
_DOCUMENT_SECONDS = 30.0
# The same while the service stops, in seconds.
_LAST_DOCUMENT_SECONDS = 5.0


class Finisher:
    """Gives each execution its one outcome."""

    def __init__(self, registry: Registry, metrics: Metrics, on_finish: Callable[[Execution], object]) -> None:
        """`on_finish` is called with each execution that has its outcome."""
        self._registry = registry
        self._metrics = metrics
        self._on_finish = on_finish
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._background = BackgroundTasks("ends")
        self._memory = MemoryReturn()
        # Set while nothing waits or runs.
        self.idle = asyncio.Event()
        self.idle.set()
        # Bound once, as in Pool.
        self._log = _log.bind()
        # Whether error documents are given less time.
        self.hurried = False

    async def close(self) -> None:
        """Gives up what still writes."""
        self._memory.close()
        await self._background.close()

    def expect(self, execution: Execution, on_timeout: Callable[[Execution], None]) -> None:
        """From now on an execution waits or runs; `on_timeout` is called when its timeout passes."""
        self.idle.clear()
        if (timeout := execution.request.timeout_seconds) is not None:
            loop = asyncio.get_running_loop()
            execution.deadline = loop.time() + timeout
            self._timers[execution.id] = loop.call_at(execution.deadline, on_timeout, execution)

    def finish(self, execution: Execution, outcome: execution_pb2.Outcome, worker: str) -> None:
        """Ends an execution, unless it has its outcome: the stop does not wait for documents."""
        if execution.ended:
            return
        if (timer := self._timers.pop(execution.id, None)) is not None:
            timer.cancel()
        execution.finish(outcome, worker)
        self._on_finish(execution)
        self._registry.finished(execution)
        self._metrics.execution_ended(execution.state.name.lower(), outcome.receipt)
        self._memory.passed(outcome.receipt.input_bytes + execution.log.bytes)
        self._log.debug("execution ended", execution=execution.id, state=execution.state.name, worker=worker)
        if self._registry.is_idle:
            self.idle.set()

    def finish_for(self, execution: Execution, ending: Ending, worker: str = "") -> None:
        """Ends an execution without a worker's outcome: the error document first, then the outcome."""
        self._background.spawn(self._write_and_finish(execution, ending, worker))

    async def wait_or_give_up(self, seconds: float) -> None:
        """Waits for executions that were told to end; those that do not get their outcome all the same."""
        try:
            await asyncio.wait_for(self.idle.wait(), seconds + 2 * _LAST_DOCUMENT_SECONDS)
        except asyncio.TimeoutError:
            for execution in self._registry.running():
                self.finish(execution, outcome_of_ending(execution.ending or PREEMPTED), worker="")

    async def _write_and_finish(self, execution: Execution, ending: Ending, worker: str) -> None:
        _log.info("execution ended by the service", execution=execution.id, code=ending.code, reason=ending.message)
        outcome = outcome_of_ending(ending)
        if worker:
            outcome.receipt.worker_retired = ending.message
        message = execution.request.message
        if message.settings.output_prefix:
            try:
                outcome.error.uri = await write_error_document(
                    message.settings.output_prefix,
                    outcome.error.error,
                    message.settings.env,
                    _LAST_DOCUMENT_SECONDS if self.hurried else _DOCUMENT_SECONDS,
                )
            except Exception as error:  # noqa: BLE001  # whatever the storage raises, the outcome must be told
                reason = redacted(str(error)) or type(error).__name__
                _log.error("error document not written", execution=execution.id, error=reason)
        self.finish(execution, outcome, worker)
