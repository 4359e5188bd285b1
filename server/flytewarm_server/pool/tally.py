"""Counts an environment's workers as they change, so that nobody has to go through them for each request."""

from __future__ import annotations

from collections import Counter

from flytewarm_server.pool.sizing import Census
from flytewarm_server.pool.states import WorkerState


class Tally:
    """Of the workers of one environment, by state; of the busy ones also by the level of nesting of their work."""

    def __init__(self) -> None:
        self._states: Counter[WorkerState] = Counter()
        self._busy: Counter[int] = Counter()

    def changed(self, level: int, old: WorkerState | None, new: WorkerState) -> None:
        """A worker has gone from one state to another, or has begun; `level` is that of the work it has or had last."""
        if old is not None:
            self._states[old] -= 1
        self._states[new] += 1
        if new is WorkerState.BUSY:
            self._busy[level] += 1
        elif old is WorkerState.BUSY:
            self._busy[level] -= 1

    @property
    def starting(self) -> int:
        """How many are being made."""
        return self._states[WorkerState.STARTING]

    @property
    def living(self) -> int:
        """How many there are without those that are ending."""
        return self.starting + self._states[WorkerState.IDLE] + self._states[WorkerState.BUSY]

    def busy(self, level: int) -> int:
        """How many have work of a level."""
        return self._busy[level]

    def census(self, spent: int, leaving: int) -> Census:
        """All of it, with what only the workers know."""
        busy = self._states[WorkerState.BUSY]
        return Census(
            starting=self.starting,
            idle=self._states[WorkerState.IDLE],
            busy=busy,
            nested=busy - self._busy[0],
            spent=spent,
            leaving=leaving,
        )
