"""What the benchmark knows of a system: ways to have the task run, and its processes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from processes import below_this

# How many callers are tried, each with one call after the other, all in one client process on one event loop.
CALLERS = (1, 2, 8, 64)


@dataclass(frozen=True)
class Target:
    """One way to have the task run."""

    call: Callable[[], Awaitable[None]]
    processes: Callable[[], set[int]] = below_this
    """The system's processes at this moment, without the client's."""
    calls: int = 200
    """How many are timed, one by one, in a round."""
    pause_s: float = 0.0
    """Before each of these."""
    callers: tuple[int, ...] = CALLERS
    """With how many callers the throughput is measured; none for not at all."""


@dataclass(frozen=True)
class System:
    """A system that is ready: its targets by name."""

    targets: dict[str, Target]
    workers: Callable[[], Awaitable[list[int]]]
    """Ids of the processes that run tasks."""
    processes: Callable[[], set[int]] = below_this
    """All its processes at this moment, without the client's."""
    beside: dict[str, Callable[[], set[int]]] = field(default_factory=dict)
    """What else runs with it, by name: the processes whose memory is told, too."""
