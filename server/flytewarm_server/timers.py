"""Timers for what happens with each execution, and nearly always ends before its time: the event loop's own, set and
cancelled each time, cost more than what they look after."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable


class Delay:
    """Calls functions a fixed time after each was given, by one timer for all. They cannot be cancelled. Lives on one
    event loop."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: the time."""
        self._seconds = seconds
        self._due: deque[tuple[float, Callable[[], None]]] = deque()

    def call(self, function: Callable[[], None]) -> None:
        """Has `function` called, on the running event loop."""
        loop = asyncio.get_running_loop()
        self._due.append((loop.time() + self._seconds, function))
        if len(self._due) == 1:
            loop.call_later(self._seconds, self._call_due, loop)

    def _call_due(self, loop: asyncio.AbstractEventLoop) -> None:
        # A timer may come early by the resolution of the loop's clock; the first one is due all the same.
        now = max(loop.time(), self._due[0][0])
        while self._due and self._due[0][0] <= now:
            # Not called here: one that raises is the loop's to tell, and the others are called all the same.
            loop.call_soon(self._due.popleft()[1])
        if self._due:
            loop.call_at(self._due[0][0], self._call_due, loop)


class Countdown:
    """Calls a function when something has taken longer than it may. The timer stays when that ends in time, and is set
    again when it finds that something else has begun meanwhile."""

    def __init__(self, seconds: float, on_timeout: Callable[[], None]) -> None:
        """`seconds`: how long it may take."""
        self._seconds = seconds
        self._on_timeout = on_timeout
        # In the event loop's time; None while nothing is waited for.
        self._begun: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """It has begun."""
        loop = asyncio.get_running_loop()
        self._begun = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)

    def end(self) -> None:
        """It has ended, or is not waited for any more."""
        self._begun = None

    def close(self) -> None:
        """As end(), and no timer stays."""
        self._begun = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._begun is None:
            return
        if loop.time() < (due := self._begun + self._seconds):
            self._timer = loop.call_at(due, self._look, loop)
            return
        self._begun = None
        self._on_timeout()
