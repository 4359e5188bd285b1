"""The executions that wait for a worker: by priority, then by age; and how many may wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator

from flytewarm_server.execution.execution import Execution

# An environment may have so many times more waiting than there are places left.
_GREED = 4


class QueueFullError(Exception):
    """As much waits as may wait. `limit` is the option that says so."""

    def __init__(self, message: str, limit: str) -> None:
        super().__init__(f"{message} ({limit})")
        self.limit = limit


class Admission:
    """Counts what waits, for a worker or for its environment, and refuses what is too much.

    What tasks ask for while they run is counted apart, by the level of nesting: it is not refused because of what waits
    for those tasks' workers. All bounds are for each level.
    """

    def __init__(self, in_all: int, for_each: int) -> None:
        """`in_all`: the largest number that waits; `for_each`: the same for one environment, 0 for no such bound.

        Of the places in all one environment gets at most four times as many as are left: alone four fifths of them. So
        one that fills the queue leaves room for others; as it goes on, their shares become equal.
        """
        self._in_all = in_all
        self._for_each = for_each
        self._levels: Counter[int] = Counter()
        self._environments: Counter[tuple[Hashable, int]] = Counter()

    def __len__(self) -> int:
        return self._levels.total()

    def take(self, environment: Hashable, level: int) -> None:
        """Takes a place in the queue. Raises QueueFullError."""
        total, own = self._levels[level], self._environments[environment, level]
        if total >= self._in_all:
            raise QueueFullError(f"{total} requests wait already, the limit is {self._in_all}", "--max-queue")
        if self._for_each and own >= self._for_each:
            told = f"{own} requests wait for this environment already, the limit is {self._for_each}"
            raise QueueFullError(told, "--max-queue-per-environment")
        left = self._in_all - total
        if own >= _GREED * left:
            told = f"{own} requests wait for this environment already, the last {left} of {self._in_all} places are"
            raise QueueFullError(f"{told} for other environments", "--max-queue")
        self._count(environment, level, 1)

    def move(self, old: Hashable, new: Hashable, level: int) -> None:
        """What waited for an environment to be made, as `old`, waits for a worker of it from now on."""
        self._count(old, level, -1)
        self._count(new, level, 1)

    def leave(self, environment: Hashable, level: int) -> None:
        """Gives a place back."""
        self._count(environment, level, -1)

    def _count(self, environment: Hashable, level: int, step: int) -> None:
        self._levels[level] += step
        self._environments[environment, level] += step
        if not self._environments[environment, level]:
            del self._environments[environment, level]


class WaitingQueue:
    """A priority queue from which anything can be taken out."""

    def __init__(self) -> None:
        self._by_priority: dict[int, dict[str, Execution]] = {}
        self._length = 0
        # How many of them want a process of their own.
        self.own_process = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Execution]:
        """In the order in which they are to be started."""
        for priority in sorted(self._by_priority, reverse=True):
            yield from self._by_priority[priority].values()

    def push(self, execution: Execution) -> int:
        """Adds an execution; returns how many are ahead of it."""
        priority = execution.request.message.policy.priority
        self._by_priority.setdefault(priority, {})[execution.id] = execution
        self._length += 1
        self.own_process += execution.request.own_process
        return sum(len(level) for other, level in self._by_priority.items() if other >= priority) - 1

    def remove(self, execution: Execution) -> Execution:
        """Takes one out. Raises KeyError when it does not wait."""
        priority = execution.request.message.policy.priority
        level = self._by_priority[priority]
        del level[execution.id]
        if not level:
            del self._by_priority[priority]
        self._length -= 1
        self.own_process -= execution.request.own_process
        return execution
