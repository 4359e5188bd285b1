"""How many workers an environment has: rules over numbers, without the workers themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Of the workers of one environment: how many stay when they idle, and how many there may be."""

    least: int
    most: int


@dataclass(frozen=True)
class Demand:
    """What waits for a worker and may start as soon as there is one."""

    executions: int = 0
    # Of these: those that need a worker in which nothing has run; and nested ones, which tasks of running executions
    # wait for, or descriptions, which do not wait for executions.
    fresh: int = 0
    nested: int = 0


@dataclass(frozen=True)
class Census:
    """The workers of one environment that are not ending."""

    starting: int = 0
    idle: int = 0
    busy: int = 0
    # Of the busy ones: those with nested work, and those that end with their execution.
    nested: int = 0
    spent: int = 0
    # Busy or idle ones that are to be replaced.
    leaving: int = 0

    @property
    def living(self) -> int:
        """All of them."""
        return self.starting + self.idle + self.busy


def grown(size: int, bounds: Bounds, census: Census, demand: Demand) -> int:
    """The number of workers to keep, which was `size`, now that so many have work or wait for it."""
    return max(size, min(bounds.most, census.busy + demand.executions))


def to_fork(size: int, bounds: Bounds, census: Census, demand: Demand) -> int:
    """How many workers to fork now, to keep `size` of them.

    One more than that, and than `bounds.most`, is forked ahead for those that are to be replaced: so they go one at a
    time, after their replacement is ready. Nested work gets workers beyond `bounds.most`, for the workers that it would
    wait for have work that waits for it.
    """
    nobody_next = census.spent and not (census.idle or census.starting)
    wanted = size + 1 if census.leaving or nobody_next else size
    wanted = max(wanted, census.living + demand.executions - census.starting)
    ahead = 1 if census.leaving or census.spent or demand.fresh else 0
    limit = bounds.most + census.nested + demand.nested + ahead
    return max(0, min(wanted, limit) - census.living)


def surplus(size: int, census: Census, parents: int) -> int:
    """How many workers are too many now that nothing waits for them. Those that were forked for nested work stay while
    the `parents` run, which may have more of it."""
    return max(0, census.living - size - parents - (1 if census.leaving or census.spent else 0))


def may_leave(size: int, census: Census) -> bool:
    """Whether a worker that is to be replaced can go: without it as many are ready as are to be kept."""
    return census.leaving > 0 and census.idle + census.busy > size


def overdue(idle_seconds: Sequence[float], ttl: float, living: int, least: int) -> int:
    """How many of the idle workers have idled long enough to end, of `living` workers of which `least` stay. A `ttl` of
    0 keeps all."""
    if not ttl:
        return 0
    return max(0, min(sum(seconds >= ttl for seconds in idle_seconds), living - least))
