"""Histograms of the phases of executions, on one thread and therefore without locks.

prometheus_client's own histogram takes two locks and walks all buckets on each observation, 2 µs for each of nine
phases. Next to an execution of half a millisecond that shows; a bisection of plain lists does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from flytewarm_server.messages import execution_pb2

PHASES = ("queue", "load", "download", "convert", "run", "convert_back", "upload", "deck", "worker")
# Upper bounds in seconds: from a warm conversion (a tenth of a millisecond) to tasks that run for hours.
BUCKETS = (
    *(1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0),
)
_BOUNDS_NS = [round(bound * 1e9) for bound in BUCKETS]


class _Histogram:
    """Observations of one phase."""

    __slots__ = ("counts", "total_ns")

    def __init__(self) -> None:
        # Not cumulative: how many fell between the bound before and this one; the last is beyond all bounds.
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total_ns = 0


class PhaseHistograms(Collector):
    """flytewarm_phase_seconds, one histogram for each phase."""

    def __init__(self) -> None:
        self._histograms = {phase: _Histogram() for phase in PHASES}
        self._by_field = [(f"{phase}_ns", histogram) for phase, histogram in self._histograms.items()]

    def observe(self, receipt: execution_pb2.Receipt) -> None:
        """Adds the phases of a receipt. Those of zero length did not happen and are left out."""
        for field, histogram in self._by_field:
            nanoseconds = getattr(receipt, field)
            if nanoseconds:
                histogram.total_ns += nanoseconds
                histogram.counts[bisect_left(_BOUNDS_NS, nanoseconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        family = HistogramMetricFamily(
            "flytewarm_phase_seconds",
            "Wall-clock time of the phases that an execution went through, in seconds.",
            labels=["phase"],
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        for phase, histogram in self._histograms.items():
            buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
            family.add_metric([phase], buckets=buckets, sum_value=histogram.total_ns / 1e9)
        yield family
