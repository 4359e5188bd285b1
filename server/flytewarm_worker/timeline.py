"""Entries of the timeline, as flytekit's timeit adds them."""

from __future__ import annotations

import datetime
import time

from flytekit.core.context_manager import ExecutionParameters

_UTC = datetime.timezone.utc


class Timed:
    """An entry, begun now."""

    __slots__ = ("_cpu", "_name", "_start", "_wall")

    def __init__(self, name: str) -> None:
        self._name = name
        self._start = datetime.datetime.now(_UTC)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def end(self, parameters: ExecutionParameters) -> None:
        """Adds it to the timeline."""
        parameters.timeline_deck.append_time_info(
            {
                "Name": self._name,
                "Start": self._start,
                "Finish": datetime.datetime.now(_UTC),
                "WallTime": time.perf_counter() - self._wall,
                "ProcessTime": time.process_time() - self._cpu,
            }
        )
