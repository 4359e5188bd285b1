"""Prometheus metrics of the service, in one registry, fed by the one process that serves.

Every series is made beforehand: counting is a look-up, and a series that has not counted yet reads zero instead of
being absent. Labels are bounded; nothing that a client sends becomes one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, PlatformCollector, ProcessCollector, values

from flytewarm_server.messages import execution_pb2
from flytewarm_server.pool.start_method import EXEC_KINDS
from flytewarm_server.telemetry.phases import PhaseHistograms

# The library would otherwise keep its numbers in a file for each process if PROMETHEUS_MULTIPROC_DIR is set, as it may
# be for the sake of the tasks. Those files are never cleaned up, and this service needs none.
values.ValueClass = values.MutexValue

_OUTCOMES = ("succeeded", "failed", "cancelled", "timed_out", "lost")
_WORKER_STATES = ("starting", "idle", "busy", "retiring")
_METRIC_KINDS = {
    execution_pb2.METRIC_KIND_COUNTER: "counter",
    execution_pb2.METRIC_KIND_GAUGE: "gauge",
    execution_pb2.METRIC_KIND_TIMING: "timing",
}
# The statuses that the service itself gives, with the reason in their ErrorInfo (rpc/status.py).
_REFUSALS = (
    *(("INVALID_ARGUMENT", ""), ("NOT_FOUND", ""), ("ALREADY_EXISTS", ""), ("OUT_OF_RANGE", ""), ("UNAVAILABLE", "")),
    *(("UNAUTHENTICATED", ""), ("PERMISSION_DENIED", "NOT_ALLOWED"), ("RESOURCE_EXHAUSTED", "QUEUE_FULL")),
    *(("FAILED_PRECONDITION", reason) for reason in ("ENVIRONMENT_BROKEN", "NESTING_TOO_DEEP", "DISTRIBUTION")),
    *(("UNIMPLEMENTED", "UNIMPLEMENTED"), ("DEADLINE_EXCEEDED", ""), ("INTERNAL", ""), ("other", "")),
)
_EXIT_REASONS = (
    *("retired", "isolated", "ended", "lost", "start_failed", "stopped"),
    *("max_executions", "memory_growth", "out_of_memory", "idle", "surplus", "other"),
)


class Metrics:
    """What is counted. Every method is meant for the event loop and takes microseconds."""

    def __init__(self) -> None:
        #: What /metrics shows.
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._phases = PhaseHistograms()
        registry.register(self._phases)
        ended = Counter("flytewarm_executions", "Executions that ended, by outcome.", ["outcome"], registry=registry)
        workers = Gauge("flytewarm_workers", "Workers, by state.", ["state"], registry=registry)
        exits = Counter("flytewarm_worker_exits", "Workers that ended, by reason.", ["reason"], registry=registry)
        metrics = Counter(
            "flytewarm_task_metrics", "Metrics that tasks streamed, by kind.", ["kind"], registry=registry
        )
        self._task_metrics = {kind: metrics.labels(name) for kind, name in _METRIC_KINDS.items()}
        self._ended = {outcome: ended.labels(outcome) for outcome in _OUTCOMES}
        # Read when somebody asks: workers change their state four times for each execution.
        self._workers = dict.fromkeys(_WORKER_STATES, 0)
        for state in _WORKER_STATES:
            workers.labels(state).set_function(partial(self._workers.__getitem__, state))
        self._exits = {reason: exits.labels(reason) for reason in _EXIT_REASONS}
        refused = Counter(
            "flytewarm_refused_calls",
            "Calls that the service ended with a status other than OK, by code and the reason in its ErrorInfo.",
            ["code", "reason"],
            registry=registry,
        )
        self._refused = {labels: refused.labels(*labels) for labels in _REFUSALS}
        self._queue = Gauge("flytewarm_queue_length", "Executions that wait for a worker.", registry=registry)
        self._evictions = Counter(
            "flytewarm_environment_evictions", "Environments of requests that were evicted.", registry=registry
        )
        loaded = Counter(
            "flytewarm_environments_loaded",
            "Environments that were loaded, by how their workers start and why they are exec'd.",
            ["start_method", "reason"],
            registry=registry,
        )
        self._loaded = {kind: loaded.labels("exec" if kind else "fork", kind) for kind in ("", *EXEC_KINDS)}
        self._environments_memory = Gauge(
            "flytewarm_environments_memory_bytes",
            "Memory of the environments of requests, measured when there is a budget for it.",
            registry=registry,
        )
        self._ready = Gauge("flytewarm_ready", "1 while the service takes work, 0 otherwise.", registry=registry)

    def execution_ended(self, state: str, receipt: execution_pb2.Receipt) -> None:
        """Counts an execution that reached the terminal `state`, given by its name in any case, and the phases of its
        receipt. Raises KeyError for other states."""
        self._ended[state.lower()].inc()
        self._phases.observe(receipt)

    def task_metric(self, metric: execution_pb2.Metric) -> None:
        """Counts a metric of a task. Its name, tags and value are the task's: none of them becomes a label."""
        if (counter := self._task_metrics.get(metric.kind)) is not None:
            counter.inc()

    def worker_changed(self, old: str | None, new: str) -> None:
        """Moves a worker between states, given by their names in any case; `old` is None for a new worker. Dead workers
        are in no state. Raises KeyError for states that do not exist."""
        if old is not None:
            self._workers[old.lower()] -= 1
        if new.lower() != "dead":
            self._workers[new.lower()] += 1

    def worker_exited(self, reason: str) -> None:
        """Counts the end of a worker's process: retired (its state could not be restored), isolated (it has had its one
        execution under PROCESS, or made way for one), ended (with its execution: cancelled or timed out), lost (by
        itself), start_failed, stopped (with its environment), max_executions and memory_growth (replaced for that),
        idle (for too long), or surplus (it was forked for a need that has passed). Anything else counts as other."""
        self._exits.get(reason, self._exits["other"]).inc()

    def call_refused(self, code: str, reason: str) -> None:
        """Counts a call that ends with a status: its code's name, and the reason that its ErrorInfo gives. What
        the service does not give counts as other."""
        self._refused.get((code, reason), self._refused["other", ""]).inc()

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Has `length` asked, whenever somebody wants to know, how many executions wait."""
        self._queue.set_function(length)

    def environment_loaded(self, exec_kind: str) -> None:
        """Counts an environment whose zygote serves. `exec_kind`: why its workers are exec'd (pool/start_method.py);
        empty when they are forked."""
        self._loaded[exec_kind].inc()

    def environment_evicted(self) -> None:
        """Counts an environment that was ended because it was not used."""
        self._evictions.inc()

    def environments_memory(self, size: int) -> None:
        """Says how many bytes the environments of requests take."""
        self._environments_memory.set(size)

    def ready_changed(self, ready: bool) -> None:
        """Says whether the service takes work."""
        self._ready.set(ready)
