"""Entries of the timeline, as flytekit's timeit adds them."""

from __future__ import annotations

import datetime
import time

from flytekit.core.context_manager import ExecutionParameters

_UTC = datetime.timezone.utc


class Moment:
    """Now, by the three clocks of the timeline. Where one part ends and the next begins, one moment serves both."""

    __slots__ = ("cpu", "date", "wall")

    def __init__(self) -> None:
        self.date = datetime.datetime.now(_UTC)
        self.wall, self.cpu = time.perf_counter(), time.process_time()


def add_entries(parameters: ExecutionParameters, begin: Moment, end: Moment, *names: str) -> None:
    """Adds what took the time between two moments, in the order in which it ended."""
    deck = parameters.timeline_deck
    for name in names:
        deck.append_time_info(
            {
                "Name": name,
                "Start": begin.date,
                "Finish": end.date,
                "WallTime": end.wall - begin.wall,
                "ProcessTime": end.cpu - begin.cpu,
            }
        )
